"""Launch arguments from the nodes' configuration, for the files in launch/."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext
from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.condition import Condition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from . import spare
from .respawn import Respawn

PACKAGE = "lss_bev_ros"

# A replay that comes back has nobody who resumes it.
_ON_RETURN = {"replay": ("--ros-args", "-p", "paused:=false")}


def share(*parts: str) -> str:
    """A file of the package's share directory."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def include(name: str, condition: Condition | None = None) -> IncludeLaunchDescription:
    """Include another launch file of the package; it sees the arguments of this one."""
    source = PythonLaunchDescriptionSource(share("launch", name))
    return IncludeLaunchDescription(source, condition=condition)


def node_with_arguments(name: str, configuration: type) -> list[Action]:
    """A node and one launch argument for each of its parameters.

    An argument that is not given leaves the parameter to `params_file`, so that file stays in charge.

    Args:
        name: the node's name; its executable is `<name>_node`.
        configuration: its dataclass of parameters.
    """
    hints = get_type_hints(configuration)
    fields = dataclasses.fields(configuration)
    arguments = [
        DeclareLaunchArgument(
            "params_file",
            default_value=share("config", "lss_bev.yaml"),
            description="parameter file of all nodes",
        ),
        DeclareLaunchArgument(
            "namespace",
            default_value="",
            description="namespace of all nodes and topics, such as car1; empty: none",
        ),
        DeclareLaunchArgument(
            "namespaced_tf",
            default_value="true",
            description="true: /tf and /tf_static are inside the namespace, as in nav2; false: global",
        ),
        DeclareLaunchArgument(
            "namespaced_clock",
            default_value="false",
            description="true: /clock is inside the namespace, for cars that replay at the same time",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="false",
            description="use the time of /clock, as replay with stamp:=dataset or a bag publishes it",
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="true",
            description="start a node again that was killed or failed; not one that finished, nor one that "
            "ends with an error that only you can mend",
        ),
        DeclareLaunchArgument(
            "spare",
            default_value="false",
            description="true: fork a node from a parent that has loaded its modules, so that one that is "
            "started again need not; not beside an NVIDIA GPU",
        ),
    ]
    arguments += [
        DeclareLaunchArgument(field.name, default_value="", description=_describe(field)) for field in fields
    ]

    def start(context: LaunchContext) -> list[Action]:
        given = {
            field.name: ParameterValue(LaunchConfiguration(field.name), value_type=hints[field.name])
            for field in fields
            if LaunchConfiguration(field.name).perform(context)
        }
        if name != "replay":  # it makes the time
            given["use_sim_time"] = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
        respawn = is_true(context, "respawn", "true")
        forked = respawn and is_true(context, "spare", "false")
        node = Node(
            package=PACKAGE,
            executable=f"{name}_node",
            name=name,
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), given],
            remappings=remappings(context),
            output="screen",
            emulate_tty=True,
            additional_env=spare.environment(_ON_RETURN.get(name, ())) if forked else {},
        )
        if not respawn:
            return [node]
        return [*Respawn(node, f"{name}_node", _ON_RETURN.get(name, ())).actions(), node]

    return [*arguments, OpaqueFunction(function=start)]


def rviz() -> list[Action]:
    """RViz2 with the package's view, where the argument `rviz` is true; a line where it is not installed."""

    def start(context: LaunchContext) -> list[Action]:
        if not is_true(context, "rviz"):
            return []
        try:
            get_package_share_directory("rviz2")
        except PackageNotFoundError:
            remedy = "install ros-$ROS_DISTRO-rviz2 and source ROS 2, or open a bag in Foxglove"
            return [LogInfo(msg=f"rviz:=true: rviz2 is not installed here, so no window opens; {remedy}")]
        use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
        return [
            Node(
                package="rviz2",
                executable="rviz2",
                name="rviz2",
                namespace=LaunchConfiguration("namespace", default=""),
                arguments=["-d", share("config", "lss_bev.rviz")],
                parameters=[{"use_sim_time": use_sim_time}],
                remappings=remappings(context),
                output="screen",
            )
        ]

    return [
        DeclareLaunchArgument("rviz", default_value="false", description="show everything in RViz2"),
        OpaqueFunction(function=start),
    ]


def remappings(context: LaunchContext) -> list[tuple[str, str]]:
    """Put absolute names below the namespace, be it the argument's or one that an outer file has pushed."""
    names = []
    if is_true(context, "namespaced_tf", "true"):
        names += ["tf", "tf_static"]
    if is_true(context, "namespaced_clock"):
        names += ["clock"]
    return [(f"/{name}", name) for name in names]


def is_true(context: LaunchContext, argument: str, default: str = "false") -> bool:
    """Whether a launch argument says so."""
    return LaunchConfiguration(argument, default=default).perform(context).strip().lower() in ("true", "1")


def _describe(field: dataclasses.Field[Any]) -> str:
    low, high = field.metadata["bounds"]
    choices = field.metadata["choices"]
    limits = f" ({low} to {high})" if low is not None else f" ({', '.join(choices)})" if choices else ""
    return f"{field.metadata['description']}{limits}; if not given, the value in params_file"
