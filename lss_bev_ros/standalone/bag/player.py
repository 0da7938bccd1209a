"""Playing."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.node import Node

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.topic.offers import absolute, message_class
from lss_bev_ros.standalone.topic.session import Session

from .keyboard import keys
from .playback import CLOCK_TOPIC, BagClock, Playback, offer_services
from .qos import to_offer
from .reader import Bag
from .selection import Selection, require

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

# Readers need a moment to find new writers; what is published before is lost to volatile readers.
_DISCOVERY_SECONDS = 1.0


@dataclass(frozen=True)
class PlayOptions:
    """How a bag is played; the names are those of `ros2 bag play`.

    Attributes:
        rate: Speed, 1 for that of the recording.
        loop: Begin again at the end.
        selection: Which topics, by their names in the bag.
        remap: New names by names in the bag.
        start_offset: Seconds of the bag to leave out.
        playback_duration: Seconds of the bag to play, None for all.
        playback_until: Stamp at which to stop, nanoseconds since 1970, None for none. Of this and the
            duration the later one counts.
        clock: Publish /clock that many times a second, None for not at all.
        delay: Seconds to wait before the first message of each loop; at least one before the very first.
        start_paused: Wait for a resume before the first message.
    """

    rate: float = 1.0
    loop: bool = False
    selection: Selection = Selection()
    remap: Mapping[str, str] = field(default_factory=dict)
    start_offset: float = 0.0
    playback_duration: float | None = None
    playback_until: int | None = None
    clock: float | None = None
    delay: float = 0.0
    start_paused: bool = False

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise StandaloneError(f"rate {self.rate} is not above 0")
        if self.clock is not None and not self.clock > 0:
            raise StandaloneError(f"clock {self.clock} is not above 0; leave it out to publish none")
        if not self.delay >= 0:
            raise StandaloneError(f"delay {self.delay} s is below 0")


def play(
    path: Path | str,
    *,
    options: PlayOptions | None = None,
    keyboard: bool = False,
    topics: Collection[str] = (),
    **changes: object,
) -> int:
    """Publish a bag's messages as they were recorded, until it ends or SIGINT or SIGTERM comes.

    Each topic gets the quality of service that its publishers offered. While it plays, it has the services
    of `ros2 bag play` that pause, resume, step and change the rate.

    Args:
        path: Bag folder or .mcap file.
        options: How; the defaults if not given.
        keyboard: Whether the terminal's keys pause and step.
        topics: For `options.selection` where only names are wanted.
        changes: Single fields of PlayOptions, in place of `options`.

    Returns:
        Messages published.

    Raises:
        StandaloneError: No bag, a damaged one, a topic that it does not hold, a rate that is none.
    """
    if options is None:
        options = PlayOptions(selection=Selection(tuple(topics or ())), **changes)
    with Bag(path) as bag:
        names = _selected(bag, options)
        start, stop = _span(bag, options)
        with Session("rosbag2_player") as session:
            node = session.node
            for line in bag.lost:
                node.get_logger().warning(f"lost: {line}")
            publishers = _publishers(node, bag, names)
            clock = None if options.clock is None else BagClock(node, options.clock)
            playback = Playback(session, options.rate, options.start_paused, clock)
            services = offer_services(node, playback)
            with keys(playback) if keyboard else _no_keys() as told:
                if told:
                    node.get_logger().info(told)
                session.spin(timeout=max(options.delay, _DISCOVERY_SECONDS))
                played = 0
                while not session.stopped:
                    playback.begin(start)
                    before = played
                    for topic, stamp, data in bag.messages(publishers, start):
                        if stop is not None and stamp > stop:
                            break
                        if not playback.wait(stamp):
                            break
                        publishers[topic].publish(data)
                        played += 1
                    if not options.loop or played == before:
                        break
                    session.spin(timeout=options.delay)
            session.drain(0.1)  # what is on its way reaches its readers
            for service in services:
                node.destroy_service(service)
            return played


def _no_keys() -> contextlib.nullcontext:
    return contextlib.nullcontext("")


def _span(bag: Bag, options: PlayOptions) -> tuple[int, int | None]:
    """Stamps of the first and the last message to play."""
    start = bag.start + round(options.start_offset * 1e9)
    if not options.start_offset >= 0 or (bag.message_count and start > bag.end):
        raise StandaloneError(
            f"start offset {options.start_offset} s is outside bag {bag.path}, "
            f"which lasts {(bag.end - bag.start) / 1e9:.3f} s"
        )
    ends = [] if options.playback_until is None else [options.playback_until]
    if options.playback_duration is not None:
        ends.append(start + round(options.playback_duration * 1e9))
    return start, max(ends, default=None)


def _selected(bag: Bag, options: PlayOptions) -> dict[str, str]:
    """Return the names to publish under by the names in the bag.

    Raises:
        StandaloneError: A name that the bag does not hold.
    """
    held = [topic.name for topic in bag.topics]
    where = f"bag {bag.path}"
    require(held, options.remap, where)
    wanted = options.selection.select(held, where)
    renamed = {absolute(old): absolute(new) for old, new in options.remap.items()}
    # A recorded clock beside the one that is asked for would make time jump.
    with_clock = options.clock is not None
    return {name: renamed.get(name, name) for name in wanted if not (with_clock and name == CLOCK_TOPIC)}


def _publishers(node: Node, bag: Bag, names: Mapping[str, str]) -> dict[str, Publisher]:
    publishers = {}
    for topic in bag.topics:
        if topic.name in names:
            offer = to_offer(topic.offered_qos, topic.count)
            publishers[topic.name] = node.create_publisher(
                message_class(topic.type), names[topic.name], offer
            )
    return publishers
