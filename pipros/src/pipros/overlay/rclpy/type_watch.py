"""What is done about others whom discovery finds; not part of rclpy.

Who uses a topic with another type is warned of: rclpy has an event for it (`incompatible_type`), which
Cyclone DDS never raises. With publishers on Fast DDS, whose greeting Cyclone may miss, it is repeated.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol

from pipros.graph import Arrivals
from pipros.interfaces import type_hash
from pipros.transport import Guard, Participant, Reader, WaitSet, is_fast_dds
from rclpy.logging import RcutilsLogger

_END_TIMEOUT = 2.0  # s
_PATIENCE = 100_000_000  # ns within which what is latched comes, or does not
_GREETING = 500_000_000  # ns within which Fast DDS greets a reader


class Watched(Protocol):
    """A node."""

    _logger: RcutilsLogger

    def _pipros_topics_and_types(self, publishers: bool) -> list[tuple[str, str]]:
        """Topic and type of each of its publishers, or of its subscriptions."""

    def _pipros_meet(self, topic: str, writer: bytes) -> list[Reader]:
        """Repeat the acquaintance with a publisher on Fast DDS; the readers that are to `part` later."""


class TypeWatch:
    """Compares the endpoints of a context's nodes with those that discovery finds.

    On a thread of its own: the DDS binding loses a KeyboardInterrupt that comes while it reads what was
    found, and that only ever comes to the main thread.
    """

    def __init__(self, participant: Participant) -> None:
        self._nodes: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._known: dict[tuple[bool, str], set[tuple[str, str]]] = {}
        self._told: set[tuple[bool, str, str, tuple[str, str]]] = set()
        self._lock = threading.Lock()
        self._met: list[tuple[str, bytes]] = []
        self._introduced: list[Reader] = []
        self._arrivals = {readers: Arrivals(participant, readers) for readers in (False, True)}
        self._guard, self._waiting = Guard(participant), WaitSet(participant)
        self._waiting.set_conditions([self._guard, *self._arrivals.values()])
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="rclpy type watch", daemon=True)
        self._thread.start()

    def look(self, node: Watched) -> None:
        """Watch a node, from its first endpoint on, and compare the newest one with who is there already."""
        with self._lock:
            self._nodes.add(node)
        self._compare(node)

    def close(self) -> None:
        """Stop."""
        self._closing = True
        self._guard.trigger()
        self._thread.join(_END_TIMEOUT)
        if not self._thread.is_alive():
            self._waiting.close()
            self._guard.close()
            for arrivals in self._arrivals.values():
                arrivals.close()

    def _run(self) -> None:
        while not self._closing:
            ready = self._waiting.wait(_PATIENCE if self._met else _GREETING if self._introduced else None)
            if self._closing:
                return
            if not ready:
                self._meet()
                continue
            # Where a node or the whole context ends meanwhile, there is nothing to tell.
            with contextlib.suppress(Exception):
                if self._take():
                    with self._lock:
                        nodes = list(self._nodes)
                    for node in nodes:
                        self._compare(node)

    def _meet(self) -> None:
        met, self._met = self._met, []
        introduced, self._introduced = self._introduced, []
        if not met:
            for reader in introduced:
                with contextlib.suppress(Exception):  # as above
                    reader.part()
            return
        with self._lock:
            nodes = list(self._nodes)
        for topic, writer in met:
            for node in nodes:
                with contextlib.suppress(Exception):
                    introduced += node._pipros_meet(topic, writer)
        self._introduced = introduced

    def _take(self) -> bool:
        """Note who has come; whether there is anybody."""
        found = [(readers, each) for readers, arrivals in self._arrivals.items() for each in arrivals.take()]
        self._met += [
            (each.name, each.guid)
            for readers, each in found
            if not readers and each.qos.reliable and is_fast_dds(each.guid)
        ]
        with self._lock:
            for readers, endpoint in found:
                kind = endpoint.type_name, endpoint.user_data.get("typehash", "")
                self._known.setdefault((readers, endpoint.name), set()).add(kind)
        return bool(found)

    def _compare(self, node: Watched) -> None:
        for line in self._mismatches(node):
            node._logger.warning(line)

    def _mismatches(self, node: Watched) -> Iterator[str]:
        """What does not fit, each once."""
        for publishers in (False, True):
            for name, own in node._pipros_topics_and_types(publishers):
                with self._lock:  # a publisher is compared with readers, a subscription with writers
                    others = sorted(self._known.get((publishers, name), ()))
                for other in others:
                    problem, key = _mismatch(own, *other), (publishers, name, own, other)
                    with self._lock:
                        is_new = bool(problem) and key not in self._told
                        self._told.update({key} if is_new else ())
                    if is_new:
                        yield f"Incompatible type on topic '{name}', {problem}"


def _mismatch(own: str, other: str, other_hash: str) -> str:
    """What is wrong with another's type on a topic; empty where nothing is."""
    if other != own:
        return f"no messages will be sent to it: {own} here, {other} there"
    if other_hash and other_hash != type_hash(own):
        return f"messages may be lost or misread: {own} is defined otherwise there ({other_hash})"
    return ""
