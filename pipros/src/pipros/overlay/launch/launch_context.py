"""What visited entities share."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Iterable, MutableMapping
from types import SimpleNamespace
from typing import Any

from launch.event import Event
from launch.event_handler import BaseEventHandler
from launch.substitution import Substitution


class LaunchContext:
    """State of one launch: configurations, environment, event queue, handlers and locals.

    `launch_configurations` (the launch arguments) and the environment are kept on stacks, which a
    scoped group pushes and pops. The environment is this process's own, as in ROS 2.
    """

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv or ())
        self.noninteractive = noninteractive
        self.launch_configurations: dict[str, Any] = {}
        self.is_shutdown = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.process_numbers = itertools.count(1)
        self._events: deque[Event] = deque()
        self._event_arrived: asyncio.Event | None = None
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._completion_futures: list[asyncio.Future] = []
        self._configurations_stack: list[dict[str, Any]] = []
        self._environment_stack: list[dict[str, str]] = []
        self._environment_at_start = dict(os.environ)
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []

    # Configurations and environment

    @property
    def environment(self) -> MutableMapping[str, str]:
        """Environment of this process, which children inherit."""
        return os.environ

    def _push_launch_configurations(self) -> None:
        self._configurations_stack.append(dict(self.launch_configurations))

    def _pop_launch_configurations(self) -> None:
        self.launch_configurations = self._configurations_stack.pop()

    def _push_environment(self) -> None:
        self._environment_stack.append(dict(os.environ))

    def _pop_environment(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment_stack.pop())

    def _reset_environment(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment_at_start)

    # Locals

    @property
    def locals(self) -> SimpleNamespace:
        """Names that hold while one event or include is dealt with, such as `event`."""
        return SimpleNamespace(**self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return `locals` as a dict."""
        return {**self._globals, **self._locals}

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        """Add names to `locals` for good."""
        self._globals.update(extensions)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add names to `locals` until the current event is dealt with."""
        self._locals.update(extensions)

    def _push_locals(self) -> None:
        self._locals_stack.append(dict(self._locals))

    def _pop_locals(self) -> None:
        self._locals = self._locals_stack.pop()

    # Events

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False) -> None:
        """Add a handler, before those that are there or, with `append`, behind them."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Take a handler away."""
        self._event_handlers.remove(event_handler)

    def would_handle_event(self, event: Event) -> bool:
        """Return whether any handler takes the event."""
        return any(handler.matches(event) for handler in self._event_handlers)

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event; call it in the thread of the launch."""
        self._events.append(event)
        if self._event_arrived is not None:
            self._event_arrived.set()

    async def emit_event(self, event: Event) -> None:
        """Queue an event from a coroutine."""
        self.emit_event_sync(event)

    def add_completion_future(self, completion_future: asyncio.Future) -> None:
        """Keep the launch running until the future is done."""
        self._completion_futures.append(completion_future)

    def perform_substitution(self, substitution: Substitution) -> str:
        """Return the substitution's text."""
        return substitution.perform(self)
