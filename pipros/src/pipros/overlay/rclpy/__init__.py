"""The part of rclpy that a small project uses, on Cyclone DDS, where ROS 2 is not installed.

Module and class names, signatures and behaviour are rclpy's (Jazzy). What is not here raises
AttributeError, ImportError or NotImplementedError, never something quiet.

Objects of users derive from these classes and have attributes of their own: every name of an attribute or
method that rclpy's class has not begins with `_pipros_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclpy import logging
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions, install_signal_handlers
from rclpy.task import Future
from rclpy.utilities import get_default_context, ok, try_shutdown

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node

__all__ = [
    "Context",
    "Future",
    "Parameter",
    "create_node",
    "get_global_executor",
    "init",
    "logging",
    "ok",
    "shutdown",
    "spin",
    "spin_once",
    "spin_until_future_complete",
    "try_shutdown",
]


def init(
    *,
    args: Sequence[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Start ROS in this process, with the arguments of the command line where none are given."""
    if signal_handler_options is None:
        is_default = context is None or context is get_default_context()
        signal_handler_options = SignalHandlerOptions.ALL if is_default else SignalHandlerOptions.NO
    chosen = context or get_default_context()
    chosen.init(args, domain_id=domain_id)
    install_signal_handlers(signal_handler_options)


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Stop ROS in this process; RuntimeError where it is stopped already."""
    from rclpy.signals import uninstall_signal_handlers

    chosen = context or get_default_context()
    chosen.shutdown()
    if uninstall_handlers or (uninstall_handlers is None and chosen is get_default_context()):
        uninstall_signal_handlers()


_executor: Executor | None = None


def get_global_executor() -> Executor:
    """The single threaded executor that `spin` uses."""
    global _executor
    from rclpy.executors import SingleThreadedExecutor

    if _executor is None:
        _executor = SingleThreadedExecutor()
        get_default_context().on_shutdown(_forget_executor)
    return _executor


def _forget_executor() -> None:
    global _executor
    executor, _executor = _executor, None
    if executor is not None:
        executor.shutdown()


def create_node(node_name: str, **arguments: object) -> Node:
    """A node; the arguments are `rclpy.node.Node`'s."""
    from rclpy.node import Node

    return Node(node_name, **arguments)


def spin_once(node: Node, *, executor: Executor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback of a node, waiting for it at most `timeout_sec`."""
    chosen = executor or get_global_executor()
    try:
        chosen.add_node(node)
        chosen.spin_once(timeout_sec)
    finally:
        chosen.remove_node(node)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run a node's callbacks until shutdown."""
    chosen = executor or get_global_executor()
    try:
        chosen.add_node(node)
        while chosen.context.ok():
            chosen.spin_once()
    finally:
        chosen.remove_node(node)


def spin_until_future_complete(
    node: Node, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Run a node's callbacks until a future is done, or for `timeout_sec`."""
    chosen = executor or get_global_executor()
    try:
        chosen.add_node(node)
        chosen.spin_until_future_complete(future, timeout_sec)
    finally:
        chosen.remove_node(node)
