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

    @property
    def is_ros2(self) -> bool:
        """Whether its messages are those of ROS 2, whose type is known by name."""
        unsaid = not self.encoding and self.schema_encoding.startswith("ros2")
        return bool(self.type) and (self.encoding.lower() == "cdr" or unsaid)

    @property
    def full_type(self) -> str:
        """Its type with all three parts, as some leave out the middle one."""
        package, _, name = self.type.partition("/")
        return f"{package}/msg/{name}" if name and "/" not in name and self.is_ros2 else self.type


class StoredMessage(NamedTuple):
    """A message in a file: stamp in nanoseconds, id of its channel, its bytes as they are stored."""

    stamp: int
    channel: int
    data: bytes


Stretch = tuple[int, int]
"""First and last stamp, nanoseconds, of messages that follow each other."""
