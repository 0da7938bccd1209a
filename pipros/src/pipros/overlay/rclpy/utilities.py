"""Functions on the default context, as rclpy.utilities."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from pipros.arguments import Arguments
from rclpy.context import Context

_default_context: Context | None = None
_lock = threading.Lock()


def get_default_context(*, shutting_down: bool = False) -> Context:
    """The context that everything uses where none is given."""
    global _default_context
    with _lock:
        if _default_context is None:
            _default_context = Context()
        return _default_context


def ok(*, context: Context | None = None) -> bool:
    """Whether init was called and shutdown was not."""
    return (context or get_default_context()).ok()


def try_shutdown(*, context: Context | None = None) -> None:
    """Shut down, unless shut down."""
    from rclpy.signals import uninstall_signal_handlers

    (context or get_default_context()).try_shutdown()
    if context is None:
        uninstall_signal_handlers()


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """A command line without `--ros-args` and what belongs to it."""
    return Arguments.parse(sys.argv if args is None else args).rest


def get_rmw_implementation_identifier() -> str:
    """What moves the messages."""
    return "rmw_cyclonedds_cpp"


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Nanoseconds; -1 for None and negative numbers, which mean for ever."""
    return -1 if timeout_sec is None or timeout_sec < 0 else int(timeout_sec * 1e9)
