"""Where the doctor's messages come from: a bag, or what is published now."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rosbags.interfaces import QosDurability, QosReliability

from pipros import PiprosError, activate

from ..doctor import Offer, Recording
from ..doctor.shared_memory import SharedMemory
from ..doctor.sockets import Sockets
from ..nodes.doctor_source import Collector

_MOMENTS = 12
"""How many moments of a bag are looked at."""

_DEPTH = 100
_TOLD = ("reliability", "slop", "sim_time")


def of_bag(path: Path, **options: Any) -> Recording:
    """Read a bag once: all stamps, a few pictures and scans.

    Args:
        path: folder or file.
        options: of the Collector, and `reliability`, `slop` and `sim_time` of the Recording.

    Raises:
        PiprosError: no bag, or a damaged one.
    """
    from pipros.bag import Bag

    told, chosen = _split(options)
    with Bag(path) as bag:
        seconds = (bag.end - bag.start) / 1e9
        collector = Collector(every=seconds / _MOMENTS, **chosen)
        for topic in bag.topics:
            offers = [
                Offer(
                    offer.reliability != QosReliability.BEST_EFFORT,
                    offer.durability == QosDurability.TRANSIENT_LOCAL,
                )
                for offer in topic.offered_qos
            ]
            collector.topic(topic.name, topic.type, offers)
        for name, stamp, data in bag.messages():
            collector.message(name, stamp, data)
        losses = (*bag.lost, *map(str, bag.passed_over))
    return collector.recording(str(path), losses=losses, **told)


def of_topics(seconds: float, **options: Any) -> Recording:
    """Listen to every topic for some seconds.

    Args:
        seconds: how long, after a second in which topics are found.
        options: as of `of_bag`.
    """
    from pipros.topic import Session, message_class, request_for

    told, chosen = _split(options)
    collector = Collector(every=max(0.5, seconds / _MOMENTS), **chosen)
    known: set[str] = set()
    with Session() as session:
        node = session.node

        def take(name: str, data: bytes) -> None:
            collector.message(name, time.time_ns(), data)

        def discover() -> None:
            for name, types in node.get_topic_names_and_types():
                if name in known or not types or not node.count_publishers(name):
                    continue
                known.add(name)
                offers = [
                    Offer(
                        info.qos_profile.reliability != ReliabilityPolicy.BEST_EFFORT,
                        info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
                    )
                    for info in node.get_publishers_info_by_topic(name)
                ]
                collector.topic(name, types[0], offers)
                if not collector.wants(types[0]) and name != "/clock":
                    continue
                try:
                    kind = message_class(types[0])
                except PiprosError:
                    continue
                qos = request_for(node, name, depth=_DEPTH)
                node.create_subscription(kind, name, partial(take, name), qos, raw=True)

        session.spin(timeout=1.0)
        discover()
        timer = node.create_timer(0.5, discover)
        session.spin(timeout=seconds)
        node.destroy_timer(timer)
    stand_in = activate()
    told["sockets"] = Sockets.read(os.environ, stand_in)
    told["shared_memory"] = SharedMemory.read(os.environ, stand_in)
    return collector.recording("live", **told)


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the Recording, and of the Collector."""
    told = {name: value for name, value in options.items() if name in _TOLD}
    return told, {name: value for name, value in options.items() if name not in _TOLD}
