"""Messages to and from bytes, as rclpy.serialization."""

from __future__ import annotations

from pipros import cdr
from pipros.message import Message


def serialize_message(message: Message) -> bytes:
    """A message's CDR."""
    return bytes(cdr.serialize(message))


def deserialize_message(serialized_message: bytes, message_type: type[Message]) -> Message:
    """The message in CDR bytes."""
    return cdr.deserialize(serialized_message, message_type)
