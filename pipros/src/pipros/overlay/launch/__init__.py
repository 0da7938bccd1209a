"""Stand-in for ROS 2's `launch`, where ROS 2 is not installed.

The part of ros2/launch (branch jazzy) that simple launch files in Python use, with the same names, the same
order of evaluation and the same lines on the screen. What is not here does not exist: an import or an
argument of the real package that has no stand-in fails at once.
"""

from launch import (
    actions,
    conditions,
    event_handlers,
    events,
    launch_description_sources,
    logging,
    substitutions,
)
from launch.action import Action, LaunchDescriptionEntity
from launch.conditions import Condition
from launch.event_handlers import EventHandler
from launch.events import Event
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_sources import LaunchDescriptionSource
from launch.launch_service import LaunchService
from launch.substitutions import SomeSubstitutionsType, Substitution

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchService",
    "SomeSubstitutionsType",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "launch_description_sources",
    "logging",
    "substitutions",
]
