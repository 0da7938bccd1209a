"""Replay, inference and evaluation together: `ros2 launch lss_bev_ros demo.launch.py dataroot:=DIR`.

The launch ends with the replay, or with the first node that fails.
"""

from launch import LaunchDescription
from launch.actions import EmitEvent, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown

from lss_bev_ros.nodes.launching import include


def generate_launch_description() -> LaunchDescription:
    """All nodes; every argument of the three launch files is one of this file too."""
    stop = EmitEvent(event=Shutdown(reason="a node of the demo ended"))
    return LaunchDescription(
        [
            RegisterEventHandler(OnProcessExit(on_exit=[stop])),
            include("inference.launch.py"),
            include("evaluation.launch.py"),
            include("replay.launch.py"),
        ]
    )
