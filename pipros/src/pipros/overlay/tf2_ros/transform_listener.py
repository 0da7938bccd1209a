"""Filling a buffer from /tf and /tf_static, as tf2_ros.transform_listener."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.buffer import Buffer
from tf2_ros.exceptions import InvalidArgumentException


class TransformListener:
    """Subscribes for a buffer; with `spin_thread` a thread of its own runs the node."""

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
        tf_topic: str = "/tf",
        tf_static_topic: str = "/tf_static",
    ) -> None:
        if static_qos is None:
            static_qos = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.buffer = buffer
        self.node = node
        self.group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(
            TFMessage, tf_topic, self.callback, QoSProfile(depth=100) if qos is None else qos,
            callback_group=self.group,
        )  # fmt: skip
        self.tf_static_sub = node.create_subscription(
            TFMessage, tf_static_topic, self.static_callback, static_qos, callback_group=self.group
        )
        if spin_thread:
            self.executor = SingleThreadedExecutor(context=node.context)
            self.executor.add_node(node)
            self.dedicated_listener_thread = threading.Thread(target=self._pipros_spin, daemon=True)
            self.dedicated_listener_thread.start()

    def callback(self, data: TFMessage) -> None:
        """Take transforms from /tf."""
        self._pipros_insert(data, self.buffer.set_transform)

    def static_callback(self, data: TFMessage) -> None:
        """Take transforms from /tf_static."""
        self._pipros_insert(data, self.buffer.set_transform_static)

    def unregister(self) -> None:
        """Stop listening."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def _pipros_insert(self, data: TFMessage, insert: Callable[[Any, str], None]) -> None:
        for transform in data.transforms:
            try:
                insert(transform, "default_authority")
            except InvalidArgumentException as error:
                self.node.get_logger().error(str(error), throttle_duration_sec=1.0)

    def _pipros_spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self.executor.spin()
