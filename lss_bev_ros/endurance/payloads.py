"""Messages that mean harm: good ones with a few fields that are not, and bytes that are none, as DDS samples.

Cyclone DDS refuses to write a sample that is not of its topic's type. So the type that is written with has
the name of the true one and a field of plain bytes; readers know a type by its name alone, and get whatever
bytes there are.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import new_class
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..errors import RosError
from ..geometry import CAMERA_NAMES, BevGrid, Pose
from ..geometry.example_rig import nuscenes_like_rig
from ..messages.hostile import Hostile
from ..topics import BOXES_TOPIC, LIDAR_TOPIC, TRUTH_TOPIC, image_topic

_SIZES = (8, 60, 400)
"""Bytes of the raw samples."""


def good_messages() -> dict[str, Any]:
    """A message of each topic that a node listens to, with something in it."""
    stamp = time.time_ns()
    cells = messages.occupancy_grid(np.zeros((20, 20), np.int8), BevGrid(0, 10, 0, 10, 0.5), stamp)
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    made: dict[str, Any] = {
        LIDAR_TOPIC: messages.point_cloud(np.ones((20, 5), np.float32), stamp, "lidar_top"),
        TRUTH_TOPIC: cells,
        "bev/occupancy": cells,
        BOXES_TOPIC: MarkerArray(),
        "tf": TFMessage(transforms=[messages.transform(Pose.identity(), "odom", "base_link", stamp)]),
    }
    for camera in nuscenes_like_rig().cameras:
        made[f"{camera.name}/camera_info"] = messages.camera_info(camera, stamp)
        made[image_topic(camera.name)] = messages.compressed_image(jpeg, stamp, camera.name)
    return made


KINDS: dict[str, Any] = {
    LIDAR_TOPIC: PointCloud2,
    TRUTH_TOPIC: OccupancyGrid,
    "bev/occupancy": OccupancyGrid,
    BOXES_TOPIC: MarkerArray,
    "tf": TFMessage,
    **{f"{name}/camera_info": CameraInfo for name in CAMERA_NAMES},
    **{image_topic(name): CompressedImage for name in CAMERA_NAMES},
}


_LATCHED = (TRUTH_TOPIC, "bev/occupancy", BOXES_TOPIC)


class HostileTalker:
    """Publishes messages that mean harm on every topic that a node listens to."""

    def __init__(self, node: Node, seed: int) -> None:
        self._maker = Hostile(seed)
        self._publishers = {
            topic: node.create_publisher(kind, f"/{topic}", _qos(topic)) for topic, kind in KINDS.items()
        }
        self._node = node

    def say(self, count: int) -> int:
        """Publish so many.

        Returns:
            How many could be; what cannot be serialised is left out.
        """
        good, said = good_messages(), 0
        for _ in range(count):
            topic = self._maker.choice(list(KINDS))
            start = good[topic] if self._maker.random() < 0.7 else None
            with contextlib.suppress(Exception):  # numbers beyond their fields
                self._publishers[topic].publish(serialize_message(self._maker.message(KINDS[topic], start)))
                said += 1
        return said

    def close(self) -> None:
        """Publish no more."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)


def _qos(topic: str) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if topic in _LATCHED else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


def write_raw(count: int, seed: int) -> Iterator[int]:
    """Write raw samples to each topic in turn; yields how many there are so far.

    Raises:
        RosError: Cyclone DDS cannot be imported, as beside another middleware.
    """
    try:
        from cyclonedds.domain import DomainParticipant
    except ImportError as error:
        raise RosError("raw samples are written by Cyclone DDS: pip install cyclonedds") from error
    maker, written = Hostile(seed), 0
    good = {topic: serialize_message(message) for topic, message in good_messages().items()}
    share = max(1, count // (len(KINDS) * len(_SIZES)))
    for size in _SIZES:
        participant = DomainParticipant(int(os.environ.get("ROS_DOMAIN_ID", "0")))
        for topic, kind in KINDS.items():
            writer, sample = _writer(participant, topic, kind, size)
            for _ in range(share):
                payload = maker.payload(good[topic])[4:].ljust(size, b"\0")[:size]
                writer.write(sample(data=list(payload)))
                written += 1
            yield written
        del writer, participant


def _writer(participant: Any, topic: str, kind: type, size: int) -> tuple[Any, Any]:
    """A writer of a topic, and the class of its samples: `size` bytes under the name of a message's type."""
    from cyclonedds.core import Policy, Qos
    from cyclonedds.idl import IdlStruct, types
    from cyclonedds.pub import DataWriter
    from cyclonedds.topic import Topic
    from cyclonedds.util import duration

    package = kind.__module__.partition(".")[0]
    body: dict[str, Any] = {
        "__annotations__": {"data": types.array[types.uint8, size]},  # type: ignore[misc]
        "__module__": __name__,
    }
    name = f"{package}::msg::dds_::{kind.__name__}_"
    sample: Any = dataclass(
        new_class("Raw", (IdlStruct,), {"typename": name}, lambda names: names.update(body))
    )
    reliable = Policy.Reliability.Reliable(duration(seconds=1))
    durability = Policy.Durability.TransientLocal if topic in _LATCHED else Policy.Durability.Volatile
    qos = Qos(reliable, durability, Policy.History.KeepLast(1))
    return DataWriter(participant, Topic(participant, f"rt/{topic}", sample), qos), sample
