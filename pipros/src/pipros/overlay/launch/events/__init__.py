"""Events of `launch.events`."""

from __future__ import annotations


class Event:
    """Something that happened, or that somebody asks for."""

    name = "launch.Event"


class Shutdown(Event):
    """Ask for the end of the launch, or tell of it."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint
