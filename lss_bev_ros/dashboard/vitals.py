"""How the system is doing: traffic of topics, latencies, diagnostics, scores."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

LEVELS = ("OK", "WARN", "ERROR", "STALE")

_RATE_WINDOW = 5.0
_PLOTTED = 120.0
"""Seconds that the plots look back."""

_FORGOTTEN = 10.0
"""Seconds without a word after which a node's diagnostics count as stale."""

_MOST_STATUSES = 500
"""Statuses that are kept; of more, the one that has been silent for longest is forgotten."""

BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the latency histogram, seconds."""


@dataclass(frozen=True)
class Diagnostic:
    """One line of /diagnostics.

    Attributes:
        name: such as `inference: network`.
        level: index into LEVELS.
        message: one line.
        values: key to text.
        heard: seconds of the clock of `Vitals`.
    """

    name: str
    level: int
    message: str
    values: Mapping[str, str] = field(default_factory=dict)
    heard: float = 0.0


class TopicRow(TypedDict):
    """One topic's traffic: `rate` in Hz, `age` of its last message in seconds, None where none came."""

    name: str
    count: int
    rate: float
    age: float | None
    state: str


class DiagnosticRow(TypedDict):
    """One node's newest status; `level` is one of LEVELS."""

    name: str
    level: str
    message: str
    values: Mapping[str, str]


class _Topic:
    def __init__(self) -> None:
        self.count = 0
        self.last = -math.inf
        self.times: deque[float] = deque()

    def tick(self, now: float) -> None:
        self.count += 1
        self.last = now
        self.times.append(now)
        self.rate(now)

    def rate(self, now: float) -> float:
        while self.times and now - self.times[0] > _RATE_WINDOW:
            self.times.popleft()
        if len(self.times) < 2:
            return 0.0
        return (len(self.times) - 1) / max(self.times[-1] - self.times[0], 1e-9)


class Vitals:
    """Counts, times and keeps what the nodes say of themselves; every method is for any thread."""

    def __init__(
        self, topics: Sequence[str], stale_after: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with nothing heard.

        Args:
            topics: whose messages are expected.
            stale_after: seconds without a message after which a topic counts as silent.
            clock: seconds, for tests.
        """
        self._clock = clock
        self._stale_after = stale_after
        self._lock = threading.Lock()
        self._began = clock()
        self._topics = {name: _Topic() for name in topics}
        self._latencies: deque[tuple[float, float]] = deque()
        self._rates: deque[tuple[float, dict[str, float]]] = deque()
        self._diagnostics: dict[str, Diagnostic] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.latency_sum = 0.0

    def tick(self, topic: str) -> None:
        """Count a message."""
        with self._lock:
            self._topics[topic].tick(self._clock())

    def add_latency(self, milliseconds: float) -> None:
        """Keep the age of a grid when it came."""
        with self._lock:
            now = self._clock()
            self._latencies.append((now, milliseconds))
            _forget(self._latencies, now)
            self.latency_sum += milliseconds / 1e3
            self.buckets[sum(milliseconds / 1e3 > bound for bound in BUCKETS)] += 1

    def add_diagnostic(self, name: str, level: int, message: str, values: Mapping[str, str]) -> None:
        """Keep a node's newest status."""
        known = level if 0 <= level < len(LEVELS) else len(LEVELS) - 1
        with self._lock:
            self._diagnostics[name] = Diagnostic(name, known, message, dict(values), self._clock())
            if len(self._diagnostics) > _MOST_STATUSES:
                oldest = min(self._diagnostics.values(), key=lambda status: status.heard)
                del self._diagnostics[oldest.name]

    def sample_rates(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Add a point to the rate plot: for each group the mean rate of its topics that have spoken."""
        with self._lock:
            now = self._clock()
            rates = {}
            for group, topics in groups.items():
                heard = [self._topics[name].rate(now) for name in topics if self._topics[name].count]
                rates[group] = sum(heard) / len(heard) if heard else 0.0
            self._rates.append((now, rates))
            _forget(self._rates, now)

    def topics(self) -> list[TopicRow]:
        """Each topic's `name`, `count`, `rate` in Hz, `age` of its last message in seconds and `state`.

        The state is `live`, `silent` (nothing for `stale_after` seconds) or `waiting` (never came).
        """
        with self._lock:
            now = self._clock()
            rows: list[TopicRow] = []
            for name, topic in self._topics.items():
                age = now - topic.last
                state = "waiting" if not topic.count else "silent" if age > self._stale_after else "live"
                rows.append(
                    {
                        "name": name,
                        "count": topic.count,
                        "rate": round(topic.rate(now), 2),
                        "age": round(age, 1) if topic.count else None,
                        "state": state,
                    }
                )
            return rows

    def latencies(self) -> list[list[float]]:
        """Seconds ago and milliseconds of the last grids, oldest first."""
        with self._lock:
            now = self._clock()
            return [[round(now - when, 2), round(value, 1)] for when, value in self._latencies]

    def rates(self) -> list[dict[str, float]]:
        """Points of the rate plot, oldest first: `ago` in seconds and each group's Hz."""
        with self._lock:
            now = self._clock()
            return [
                {"ago": round(now - when, 1), **{group: round(hz, 2) for group, hz in rates.items()}}
                for when, rates in self._rates
            ]

    def diagnostics(self) -> list[DiagnosticRow]:
        """The newest statuses, one whose node has fallen silent as STALE, by name."""
        with self._lock:
            now = self._clock()
            rows: list[DiagnosticRow] = []
            for status in sorted(self._diagnostics.values(), key=lambda status: status.name):
                silent = now - status.heard
                lost = silent > _FORGOTTEN
                rows.append(
                    {
                        "name": status.name,
                        "level": "STALE" if lost else LEVELS[status.level],
                        "message": f"silent for {silent:.0f} s" if lost else status.message,
                        "values": status.values,
                    }
                )
            return rows

    def values(self, ending: str) -> Mapping[str, str]:
        """Values of the status whose name ends so, such as `replay: replay`; none before it was heard."""
        with self._lock:
            for name, status in self._diagnostics.items():
                if name.endswith(ending):
                    return status.values
        return {}

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began


def _forget(entries: deque, now: float) -> None:
    while entries and now - entries[0][0] > _PLOTTED:
        entries.popleft()
