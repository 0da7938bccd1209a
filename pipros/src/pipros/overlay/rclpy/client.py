"""Service clients, as rclpy.client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from pipros.errors import PiprosError
from pipros.message import Message
from pipros.request_reply import ClientChannel, RequestId
from pipros.service import Service
from pipros.transport import Reader
from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.logging import get_logger
from rclpy.qos import QoSProfile
from rclpy.task import Future

_POLL = 0.02  # s between looks for a server


class Client:
    """Calls a service. Replies are taken by the executor that spins the node."""

    def __init__(
        self,
        context: Context,
        channel: ClientChannel,
        srv_type: type[Service],
        srv_name: str,
        qos_profile: QoSProfile,
        callback_group: CallbackGroup,
    ) -> None:
        self.context = context
        self._pipros_channel: ClientChannel | None = channel
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.service_name = srv_name
        self.qos_profile = qos_profile
        self.callback_group = callback_group
        self._executor_event = False
        self._pipros_source: Reader | None = channel.reader
        self._pending_requests: dict[int, Future] = {}
        self._pipros_said = ""
        self._pipros_count = 0
        self._lock = threading.Lock()

    def call_async(self, request: Message) -> Future:
        """Send a request; the future gets the response, or PiprosError where none can ever come."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(
                f"request of service {self.service_name} must be its Request, not {type(request)}"
            )
        channel = self._pipros_channel
        if channel is None:
            raise InvalidHandle(f"client of service {self.service_name!r} was destroyed")
        future = Future()
        if refusal := channel.refusal():
            future.set_exception(PiprosError(refusal))
            return future
        with self._lock:
            self._pipros_count += 1
            number = self._pipros_count
            self._pending_requests[number] = future
        future.add_done_callback(lambda _: self._pending_requests.pop(number, None))
        channel.send(channel.identity, number, request)
        return future

    def call(self, request: Message, timeout_sec: float | None = None) -> Message | None:
        """Send a request and wait; another thread must spin the node. TimeoutError after the timeout."""
        done = threading.Event()
        future = self.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout_sec):
            self.remove_pending_request(future)
            raise TimeoutError
        return future.result()

    def remove_pending_request(self, future: Future) -> None:
        """Forget a request; its response is dropped."""
        with self._lock:
            self._pending_requests = {
                number: each for number, each in self._pending_requests.items() if each is not future
            }

    def service_is_ready(self) -> bool:
        """Whether a server is there."""
        return self._pipros_channel is not None and self._pipros_channel.is_ready()

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait for a server; False after the timeout, or at once where the one there cannot be called."""
        deadline = None if timeout_sec is None else time.monotonic() + timeout_sec
        while self.context.ok() and not self.service_is_ready():
            if self._pipros_channel is not None and (refusal := self._pipros_channel.refusal()):
                self._pipros_say(refusal)
                return False
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return self.service_is_ready()

    def _pipros_say(self, refusal: str) -> None:
        if refusal != self._pipros_said:
            self._pipros_said = refusal
            get_logger("rclpy").error(refusal)

    def _pipros_take(self) -> Callable[[], object] | None:
        """The next reply with what to do with it."""
        channel = self._pipros_channel
        taken = channel.take() if channel is not None else None
        if channel is None or taken is None or taken[0].client != channel.identity:
            return None
        return partial(self._pipros_finish, *taken)

    def _pipros_finish(self, request: RequestId, response: Message) -> None:
        future = self._pending_requests.pop(request.number, None)
        if future is not None:
            future.set_result(response)

    def destroy(self) -> None:
        """Stop. Use `Node.destroy_client`."""
        channel, self._pipros_channel, self._pipros_source = self._pipros_channel, None, None
        if channel is not None:
            channel.close()
