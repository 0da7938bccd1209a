"""Run the network on a live car or a bag: `ros2 launch lss_bev_ros inference.launch.py`."""

from launch import LaunchDescription

from lss_bev_ros.nodes.configuration import InferenceParameters
from lss_bev_ros.nodes.launching import node_with_arguments


def generate_launch_description() -> LaunchDescription:
    """The inference node, its parameters as arguments."""
    return LaunchDescription(node_with_arguments("inference", InferenceParameters))
