"""Events of `launch.events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.action import Action


class Event:
    """Something that happened, or that somebody asks for."""

    name = "launch.Event"


class Shutdown(Event):
    """Ask for the end of the launch, or tell of it."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class TimerEvent(Event):
    """Tell that the time of a `TimerAction` has come."""

    name = "launch.events.TimerEvent"

    def __init__(self, *, timer_action: Action) -> None:
        self.timer_action = timer_action
