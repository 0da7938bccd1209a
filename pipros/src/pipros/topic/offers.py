"""What publishers offer, and what to request so that all of them are heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosidl_runtime_py.utilities import get_message

from pipros.errors import PiprosError


def message_class(type_name: str) -> type:
    """Return the class of a message type, such as std_msgs/msg/String.

    Raises:
        PiprosError: There is none here.
    """
    try:
        return get_message(type_name)
    except (ImportError, AttributeError, ValueError):
        raise PiprosError(f"message type {type_name} is not known here") from None


def types_of(node: Node, topic: str) -> list[str]:
    """Return the types of a topic, none where nobody has it."""
    for name, types in node.get_topic_names_and_types():
        if name == topic:
            return list(types)
    return []


def request_for(
    node: Node, topic: str, *, depth: int, warn: Callable[[str], None] = lambda text: None
) -> QoSProfile:
    """Return the QoS that hears every publisher there is, as reliably as all of them offer.

    Like `ros2 topic echo` and `ros2 bag record`: reliable, or transient local, only if all are. Without a
    publisher: best effort and volatile, which hears any.
    """
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    reliable = _all_or_warn(topic, offers, "reliability", ReliabilityPolicy.RELIABLE, "BEST_EFFORT", warn)
    latched = _all_or_warn(topic, offers, "durability", DurabilityPolicy.TRANSIENT_LOCAL, "VOLATILE", warn)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _all_or_warn(
    topic: str, offers: Sequence[QoSProfile], policy: str, best: Any, other: str, warn: Callable[[str], None]
) -> bool:
    having = sum(getattr(offer, policy) == best for offer in offers)
    if 0 < having < len(offers):
        warn(
            f'Some, but not all, publishers on topic "{topic}" are offering {best.name}. Falling back to '
            f"{other} as it will connect to all publishers"
        )
    return bool(offers) and having == len(offers)
