"""Subscriptions, as rclpy.subscription."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from functools import partial

from pipros import cdr
from pipros.errors import PiprosError
from pipros.message import Message
from pipros.transport import Reader
from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import EventHandler
from rclpy.logging import RcutilsLogger
from rclpy.qos import QoSProfile


class Subscription:
    """Calls back with each message of a topic, or with its serialised bytes where `raw`.

    A callback with a second parameter gets a dictionary with `source_timestamp` (ns) as well. Samples that
    hold no message are dropped, as by rmw, told in the log and counted.
    """

    def __init__(
        self,
        reader: Reader,
        msg_type: type[Message],
        topic: str,
        callback: Callable[..., object],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
        raw: bool,
        logger: RcutilsLogger,
    ) -> None:
        self._pipros_source: Reader | None = reader
        self.msg_type = msg_type
        self.topic = topic
        self.topic_name = topic
        self.callback_group = callback_group
        self._executor_event = False
        self.qos_profile = qos_profile
        self.raw = raw
        self.event_handlers: list[EventHandler] = []
        self._pipros_malformed = 0
        self._pipros_logger = logger
        self.callback = callback

    @property
    def callback(self) -> Callable[..., object]:
        """What is called."""
        return self._callback

    @callback.setter
    def callback(self, value: Callable[..., object]) -> None:
        self._callback = value
        self._pipros_wants_info = wants_info(value)

    def _pipros_take(self) -> Callable[[], object] | None:
        """The next message with what to do with it."""
        reader = self._pipros_source
        sample = reader.take() if reader is not None else None
        if sample is None:
            return None
        try:
            message = sample.data if self.raw else cdr.deserialize(sample.data, self.msg_type)
        except PiprosError as error:  # as rmw takes nothing where a sample holds no message
            self._pipros_drop(str(error))
            return None
        if self._pipros_wants_info:
            return partial(self._callback, message, {"source_timestamp": sample.written})
        return partial(self._callback, message)

    def _pipros_drop(self, problem: str) -> None:
        self._pipros_malformed += 1
        line = f"{self.topic_name}: sample {self._pipros_malformed} of wrong form is dropped: {problem}"
        self._pipros_logger.warning(line, throttle_duration_sec=5.0)

    def destroy(self) -> None:
        """Stop listening. Use `Node.destroy_subscription`."""
        for handler in self.event_handlers:
            handler.destroy()
        reader, self._pipros_source = self._pipros_source, None
        if reader is not None:
            reader.close()


def wants_info(callback: Callable[..., object]) -> bool:
    """Whether a callback takes what is known of a message too; RuntimeError where it takes neither."""
    try:
        signature = inspect.signature(callback)
    except ValueError:  # of C
        return False
    except TypeError:
        signature = None
    for count in (1, 2):
        with contextlib.suppress(TypeError):
            if signature is not None:
                signature.bind(*[object()] * count)
                return count == 2
    raise RuntimeError(
        "Subscription.__init__(): callback should be either be callable with one argument(to get only the "
        "message) or two (to get message and message info)"
    )
