"""Timers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.event import Event
from launch.event_handler import EventHandler
from launch.event_handlers import OnShutdown
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_boolean, perform_number

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class TimerAction(Action):
    """Visit actions once, `period` seconds from now, unless it is cancelled or the launch ends."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool | SomeSubstitutionsType = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.period, self.actions = period, list(actions)
        self._cancel_on_shutdown = cancel_on_shutdown
        self._done: asyncio.Future | None = None
        self._cancelled = False

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the actions."""
        return [("timer", self.actions)]

    def cancel(self) -> None:
        """Do not visit the actions any more."""
        self._cancelled = True
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def execute(self, context: LaunchContext) -> None:
        """Start the time."""
        if self._cancelled:
            return
        self._done = done = context.asyncio_loop.create_future()
        context.add_completion_future(done)
        fired = Event()
        context.register_event_handler(
            EventHandler(matcher=lambda event: event is fired, entities=self.actions, handle_once=True)
        )

        def fire() -> None:
            if not done.done():
                context.emit_event_sync(fired)
                done.set_result(None)

        timer = context.asyncio_loop.call_later(perform_number(context, self.period), fire)
        done.add_done_callback(lambda _: timer.cancel())
        if perform_boolean(context, self._cancel_on_shutdown):
            context.register_event_handler(OnShutdown(on_shutdown=lambda event, context: self.cancel()))
