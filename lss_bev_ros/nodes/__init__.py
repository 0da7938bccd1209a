"""The ROS 2 surface: one file a node, and what the nodes share."""
