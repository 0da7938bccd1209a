"""What is known of a publisher or subscription anywhere, as rclpy.topic_endpoint_info."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rclpy.qos import QoSProfile


class TopicEndpointTypeEnum(IntEnum):
    """What an endpoint is."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass(frozen=True)
class TopicEndpointInfo:
    """A publisher or subscription. `topic_type_hash` is a RIHS01 text here."""

    node_name: str
    node_namespace: str
    topic_type: str
    topic_type_hash: str
    endpoint_type: TopicEndpointTypeEnum
    endpoint_gid: list[int]
    qos_profile: QoSProfile
