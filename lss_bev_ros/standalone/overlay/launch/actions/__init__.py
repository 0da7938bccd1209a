"""Actions of `launch.actions`."""

from .declare_launch_argument import DeclareLaunchArgument
from .environment import SetEnvironmentVariable
from .event import EmitEvent, RegisterEventHandler, Shutdown
from .execute_process import ExecuteLocal, ExecuteProcess
from .group_action import GroupAction
from .include_launch_description import IncludeLaunchDescription
from .launch_configuration import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    SetLaunchConfiguration,
)
from .log_info import LogInfo
from .opaque_function import OpaqueFunction
from .timer_action import TimerAction

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
