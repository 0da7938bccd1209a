"""Playing."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy

from pipros.errors import PiprosError
from pipros.names import absolute
from pipros.topic.session import Session

from .channel import Stretch
from .keyboard import keys
from .playback import CLOCK_TOPIC, BagClock, Playback, offer_services
from .qos import to_offer
from .reader import LONG_GAP, Bag
from .recorded_types import differs_here, recorded_class
from .selection import Selection, require

if TYPE_CHECKING:
    from rclpy.publisher import Publisher
    from rclpy.qos import QoSProfile

# Readers need a moment to find new writers; what is published before is lost to volatile readers.
_DISCOVERY_SECONDS = 1.0
# A longer wait for the next message is told, seconds.
_LONG_WAIT = 10.0


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
        qos_overrides: Profiles to offer, by names in the bag, instead of those that were recorded.
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
    qos_overrides: Mapping[str, QoSProfile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise PiprosError(f"rate {self.rate} is not above 0")
        if self.clock is not None and not self.clock > 0:
            raise PiprosError(f"clock {self.clock} is not above 0; leave it out to publish none")
        if not self.delay >= 0:
            raise PiprosError(f"delay {self.delay} s is below 0")


@dataclass(frozen=True)
class Played:
    """How a playback ended.

    Attributes:
        messages: How many were published.
        lost: A line for each file or topic of which messages are missing that should be there.
    """

    messages: int
    lost: tuple[str, ...] = ()


def play(path: Path | str, options: PlayOptions = PlayOptions(), *, keyboard: bool = False) -> Played:
    """Publish a bag's messages as they were recorded, until it ends or SIGINT or SIGTERM comes.

    Each topic gets the quality of service that its publishers offered. While it plays, it has the services
    of `ros2 bag play` that pause, resume, step and change the rate. Topics that cannot be published, such
    as those of unknown types, are named and left out. A pause of more than an hour in the stamps is
    skipped, and named too.

    With a start offset, what latched topics held at that time is published first; `ros2 bag play` of
    Humble and Jazzy leaves it out, and so a car without its /tf_static.

    Args:
        path: Bag folder or storage file.
        options: How.
        keyboard: Whether the terminal's keys pause and step.

    Returns:
        Messages published, and what was lost.

    Raises:
        PiprosError: No bag, a damaged one, a topic that it does not hold, a rate that is none.
    """
    with Bag(path) as bag:
        names = _selected(bag, options)
        start, stop = _span(bag, options)
        with Session("rosbag2_player") as session:
            node = session.node
            warn = node.get_logger().warning
            for line in bag.lost:
                warn(f"lost: {line}")
            for line in bag.notes:
                warn(line)
            for passed in bag.passed_over:
                if passed.count:
                    warn(f"not played: {passed}")
            publishers = _publishers(node, bag, names, options, warn)
            if not publishers and (bag.message_count or any(passed.count for passed in bag.passed_over)):
                raise PiprosError(f"bag {bag.path} has no messages that can be played here; see the warnings")
            if not bag.message_count and not bag.complete:
                raise PiprosError(
                    f"bag {bag.path} was cut before its first message: record it again, or copy it again"
                )
            if not bag.message_count:
                warn(f"bag {bag.path} holds no messages")
            voice = _Voice(publishers, warn)
            clock = None if options.clock is None else BagClock(node, options.clock)
            playback = Playback(session, options.rate, options.start_paused, clock)
            services = offer_services(node, playback)
            with keys(playback) if keyboard else _no_keys() as told:
                if told:
                    node.get_logger().info(told)
                session.spin(timeout=max(options.delay, _DISCOVERY_SECONDS))
                if not session.stopped and start > bag.start:
                    _say_latched(bag, publishers, voice, start, node.get_logger().info)
                while not session.stopped:
                    before = voice.messages
                    ended = _play_once(bag, publishers, voice, playback, start, stop, warn)
                    if ended and start == bag.start and stop is None and not options.loop:
                        voice.compare(bag)
                    if not options.loop or voice.messages == before:
                        break
                    session.spin(timeout=options.delay)
            session.drain(0.1)  # what is on its way reaches its readers
            for service in services:
                node.destroy_service(service)
            lost = dict.fromkeys((*bag.lost, *voice.lost))
            return Played(voice.messages, tuple(lost))


class _Voice:
    """Publishes, and keeps account of it."""

    def __init__(self, publishers: Mapping[str, Publisher], warn: Callable[[str], None]) -> None:
        self._publishers, self._warn = publishers, warn
        self._said: Counter[str] = Counter()
        self._unsaid: Counter[str] = Counter()
        self._first_reason: dict[str, str] = {}
        self._missing: list[str] = []

    @property
    def messages(self) -> int:
        """How many were published."""
        return self._said.total()

    @property
    def lost(self) -> list[str]:
        """A line for each topic of which messages were not published."""
        refused = [
            f"{topic}: {count} messages that cannot be published ({self._first_reason[topic]})"
            for topic, count in self._unsaid.items()
        ]
        return [*refused, *self._missing]

    def say(self, topic: str, data: bytes) -> None:
        """Publish a message; one that the middleware refuses is counted, and the first of a topic told."""
        try:
            self._publishers[topic].publish(data)
        except Exception as error:
            # What a bag holds may be anything, and the middlewares have no error of their own for it.
            if not self._unsaid[topic]:
                self._first_reason[topic] = " ".join(str(error).split()) or type(error).__name__
                self._warn(f"not played: a message of {topic}: {self._first_reason[topic]}")
            self._unsaid[topic] += 1
        else:
            self._said[topic] += 1

    def compare(self, bag: Bag) -> None:
        """Note what the files claim to hold and did not give."""
        for topic in bag.topics:
            read = self._said[topic.name] + self._unsaid[topic.name]
            if topic.name in self._publishers and read < topic.count:
                line = f"{topic.name}: {topic.count - read} of {topic.count} messages could not be read"
                self._missing.append(line)
                self._warn(f"lost: {line}")


def _play_once(
    bag: Bag,
    publishers: Collection[str],
    voice: _Voice,
    playback: Playback,
    start: int,
    stop: int | None,
    warn: Callable[[str], None],
) -> bool:
    """Publish from `start` to `stop`; whether it came to the end."""
    playback.begin(start)
    previous = None
    for topic, stamp, data in bag.messages(publishers, start if start > bag.start else None):
        if stop is not None and stamp > stop:
            return True
        # The first message of all may come after a gap too, where those before are not played.
        gap = stamp - (start if previous is None else previous)
        if gap > LONG_GAP:
            ends = f"from {(stamp - gap) / 1e9:.3f} to {stamp / 1e9:.3f}"
            warn(f"skipped: a gap of {_long(gap)} in the stamps, {ends}")
            playback.begin(stamp)
        elif gap / 1e9 / playback.rate > _LONG_WAIT and not playback.paused:
            warn(f"waiting {gap / 1e9 / playback.rate:.0f} s for the next message, as in the recording")
        if not playback.wait(stamp):
            return False
        voice.say(topic, data)
        previous = stamp
    return True


def _say_latched(
    bag: Bag, publishers: Mapping[str, Publisher], voice: _Voice, start: int, tell: Callable[[str], None]
) -> None:
    """Publish what latched topics held before the start, as much of it as their publishers keep."""
    kept = {
        name: publisher.qos_profile.depth
        for name, publisher in publishers.items()
        if publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    }
    held: dict[str, deque[bytes]] = {name: deque(maxlen=depth or None) for name, depth in kept.items()}
    for topic, _, data in bag.messages(held, stop=start) if held else ():
        held[topic].append(data)
    for topic, messages in held.items():
        for data in messages:
            voice.say(topic, data)
        if messages:
            tell(
                f"{topic}: {len(messages)} messages from before the start come first, as it is latched; "
                "`ros2 bag play` of Humble and Jazzy leaves them out"
            )


def _long(nanoseconds: int) -> str:
    """A long time in words."""
    hours = nanoseconds / 3600e9
    if hours < 48:
        return f"{hours:.1f} hours"
    return f"{hours / 24:.0f} days" if hours < 24 * 730 else f"{hours / 24 / 365.25:.0f} years"


def _no_keys() -> contextlib.nullcontext:
    return contextlib.nullcontext("")


def _span(bag: Bag, options: PlayOptions) -> tuple[int, int | None]:
    """Stamps of the first and the last message to play; gaps that are skipped take no time of the bag's."""
    offset = round(options.start_offset * 1e9) if options.start_offset >= 0 else -1
    wanted = options.playback_duration
    if not offset and wanted is None:
        return bag.start, options.playback_until
    stretches = bag.stretches() if bag.end - bag.start > LONG_GAP else [(bag.start, bag.end)]
    start = _place(stretches, offset)
    if offset < 0 or (bag.message_count and start is None):
        lasts = sum(end - begin for begin, end in stretches) / 1e9
        raise PiprosError(
            f"start offset {options.start_offset} s is outside bag {bag.path}, which lasts {lasts:.3f} s"
        )
    ends = [] if options.playback_until is None else [options.playback_until]
    if wanted is not None:
        end = _place(stretches, offset + round(wanted * 1e9))
        ends.append(bag.end if end is None else end)
    return bag.start if start is None else start, max(ends, default=None)


