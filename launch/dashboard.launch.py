"""Show everything in the browser: `ros2 launch lss_bev_ros dashboard.launch.py port:=8080`."""

from launch import LaunchDescription

from lss_bev_ros.nodes.configuration import DashboardParameters
from lss_bev_ros.nodes.launching import node_with_arguments


def generate_launch_description() -> LaunchDescription:
    """The dashboard node, its parameters as arguments."""
    return LaunchDescription(node_with_arguments("dashboard", DashboardParameters))
