"""SIGINT and SIGTERM shut ROS down, as rclpy.signals.

Waits happen in C, where Python's own handlers do not run. So, as in rclpy, a thread is told of the
signal (through `signal.set_wakeup_fd`), shuts the contexts down and thereby ends the waits; then
Python's handler runs in the main thread: for SIGINT the one there was, which raises KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
import threading
from enum import IntEnum
from typing import Any

from rclpy.context import shutdown_all


class SignalHandlerOptions(IntEnum):
    """Which signals to handle."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


class _Handlers:
    """The installed handlers; a process has one set."""

    def __init__(self) -> None:
        self.options = SignalHandlerOptions.NO
        self._previous: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None

    def install(self, options: SignalHandlerOptions) -> None:
        if options == self.options or threading.current_thread() is not threading.main_thread():
            return  # only the main thread can install handlers in Python
        self.uninstall()
        if options == SignalHandlerOptions.NO:
            return
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        wanted = [
            each for each in (signal.SIGINT, signal.SIGTERM) if options & SignalHandlerOptions[each.name]
        ]
        for number in wanted:
            self._previous[number] = signal.signal(number, self._handle)
        self.options = options
        threading.Thread(
            target=_watch, args=(self._pipe[0], frozenset(wanted)), name="rclpy signals", daemon=True
        ).start()

    def uninstall(self) -> None:
        if self._pipe is None or threading.current_thread() is not threading.main_thread():
            return
        self.forget()
        for descriptor in reversed(self._pipe or ()):
            os.close(descriptor)
        self._pipe = None

    def forget(self) -> None:
        """Restore what was; a forked child does so too, or its signals would end the parent's contexts."""
        for number, handler in self._previous.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        self._previous.clear()
        signal.set_wakeup_fd(-1)
        self.options = SignalHandlerOptions.NO

    def _handle(self, number: int, frame: object) -> None:
        previous = self._previous.get(number)
        if callable(previous):
            previous(number, frame)


def _watch(descriptor: int, wanted: frozenset[int]) -> None:
    while True:
        try:
            received = os.read(descriptor, 64)
        except OSError:
            return
        if not received:
            return
        if wanted.intersection(received):
            shutdown_all()


_handlers = _Handlers()
os.register_at_fork(after_in_child=lambda: _handlers.forget() if _handlers.options else None)


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Handle these signals; does nothing outside the main thread."""
    _handlers.install(SignalHandlerOptions(options))


def uninstall_signal_handlers() -> None:
    """Restore the handlers there were."""
    _handlers.uninstall()