def _place(stretches: Sequence[Stretch], offset: int) -> int | None:
    """The stamp that comes `offset` nanoseconds of playing after the first; None behind the end."""
    for begin, end in stretches:
        if offset <= end - begin:
            return begin + offset
        offset -= end - begin
    return None


def _selected(bag: Bag, options: PlayOptions) -> dict[str, str]:
    """Return the names to publish under by the names in the bag.

    Raises:
        PiprosError: A name that the bag does not hold.
    """
    held = [topic.name for topic in bag.topics]
    where = f"bag {bag.path}"
    require(held, options.remap, where)
    wanted = options.selection.select(held, where)
    renamed = {absolute(old): absolute(new) for old, new in options.remap.items()}
    # A recorded clock beside the one that is asked for would make time jump.
    with_clock = options.clock is not None
    return {name: renamed.get(name, name) for name in wanted if not (with_clock and name == CLOCK_TOPIC)}


def _publishers(
    node: Node, bag: Bag, names: Mapping[str, str], options: PlayOptions, warn: Callable[[str], None]
) -> dict[str, Publisher]:
    """Publishers by names in the bag; what cannot be published is told."""
    overrides = options.qos_overrides
    for name in sorted(overrides.keys() - {topic.name for topic in bag.topics}):
        warn(f"the QoS overrides name {name}, which the bag does not hold")
    publishers = {}
    for topic in bag.topics:
        if topic.name not in names:
            continue
        try:
            kind = recorded_class(topic)
            offer = overrides.get(topic.name) or to_offer(
                topic.name, topic.type, topic.offered_qos, topic.count, warn
            )
            publishers[topic.name] = node.create_publisher(kind, names[topic.name], offer)
        except Exception as error:
            # Names, types and profiles of other hands: rclpy has an error class of its own for each.
            reason = " ".join(str(error).split()) or type(error).__name__
            warn(f"not played: {topic.name} ({topic.type}, {topic.count} messages): {reason}")
            continue
        if differs_here(topic):
            warn(
                f"{topic.name}: {topic.type} was recorded with another definition than there is here; its "
                "readers may not understand it"
            )
    return publishers
