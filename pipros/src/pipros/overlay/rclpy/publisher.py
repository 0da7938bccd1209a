"""Publishers, as rclpy.publisher."""

from __future__ import annotations

from pipros import cdr
from pipros.message import Message
from pipros.transport import Writer
from rclpy._rclpy_pybind11 import RCLError
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.event_handler import EventHandler
from rclpy.exceptions import InvalidHandle
from rclpy.qos import QoSProfile


class Publisher:
    """Publishes messages of one type, or their serialised bytes, on one topic."""

    def __init__(
        self,
        context: Context,
        writer: Writer,
        msg_type: type[Message],
        topic: str,
        qos_profile: QoSProfile,
    ) -> None:
        self._pipros_context = context
        self._pipros_writer: Writer | None = writer
        self.msg_type = msg_type
        self.topic = topic
        self.topic_name = topic
        self.qos_profile = qos_profile
        self.event_handlers: list[EventHandler] = []

    def publish(self, msg: Message | bytes) -> None:
        """Send a message; bytes are CDR as `rclpy.serialization` makes it."""
        writer = self._pipros_writer
        if writer is None:
            raise InvalidHandle(f"cannot publish on {self.topic_name}: the publisher was destroyed")
        if not self._pipros_context.ok():
            raise RCLError("Failed to publish: publisher's context is invalid")
        if isinstance(msg, self.msg_type):
            writer.write(cdr.serialize(msg))
        elif isinstance(msg, (bytes, bytearray, memoryview)):
            writer.write(msg)
        else:
            raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")

    def get_subscription_count(self) -> int:
        """How many subscriptions hear it."""
        if self._pipros_writer is None:
            raise InvalidHandle(
                f"cannot count subscriptions of {self.topic_name}: the publisher was destroyed"
            )
        return len(self._pipros_writer.matched())

    def wait_for_all_acked(self, timeout: Duration = Duration(seconds=-1)) -> bool:
        """Wait until reliable subscriptions have everything; False after the timeout (negative: none)."""
        limit = timeout.nanoseconds if timeout.nanoseconds >= 0 else 2**63 - 1
        return self._pipros_writer is None or self._pipros_writer.wait_for_acknowledgements(limit)

    def destroy(self) -> None:
        """Stop publishing. Use `Node.destroy_publisher`."""
        for handler in self.event_handlers:
            handler.destroy()
        writer, self._pipros_writer = self._pipros_writer, None
        if writer is not None:
            writer.close()
