"""The network and a nav2 costmap of its grid: `ros2 launch examples/nav2_costmap/costmap.launch.py`.

Needs ROS 2 with `ros-$ROS_DISTRO-nav2-costmap-2d` and `-nav2-lifecycle-manager`, and this package sourced.
Arguments are those of inference.launch.py, such as `weights:=model525000.pt`.
"""

from pathlib import Path

from launch import LaunchDescription
from launch_ros.actions import Node

from lss_bev_ros.nodes.launching import include

PARAMETERS = str(Path(__file__).resolve().with_name("costmap.yaml"))


def generate_launch_description() -> LaunchDescription:
    """Inference, the costmap, and the manager that activates it."""
    return LaunchDescription(
        [
            include("inference.launch.py"),
            Node(
                package="nav2_costmap_2d",
                executable="nav2_costmap_2d",
                parameters=[PARAMETERS],
                output="screen",
            ),
            Node(
                package="nav2_lifecycle_manager",
                executable="lifecycle_manager",
                name="lifecycle_manager_costmap",
                parameters=[{"autostart": True, "bond_timeout": 0.0, "node_names": ["costmap/costmap"]}],
                output="screen",
            ),
        ]
    )
