"""Waiting for one message, as rclpy.wait_for_message."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.task import Future

if TYPE_CHECKING:
    from rclpy.node import Node


def wait_for_message(
    msg_type: type, node: Node, topic: str, *, qos_profile: QoSProfile | int = 1, time_to_wait: float = -1
) -> tuple[bool, object]:
    """Wait for the next message of a topic: (True, message), or (False, None) after the timeout."""
    future: Future = Future()
    first = threading.Lock()

    def received(message: object) -> None:
        if first.acquire(blocking=False):
            future.set_result(message)

    subscription = node.create_subscription(msg_type, topic, received, qos_profile)
    previous = node.executor
    executor = SingleThreadedExecutor(context=node.context)
    try:
        executor.add_node(node)
        executor.spin_until_future_complete(future, time_to_wait)
    finally:
        executor.shutdown()
        node.executor = previous
        node.destroy_subscription(subscription)
    return (True, future.result()) if future.done() else (False, None)
