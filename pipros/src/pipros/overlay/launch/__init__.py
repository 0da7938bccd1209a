"""Stand-in for ROS 2's `launch`, where ROS 2 is not installed.

The part of ros2/launch (branch jazzy) that this project's launch files use, with the same names, the
same order of evaluation and the same lines on the screen. What is not here does not exist: an import
or an argument of the real package that has no stand-in fails at once.
"""

from pipros.overlay.launch import (
    actions,
    conditions,
    event_handlers,
    events,
    launch_description_sources,
    logging,
    substitutions,
)
from pipros.overlay.launch.action import Action
from pipros.overlay.launch.condition import Condition
from pipros.overlay.launch.event import Event
from pipros.overlay.launch.event_handler import BaseEventHandler, EventHandler
from pipros.overlay.launch.launch_context import LaunchContext
from pipros.overlay.launch.launch_description import LaunchDescription
from pipros.overlay.launch.launch_description_entity import LaunchDescriptionEntity
from pipros.overlay.launch.launch_description_source import LaunchDescriptionSource
from pipros.overlay.launch.launch_service import LaunchService
from pipros.overlay.launch.some_substitutions_type import SomeSubstitutionsType
from pipros.overlay.launch.substitution import Substitution

__all__ = [
    "Action",
    "BaseEventHandler",
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
