"""Actions of `launch.actions`."""

from launch.actions.declare_launch_argument import DeclareLaunchArgument
from launch.actions.environment import SetEnvironmentVariable
from launch.actions.event import EmitEvent, RegisterEventHandler, Shutdown
from launch.actions.execute_process import ExecuteLocal, ExecuteProcess
from launch.actions.group_action import GroupAction
from launch.actions.include_launch_description import IncludeLaunchDescription
from launch.actions.launch_configuration import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    SetLaunchConfiguration,
)
from launch.actions.log_info import LogInfo
from launch.actions.opaque_function import OpaqueFunction
from launch.actions.timer_action import TimerAction

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
