"""Service servers, as rclpy.service."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from pipros.message import Message
from pipros.request_reply import RequestId, ServerChannel
from pipros.service import Service as Definition
from pipros.transport import Reader
from rclpy.callback_groups import CallbackGroup
from rclpy.logging import get_logger
from rclpy.qos import QoSProfile


class Service:
    """Answers requests with what `callback(request, response)` returns; it may be a coroutine."""

    def __init__(
        self,
        channel: ServerChannel,
        srv_type: type[Definition],
        srv_name: str,
        callback: Callable[[Message, Message], Any],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
    ) -> None:
        self._pipros_channel: ServerChannel | None = channel
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.service_name = srv_name
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self.qos_profile = qos_profile
        self._pipros_source: Reader | None = channel.reader

    def _pipros_take(self) -> Callable[[], object] | None:
        """The next request with what to do with it."""
        taken = self._pipros_channel.take() if self._pipros_channel is not None else None
        while self._pipros_channel is not None and self._pipros_channel.refused:
            get_logger("rclpy").error(self._pipros_channel.refused.pop())
        return None if taken is None else partial(self._pipros_answer, *taken)

    def send_response(self, response: Message, header: RequestId) -> None:
        """Answer a request."""
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(
                f"the callback of service {self.service_name} must return its response, not {type(response)}"
            )
        if self._pipros_channel is not None:
            self._pipros_channel.reply(header, response)

    def _pipros_answer(self, header: RequestId, request: Message) -> object:
        response = self.callback(request, self.srv_type.Response())
        if inspect.iscoroutine(response):
            return self._pipros_answer_later(header, response)
        self.send_response(response, header)
        return None

    async def _pipros_answer_later(self, header: RequestId, response: Any) -> None:
        self.send_response(await response, header)

    def destroy(self) -> None:
        """Stop serving. Use `Node.destroy_service`."""
        channel, self._pipros_channel, self._pipros_source = self._pipros_channel, None, None
        if channel is not None:
            channel.close()
