"""Actions of `launch_ros.actions`."""

from launch_ros.actions.node import Node
from launch_ros.actions.push_ros_namespace import PushROSNamespace, PushRosNamespace
from launch_ros.actions.set_parameter import SetParameter

__all__ = [
    "Node",
    "PushROSNamespace",
    "PushRosNamespace",
    "SetParameter",
]
