"""Stand-in for ROS 2's `launch_ros`, where ROS 2 is not installed.

The part of ros2/launch_ros (branch jazzy) that simple launch files use: nodes with their names, namespaces,
parameters and remappings, and the folders of packages.
"""

from launch_ros import actions, parameter_descriptions, substitutions

__all__ = ["actions", "parameter_descriptions", "substitutions"]
