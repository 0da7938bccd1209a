"""A short drive as messages, which a test may change before the doctor sees them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rclpy.serialization import serialize_message

from lss_bev_ros import messages, topics
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.dataset.timeline import timeline
from lss_bev_ros.doctor import Offer, Problem, Recording, examine
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.nodes.doctor_source import Collector

BEGIN = 1_700_000_000_000_000_000


@dataclass
class Sent:
    """One message: its topic, type, time of receipt and content."""

    topic: str
    type: str
    time: int
    message: Any


@dataclass
class Drive:
    """Messages in order, and what publishers offer by topic."""

    sent: list[Sent]
    offers: dict[str, Offer]

    def of(self, *topics: str) -> list[Sent]:
        """Messages of some topics."""
        return [one for one in self.sent if one.topic in topics]

    def without(self, *topics: str) -> Drive:
        """The drive without some topics."""
        return replace(self, sent=[one for one in self.sent if one.topic not in topics])

    def each(self, change: Callable[[Any], Any], *topics: str) -> Drive:
        """Change messages of some topics in place."""
        for one in self.of(*topics):
            change(one.message)
        return self

    def mount(self, change: Callable[[str, Pose], Pose | None], *children: str) -> Drive:
        """Change where sensors are mounted; None takes the transform away."""
        for one in self.of("/tf_static"):
            kept = []
            for told in one.message.transforms:
                child = told.child_frame_id
                pose: Pose | None = messages.pose_from_transform(told)
                if not children or child in children:
                    pose = change(child, pose)
                if pose is not None:
                    kept.append(messages.transform(pose, told.header.frame_id, child, 0))
            one.message.transforms = kept
        return self

    def renamed(self, change: Callable[[str], str]) -> Drive:
        """The drive with other topics."""
        return replace(self, sent=[replace(one, topic=change(one.topic)) for one in self.sent])

    def recording(self, **options: Any) -> Recording:
        """What the doctor would see."""
        told = {name: options.pop(name) for name in ("reliability", "slop", "sim_time") if name in options}
        source = options.pop("source", "drive")
        collector = Collector(every=0.1, **options)
        for topic in sorted({one.topic for one in self.sent}):
            kind = next(one.type for one in self.sent if one.topic == topic)
            collector.topic(topic, kind, [self.offers.get(topic, Offer(True, topic == "/tf_static"))])
        for one in sorted(self.sent, key=lambda one: one.time):
            collector.message(one.topic, one.time, serialize_message(one.message))
        return collector.recording(source, **told)

    def problems(self, fit: bool = True, **options: Any) -> list[Problem]:
        """What the doctor says."""
        return list(examine(self.recording(**options), fit).problems)


def read_drive(root: Path, scene: str = "") -> Drive:
    """The messages of a data root's scene."""
    reader = NuScenesReader(root, "")
    scene = scene or reader.scenes[0]
    events = timeline(reader.shots(scene, False), reader.keyframes(scene), start=0)
    kinds = {topic.name: topic.type_name for topic in topics.all_topics()}
    sent: list[Sent] = []

    def add(topic: str, stamp: int, message: Any) -> None:
        sent.append(Sent(f"/{topic.removeprefix('/')}", kinds[topic], stamp, message))

    add(topics.TF_STATIC_TOPIC, BEGIN, topics.mounting(events, BEGIN))
    for event in events:
        stamp = BEGIN + event.stamp
        add(topics.TF_TOPIC, stamp, topics.motion(event.item, stamp))
        for topic, message in topics.recording(event.item, stamp, BevGrid()):
            add(topic, stamp, message)
    return Drive(sent, {})


@pytest.fixture(scope="session")
def street_drive(street: Path) -> Drive:
    """The drive through the synthetic street; copy it before changing it."""
    return read_drive(street)


@pytest.fixture
def drive(street_drive: Drive) -> Drive:
    """The drive, for one test to change."""
    return copy.deepcopy(street_drive)
