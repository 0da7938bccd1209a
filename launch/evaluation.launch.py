"""Score the grid while it is published: `ros2 launch lss_bev_ros evaluation.launch.py report:=out.json`."""

from launch import LaunchDescription

from lss_bev_ros.nodes.configuration import EvaluationParameters
from lss_bev_ros.nodes.launching import node_with_arguments


def generate_launch_description() -> LaunchDescription:
    """The evaluation node, its parameters as arguments."""
    return LaunchDescription(node_with_arguments("evaluation", EvaluationParameters))
