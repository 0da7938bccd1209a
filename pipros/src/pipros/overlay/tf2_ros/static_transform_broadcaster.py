"""Sending transforms that hold for good, as tf2_ros.static_transform_broadcaster."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage


class StaticTransformBroadcaster:
    """Publishes on /tf_static all transforms it was given, so that who comes late gets them all."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if qos is None:
            qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.net_message = TFMessage()
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos)

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Send one or several. As in Jazzy, a child frame keeps the first transform it was sent with."""
        new = [transform] if isinstance(transform, TransformStamped) else list(transform)
        known = {each.child_frame_id: each for each in reversed([*self.net_message.transforms, *new])}
        self.net_message.transforms = list(reversed(known.values()))
        self.pub_tf.publish(self.net_message)
