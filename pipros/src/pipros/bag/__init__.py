"""Bags: what `ros2 bag record|play|info` do, with or without ROS 2.

A bag is a rosbag2 folder with MCAP storage, readable by ROS 2 from Humble on. Messages are kept as the
bytes that came over the wire and never decoded. What records and plays needs rclpy, so call
`pipros.activate()` before its first use where ROS 2 may be missing; the rest needs no ROS at all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .information import describe, summarise
from .reader import Bag, RecordedTopic
from .selection import Selection
from .storage import BagStorage, StorageOptions
from .verification import Verification, verify
from .writer import BagWriter

if TYPE_CHECKING:
    from .player import PlayOptions, play
    from .qos import read_overrides
    from .recorder import Recorder, record

__all__ = [
    "Bag",
    "BagStorage",
    "BagWriter",
    "PlayOptions",
    "RecordedTopic",
    "Recorder",
    "Selection",
    "StorageOptions",
    "Verification",
    "describe",
    "play",
    "read_overrides",
    "record",
    "summarise",
    "verify",
]

# Imported when they are first asked for, since they import rclpy.
_NEED_RCLPY = {
    "PlayOptions": "player",
    "Recorder": "recorder",
    "play": "player",
    "read_overrides": "qos",
    "record": "recorder",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_RCLPY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_NEED_RCLPY[name]}", __name__), name)
