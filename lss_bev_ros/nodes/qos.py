"""The qualities of service that the nodes use."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Of every publisher, so that any subscriber fits."""


def latched_qos(depth: int = 1) -> QoSProfile:
    """Of what a late subscriber must not miss: the publisher keeps the last `depth` messages for it."""
    return QoSProfile(
        depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


def sensor_qos(reliability: str) -> QoSProfile:
    """Of subscriptions to sensor data; `reliability` is `best_effort` or `reliable`."""
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=10, reliability=policy)
