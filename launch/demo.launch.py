"""Replay, inference, evaluation and dashboard: `ros2 launch lss_bev_ros demo.launch.py dataroot:=DIR`.

The launch ends with the replay, or with the first node that cannot start; one that is killed or fails is
started again, see `respawn`. The page is at http://127.0.0.1:8080; `dashboard:=false` leaves it out.
`rviz:=true` shows it in RViz2. Several run at once in one domain, each with a `namespace`, `port` and
`report` of its own.
"""

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration, PythonExpression

from lss_bev_ros.dataset.contents import camera_names
from lss_bev_ros.errors import DatasetError
from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.nodes.exit_code import is_worth_another
from lss_bev_ros.nodes.launching import include, is_true, rviz


def generate_launch_description() -> LaunchDescription:
    """All nodes; every argument of the four launch files is one of this file too."""
    recorded_time = PythonExpression(["'", LaunchConfiguration("stamp", default=""), "' == 'dataset'"])
    raw_images = PythonExpression(
        ["'true' if '", LaunchConfiguration("image_transport", default=""), "' == 'raw' else ''"]
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "use_sim_time",
                default_value=recorded_time,
                description="use the time of /clock; true with stamp:=dataset",
            ),
            DeclareLaunchArgument(
                "namespaced_clock",
                default_value=recorded_time,
                description="/clock is inside the namespace; true with stamp:=dataset",
            ),
            DeclareLaunchArgument(
                "publish_raw",
                default_value=raw_images,
                description="also publish decoded images; true with image_transport:=raw",
            ),
            DeclareLaunchArgument(
                "wait_for_subscribers",
                default_value="1",
                description="number of subscribers that each camera must have before the first frame",
            ),
            DeclareLaunchArgument(
                "wait_for_publisher",
                default_value="bev/occupancy",
                description="topic that must have a publisher before the first frame",
            ),
            DeclareLaunchArgument(
                "reliability",
                default_value="reliable",
                description="QoS reliability of image and LiDAR subscriptions; one machine loses nothing",
            ),
            DeclareLaunchArgument(
                "dashboard", default_value="true", description="start the dashboard, a page in the browser"
            ),
            OpaqueFunction(function=_cameras),
            RegisterEventHandler(OnProcessExit(on_exit=_stop)),
            include("inference.launch.py"),
            include("evaluation.launch.py"),
            include("replay.launch.py"),
            include("dashboard.launch.py", IfCondition(LaunchConfiguration("dashboard"))),
            *rviz(),
        ]
    )


def _cameras(context: LaunchContext) -> list[Action]:
    """Name the data set's cameras to the nodes where they are not nuScenes' six."""
    given = {
        name: LaunchConfiguration(name, default="").perform(context)
        for name in ("cameras", "dataroot", "version")
    }
    if given["cameras"] or not given["dataroot"]:
        return []
    try:
        names = camera_names(given["dataroot"], given["version"])
    except DatasetError:
        return []  # the replay says what is wrong with it
    if not names or set(names) == set(CAMERA_NAMES):
        return []
    return [SetLaunchConfiguration("cameras", f"[{', '.join(names)}]")]


def _stop(event: ProcessExited, context: LaunchContext) -> list[Action]:
    """End the demo with any of its nodes that does not come back; who only watches may leave."""
    if event.process_name.startswith(("rviz2", "dashboard_node")):
        return []
    if is_true(context, "respawn", "true") and is_worth_another(event.returncode):
        return []
    return [EmitEvent(event=Shutdown(reason="a node of the demo ended"))]
