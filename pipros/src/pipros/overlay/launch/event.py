"""Base of all events."""

from __future__ import annotations


class Event:
    """Something that happened, or that somebody asks for."""

    name = "launch.Event"
