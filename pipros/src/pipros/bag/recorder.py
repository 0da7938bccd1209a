"""Recording."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.interfaces import Connection

from pipros.errors import PiprosError
from pipros.names import absolute, is_hidden
from pipros.topic.offers import message_class, request_for
from pipros.topic.session import Session

from .qos import to_bag
from .selection import Selection
from .storage import StorageOptions
from .writer import BagWriter

# Seconds between two looks for new topics, and messages of a topic that may wait, as rosbag2 has them.
_DISCOVERY_SECONDS = 0.1
_DEPTH = 100
# A Ctrl-C ends other nodes as well, and what they publish at their end belongs into the bag.
_LAST_WORDS_SECONDS = 0.3


class Recorder:
    """Record topics through a node for as long as somebody spins it; close it, or use it in a `with`.

    New topics are found while it records. The messages' bytes are kept as they are, with the time at
    which they came.

    Args:
        node: A node that is spun.
        output: Folder of the bag to make.
        topics: Names, waited for where nobody publishes them yet; None for all but hidden ones.
        exclude: Names, or regular expressions of whole names, to leave out.
        selection: Instead of both, what the options of `ros2 bag record` say.
        hidden: Hidden topics too, where all are recorded.
        options: Compression, splitting and limits.
        qos_overrides: Profiles to request, by full names of topics, instead of what hears all publishers.

    Raises:
        PiprosError: The folder exists already or cannot be made; an expression that is none.
    """

    def __init__(
        self,
        node: Node,
        output: Path | str,
        topics: Collection[str] | None = None,
        *,
        exclude: Collection[str] = (),
        selection: Selection | None = None,
        hidden: bool = False,
        options: StorageOptions = StorageOptions(),
        qos_overrides: Mapping[str, QoSProfile] = MappingProxyType({}),
    ) -> None:
        self._node = node
        self._selection = Selection(tuple(topics or ()), whole=False) if selection is None else selection
        self._hidden = hidden
        self._overrides = qos_overrides
        try:
            self._excluded = [re.compile(expression) for expression in exclude]
        except re.error as error:
            raise PiprosError(f"exclude '{error.pattern!s}' is not a regular expression: {error}") from None
        self._writer = BagWriter(output, options)
        self._subscriptions: dict[str, object] = {}
        self._passed_over: set[str] = set()
        self._counts: dict[str, int] = {}
        self._last_stamp = 0
        self._closed = self._told = False
        self._timer = node.create_timer(_DISCOVERY_SECONDS, self.discover)
        self.discover()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """Folder of the bag."""
        return self._writer.path

    @property
    def counts(self) -> dict[str, int]:
        """Messages recorded of each topic so far."""
        return dict(self._counts)

    @property
    def dropped(self) -> int:
        """Messages that could not be recorded, because the disk was too slow or failed."""
        return self._writer.dropped

    @property
    def failed(self) -> bool:
        """Whether writing has failed, so that nothing more can be recorded."""
        return self._writer.failure is not None

    @property
    def full(self) -> str:
        """Which limit of its options the bag has reached, so that nothing more is recorded; else empty."""
        return self._writer.full

    def discover(self) -> None:
        """Subscribe to what is published and wanted and not yet recorded."""
        for topic, types in self._node.get_topic_names_and_types():
            known = topic in self._subscriptions or topic in self._passed_over
            if not known and self._is_wanted(topic) and self._node.count_publishers(topic):
                self._subscribe(topic, types)

    def close(self) -> None:
        """Stop and complete the bag; further calls do nothing.

        Raises:
            PiprosError: Writing failed; the bag can be read up to there.
        """
        if self._closed:
            return
        self._closed = True
        self._node.destroy_timer(self._timer)
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._writer.close()

    def _is_wanted(self, topic: str) -> bool:
        if any(expression.fullmatch(topic) for expression in self._excluded):
            return False
        if not self._selection.takes(topic):
            return False
        if topic in map(absolute, self._selection.topics) or self._hidden:
            return True
        return not is_hidden(topic)

    def _subscribe(self, topic: str, types: Sequence[str]) -> None:
        log = self._node.get_logger()
        try:
            if len(types) != 1:
                raise PiprosError(f"topic {topic} has several types: {', '.join(types)}")
            kind = message_class(types[0])
            offered = [to_bag(info.qos_profile) for info in self._node.get_publishers_info_by_topic(topic)]
            connection = self._writer.add_topic(topic, types[0], offered)
        except PiprosError as error:
            self._passed_over.add(topic)
            log.warning(f"not recorded: {error}")
            return
        qos = self._overrides.get(topic) or request_for(self._node, topic, depth=_DEPTH, warn=log.warning)
        self._counts[topic] = 0
        self._subscriptions[topic] = self._node.create_subscription(
            kind, topic, partial(self._write, connection), qos, raw=True
        )
        log.info(f"Subscribed to topic '{topic}'")

    def _write(self, connection: Connection, data: bytes) -> None:
        # Readers of a bag without an index want stamps that never go back, which a clock may do.
        self._last_stamp = max(self._last_stamp, time.time_ns())
        if self._closed:
            return
        if self._writer.write(connection, self._last_stamp, data):
            self._counts[connection.topic] += 1
        elif self.failed and not self._told:
            self._told = True
            self._node.get_logger().error(f"recording has ended: {self._writer.failure}")


def record(
    output: Path | str,
    topics: Collection[str] | None = None,
    *,
    exclude: Collection[str] = (),
    selection: Selection | None = None,
    hidden: bool = False,
    duration: float | None = None,
    options: StorageOptions = StorageOptions(),
    qos_overrides: Mapping[str, QoSProfile] = MappingProxyType({}),
) -> dict[str, int]:
    """Record until SIGINT, SIGTERM, for `duration` seconds or up to a limit; the bag is complete afterwards.

    Args:
        output: Folder of the bag to make.
        topics: Names, None for all but hidden ones.
        exclude: Names, or regular expressions of whole names, to leave out.
        selection: Instead of `topics`, what the options of `ros2 bag record` say.
        hidden: Hidden topics too, where all are recorded.
        duration: Seconds, None for no limit.
        options: Compression and splitting.
        qos_overrides: Profiles to request by full names of topics.

    Returns:
        Messages recorded of each topic.

    Raises:
        PiprosError: The folder exists already or cannot be made; writing failed.
    """
    if topics is not None and not topics:
        raise PiprosError("no topics to record; name some, or record all with -a")
    with (
        Session("rosbag2_recorder") as session,
        Recorder(
            session.node,
            output,
            topics,
            exclude=exclude,
            selection=selection,
            hidden=hidden,
            options=options,
            qos_overrides=qos_overrides,
        ) as recorder,
    ):
        log = session.node.get_logger()
        log.info(f"Recording to {recorder.path}; stop with Ctrl-C")
        session.spin(until=lambda: recorder.failed or bool(recorder.full), timeout=duration)
        if recorder.full:
            log.info(f"Recording has ended: {recorder.full}")
        session.drain(_LAST_WORDS_SECONDS)
        named = selection.topics if selection is not None else topics
        missing = sorted(set(named or ()) - set(recorder.counts) - {name[1:] for name in recorder.counts})
        if missing:
            log.warning(f"never published: {', '.join(missing)}")
        if recorder.dropped:
            why = "writing failed" if recorder.failed else "the disk is too slow"
            log.warning(f"{recorder.dropped} messages were not recorded: {why}")
        return recorder.counts
