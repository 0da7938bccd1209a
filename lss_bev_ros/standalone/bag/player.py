"""Playing."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.node import Node
from rclpy.qos import QoSProfile

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.topic.offers import absolute, message_class
from lss_bev_ros.standalone.topic.session import Session

from .qos import to_offer
from .reader import Bag

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

# Readers need a moment to find new writers; what is published before is lost to volatile readers.
_DISCOVERY_SECONDS = 1.0
_CLOCK_TOPIC = "/clock"


def play(
    path: Path | str,
    *,
    rate: float = 1.0,
    loop: bool = False,
    topics: Collection[str] | None = None,
    remap: Mapping[str, str] | None = None,
    start_offset: float = 0.0,
    clock: float | None = None,
    delay: float = _DISCOVERY_SECONDS,
) -> int:
    """Publish a bag's messages as they were recorded, until it ends or SIGINT or SIGTERM comes.

    Each topic gets the quality of service that its publishers offered.

    Args:
        path: Bag folder or .mcap file.
        rate: Speed, 1 for that of the recording.
        loop: Begin again at the end.
        topics: Names in the bag, None for all.
        remap: New names by names in the bag.
        start_offset: Seconds of the bag to leave out.
        clock: Publish /clock that many times a second, None for not at all.
        delay: Seconds to wait before the first message, for readers to find the publishers.

    Returns:
        Messages published.

    Raises:
        StandaloneError: No bag, a damaged one, a topic that it does not hold, a rate that is none.
    """
    if not rate > 0:
        raise StandaloneError(f"rate {rate} is not above 0")
    if clock is not None and not clock > 0:
        raise StandaloneError(f"clock {clock} is not above 0; leave it out to publish none")
    with Bag(path) as bag:
        names = _selected(bag, topics, remap or {}, clock is not None)
        start = bag.start + round(start_offset * 1e9)
        if not start_offset >= 0 or (bag.message_count and start > bag.end):
            raise StandaloneError(
                f"start offset {start_offset} s is outside bag {path}, "
                f"which lasts {(bag.end - bag.start) / 1e9:.3f} s"
            )
        with Session("rosbag2_player") as session:
            publishers = _publishers(session.node, bag, names)
            ticker = None if clock is None else _Clock(session.node, clock)
            session.spin(timeout=delay)
            played = 0
            while not session.stopped:
                pace = _Pace(session, start, rate, ticker)
                for topic, stamp, data in bag.messages(publishers, start):
                    if not pace.wait(stamp):
                        break
                    publishers[topic].publish(data)
                    played += 1
                if not loop or not played:
                    break
            session.drain(0.1)  # what is on its way reaches its readers
            return played


def _selected(
    bag: Bag, topics: Collection[str] | None, remap: Mapping[str, str], with_clock: bool
) -> dict[str, str]:
    """Return the names to publish under by the names in the bag.

    Raises:
        StandaloneError: A name that the bag does not hold.
    """
    held = [topic.name for topic in bag.topics]
    for name in [*(topics or ()), *remap]:
        if absolute(name) not in held:
            raise StandaloneError(f"bag {bag.path} has no topic {name}; it has {', '.join(held) or 'none'}")
    wanted = held if topics is None else [absolute(name) for name in topics]
    renamed = {absolute(old): absolute(new) for old, new in remap.items()}
    # A recorded clock beside the one that is asked for would make time jump.
    return {name: renamed.get(name, name) for name in wanted if not (with_clock and name == _CLOCK_TOPIC)}


def _publishers(node: Node, bag: Bag, names: Mapping[str, str]) -> dict[str, Publisher]:
    publishers = {}
    for topic in bag.topics:
        if topic.name in names:
            offer = to_offer(topic.offered_qos, topic.count)
            publishers[topic.name] = node.create_publisher(
                message_class(topic.type), names[topic.name], offer
            )
    return publishers


class _Pace:
    """Waits until a message is due."""

    def __init__(self, session: Session, start: int, rate: float, clock: _Clock | None) -> None:
        self._session, self._clock = session, clock
        self._start, self._rate = start, rate
        self._began = time.monotonic()

    def wait(self, stamp: int) -> bool:
        """Wait until a stamp is due; False where the session ends before."""
        due = self._began + (stamp - self._start) / 1e9 / self._rate
        while True:
            now = time.monotonic()
            if self._clock is not None:
                self._clock.tell(self._start + (min(now, due) - self._began) * self._rate * 1e9, now)
            if self._session.stopped:
                return False
            if now >= due:
                return True
            time.sleep(min(due - now, 0.1 if self._clock is None else self._clock.period))


class _Clock:
    """Publishes the bag's time."""

    def __init__(self, node: Node, frequency: float) -> None:
        self._kind = message_class("rosgraph_msgs/msg/Clock")
        self._publisher = node.create_publisher(self._kind, _CLOCK_TOPIC, QoSProfile(depth=10))
        self.period = 1.0 / frequency
        self._next = 0.0

    def tell(self, stamp: float, now: float) -> None:
        """Publish a stamp (ns) unless the last one was published less than a period ago."""
        if now >= self._next:
            self._next = now + self.period
            message = self._kind()
            message.clock.sec, message.clock.nanosec = divmod(int(stamp), 10**9)
            self._publisher.publish(message)
