"""Topics: what `ros2 topic list|echo|hz|bw|info` do, with or without ROS 2.

Each command is a function of the module of its name; they need rclpy, so call `pipros.activate()`
before importing them where ROS 2 may be missing.
"""
