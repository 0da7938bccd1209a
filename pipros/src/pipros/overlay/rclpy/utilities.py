"""Functions on the default context, as rclpy.utilities."""

from __future__ import annotations

import threading

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
