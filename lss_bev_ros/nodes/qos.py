"""The kinds of quality of service; each node chooses one for each of its topics."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Of publishers of what is past when the next message comes, whatever the subscriber's reliability."""


def latched_qos(depth: int = 1) -> QoSProfile:
    """Of what a late subscriber must not miss: the publisher keeps the last `depth` messages for it.

    Maps are of this kind: nav2's static layer and rviz's Map ask for transient local, and a publisher that
    offers less is not heard at all. Volatile subscribers hear it too.
    """
    return QoSProfile(
        depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


def sensor_qos(reliability: str) -> QoSProfile:
    """Of what comes so often that one may be lost; `reliability` is `best_effort` or `reliable`.

    A subscription with `best_effort` hears every publisher, one with `reliable` only reliable ones.
    """
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=10, reliability=policy)
