"""A node for the time of one command."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

# How soon a signal is noticed while nothing arrives, seconds.
_TICK = 0.1


class Session:
    """A node with a context and an executor of its own, which SIGINT and SIGTERM end in order.

    Signals are noted, not raised: whoever spins leaves when `stopped` and can finish its work, and a
    second signal disturbs nothing. Outside the main thread signals are left alone.

    Args:
        name: Name of the node; by default a hidden one, as ros2's commands have.
    """

    def __init__(self, name: str | None = None) -> None:
        self._stop = threading.Event()
        self._handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._handlers[signum] = signal.signal(signum, self._on_signal)
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        name = name or f"_pipros_{os.getpid()}"
        self.node = rclpy.create_node(
            name, context=self._context, start_parameter_services=False, enable_rosout=False
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stopped(self) -> bool:
        """Whether a signal or `stop` has ended the session."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End the session, from any thread."""
        self._stop.set()

    def spin(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Deal with what arrives until a condition holds, `timeout` seconds are over or the session ends.

        Returns:
            Whether the condition holds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not until():
            left = _TICK if end is None else min(_TICK, end - time.monotonic())
            if self.stopped or left <= 0:
                return until()
            self._executor.spin_once(timeout_sec=left)
        return True

    def drain(self, seconds: float) -> None:
        """Deal with what still arrives for some time, also after the session has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Destroy the node and give the signals back."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers.clear()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._stop.set()
