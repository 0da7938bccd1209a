"""The one gate through which messages come into a node, whoever subscribes for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from tf2_ros import TransformException

from ..errors import LssBevError, MessageError
from ..messages import gate
from .diagnostics import OK, WARN, Status

_SHOWN = 10.0
"""Seconds that a refused message stays in the diagnostics."""

_SAID = 10.0
"""Seconds between two lines of the log on one topic."""

_TOPICS_SHOWN = 8

_AS_IT_IS = "sensor_msgs.Image"
"""Taken as a message at once: nothing in it becomes larger than its bytes, and each copy of them costs."""


@dataclass
class _Refusals:
    """What was not taken of a topic.

    Attributes:
        count: messages.
        reason: of the last one, one line.
        when: it came, seconds of a steady clock.
        said: when the log told of one, likewise.
        unsaid: how many it has not told of.
    """

    count: int = 0
    reason: str = ""
    when: float = 0.0
    said: float | None = None
    unsaid: int = 0


class Receiver(Node):
    """A node that takes nothing unchecked and that no message ends.

    Every subscription of the node passes here, those that tf2 and rclpy make as well. A message that is too
    large is dropped before it is deserialised, one that `messages.gate` refuses before its callback. What a
    callback raises costs its message and no more. All of it is counted, told in the log now and then, and
    named with its topic in the diagnostics by `refusal_status`.
    """

    def create_subscription(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[[Any], object],
        qos_profile: Any,
        *,
        raw: bool = False,
        **others: Any,
    ) -> Subscription:
        """Subscribe as any node does; `callback` takes one argument and hears only what passes the gate."""
        if raw:
            return super().create_subscription(msg_type, topic, callback, qos_profile, raw=True, **others)
        entrance = _Entrance(self, msg_type, topic, callback)
        take = entrance.take_message if entrance.as_it_is else entrance.take_bytes
        return super().create_subscription(
            msg_type, topic, take, qos_profile, raw=not entrance.as_it_is, **others
        )

    def refuse(self, topic: str, reason: str) -> None:
        """Count a message that is not taken, and tell of it."""
        known, lock = self._refusals
        now = time.monotonic()
        with lock:
            refused = known.setdefault(topic, _Refusals())
            refused.count += 1
            refused.reason, refused.when = reason, now
            if refused.said is not None and now - refused.said < _SAID:
                refused.unsaid += 1
                return
            more = f" (and {refused.unsaid} more since the last line)" if refused.unsaid else ""
            refused.said, refused.unsaid = now, 0
        self.get_logger().warning(f"{topic}: {reason}{more}")

    def refusal_status(self) -> Status:
        """How many messages were not taken, of which topics, and why the last ones were not."""
        known, lock = self._refusals
        now = time.monotonic()
        with lock:
            values = {f"{topic}_refused": refused.count for topic, refused in known.items()}
            fresh = [
                f"{topic}: {refused.reason}"
                for topic, refused in known.items()
                if now - refused.when < _SHOWN
            ]
        if not fresh:
            return Status("messages", OK, "", values)
        rest = len(fresh) - _TOPICS_SHOWN
        more = [f"and {rest} more topics"] if rest > 0 else []
        return Status("messages", WARN, "; ".join([*fresh[:_TOPICS_SHOWN], *more]), values)

    @property
    def _refusals(self) -> tuple[dict[str, _Refusals], threading.Lock]:
        # Node.__init__ itself may subscribe, to /clock, before a derived class can set anything.
        found: tuple[dict[str, _Refusals], threading.Lock]
        found = self.__dict__.setdefault("_refused_of", ({}, threading.Lock()))
        return found


class _Entrance:
    """The way of one topic's messages to their callback."""

    def __init__(self, node: Receiver, kind: type, topic: str, callback: Callable[[Any], object]) -> None:
        self._node, self._kind, self._topic, self._callback = node, kind, topic, callback
        self._most = gate.most_bytes(kind)
        self.as_it_is = f"{kind.__module__.partition('.')[0]}.{kind.__name__}" == _AS_IT_IS

    def take_bytes(self, data: bytes) -> None:
        if len(data) > self._most:
            name = self._kind.__name__
            self._node.refuse(self._topic, f"a {name} of {len(data)} bytes, of {self._most} that it may have")
            return
        try:
            message = deserialize_message(data, self._kind)
        except Exception as error:  # rclpy's own, and the stand-in's
            self._node.refuse(
                self._topic, f"{len(data)} bytes are no {self._kind.__name__}: {one_line(error)}"
            )
            return
        self.take_message(message)

    def take_message(self, message: Any) -> None:
        try:
            gate.check(message)
        except MessageError as error:
            self._node.refuse(self._topic, str(error))
            return
        try:
            self._callback(message)
        except Exception as error:  # whatever a message holds, the node stays
            self._node.refuse(self._topic, f"it could not be used: {one_line(error)}")


def one_line(error: Exception) -> str:
    """An error as one line, with its kind where its text was not made for users."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, (LssBevError, TransformException)) else f"{type(error).__name__}: {text}"
