"""What a storage file says of one of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rosbags.interfaces import Qos


@dataclass(frozen=True)
class Channel:
    """Messages of one topic and type in one file; a topic may have several channels.

    Attributes:
        topic: Full name.
        type: Name of the message type, `pkg/msg/Name` where the file has it so.
        encoding: Of the messages: cdr, or one that is none of ROS 2.
        schema_encoding: ros2msg, ros2idl, another one, or nothing.
        schema: The definition of the type.
        offered_qos: What its publishers offered, as far as the file tells.
        type_hash: RIHS01 hash of the type, or nothing.
    """

    topic: str
    type: str
    encoding: str = "cdr"
    schema_encoding: str = ""
    schema: bytes = b""
    offered_qos: tuple[Qos, ...] = ()
    type_hash: str = ""


class StoredMessage(NamedTuple):
    """A message in a file: stamp in nanoseconds, id of its channel, its bytes as they are stored."""

    stamp: int
    channel: int
    data: bytes


Stretch = tuple[int, int]
"""First and last stamp, nanoseconds, of messages that follow each other."""
