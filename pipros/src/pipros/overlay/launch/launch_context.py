"""What visited entities share."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Iterable, MutableMapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launch.event_handlers import EventHandler
    from launch.events import Event


class LaunchContext:
    """State of one launch: configurations (the launch arguments), event queue, handlers and locals.

    The environment is this process's own, as in ROS 2.
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
        self._event_handlers: deque[EventHandler] = deque()
        self._completion_futures: list[asyncio.Future] = []
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []

    @property
    def environment(self) -> MutableMapping[str, str]:
        """Environment of this process, which children inherit."""
        return os.environ

    @property
    def locals(self) -> SimpleNamespace:
        """Names that hold while one event or include is dealt with, such as `event`."""
        return SimpleNamespace(**self._locals)

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return `locals` as a dict."""
        return dict(self._locals)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add names to `locals` until the current event is dealt with."""
        self._locals.update(extensions)

    def _push_locals(self) -> None:
        self._locals_stack.append(dict(self._locals))

    def _pop_locals(self) -> None:
        self._locals = self._locals_stack.pop()

    def register_event_handler(self, event_handler: EventHandler, append: bool = False) -> None:
        """Add a handler, before those that are there or, with `append`, behind them."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: EventHandler) -> None:
        """Take a handler away."""
        self._event_handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event; call it in the thread of the launch."""
        self._events.append(event)
        if self._event_arrived is not None:
            self._event_arrived.set()

    def add_completion_future(self, completion_future: asyncio.Future) -> None:
        """Keep the launch running until the future is done."""
        self._completion_futures.append(completion_future)
