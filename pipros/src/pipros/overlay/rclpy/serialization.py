"""Messages to and from bytes, as rclpy.serialization."""

from __future__ import annotations

from pipros import cdr
from pipros.errors import PiprosError
from pipros.message import Message
from rclpy._rclpy_pybind11 import RMWError


def serialize_message(message: Message) -> bytes:
    """A message's CDR."""
    return bytes(cdr.serialize(message))


def deserialize_message(serialized_message: bytes, message_type: type[Message]) -> Message:
    """The message in CDR bytes; RMWError where they hold none."""
    try:
        return cdr.deserialize(serialized_message, message_type)
    except PiprosError as error:
        raise RMWError(str(error)) from None
