"""Replay a nuScenes data set: `ros2 launch lss_bev_ros replay.launch.py dataroot:=/data/nuscenes`."""

from launch import LaunchDescription

from lss_bev_ros.nodes.configuration import ReplayParameters
from lss_bev_ros.nodes.launching import node_with_arguments


def generate_launch_description() -> LaunchDescription:
    """The replay node, its parameters as arguments."""
    return LaunchDescription(node_with_arguments("replay", ReplayParameters))
