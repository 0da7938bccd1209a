"""Actions of `launch.actions`."""

from pipros.overlay.launch.actions.declare_launch_argument import DeclareLaunchArgument
from pipros.overlay.launch.actions.environment import SetEnvironmentVariable
from pipros.overlay.launch.actions.event import EmitEvent, RegisterEventHandler, Shutdown
from pipros.overlay.launch.actions.execute_process import ExecuteLocal, ExecuteProcess
from pipros.overlay.launch.actions.group_action import GroupAction
from pipros.overlay.launch.actions.include_launch_description import IncludeLaunchDescription
from pipros.overlay.launch.actions.launch_configuration import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    SetLaunchConfiguration,
)
from pipros.overlay.launch.actions.log_info import LogInfo
from pipros.overlay.launch.actions.opaque_function import OpaqueFunction
from pipros.overlay.launch.actions.timer_action import TimerAction

__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteLocal",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "PopLaunchConfigurations",
    "PushLaunchConfigurations",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
]
