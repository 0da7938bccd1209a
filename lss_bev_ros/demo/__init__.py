"""The demonstration: the launch file, a bag and a live status, on a real ROS 2 or without one."""
