"""Finding the annotations and the scan that belong to a prediction, when all arrive at their own time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import EvaluationError

P = TypeVar("P")
T = TypeVar("T")
S = TypeVar("S")
V = TypeVar("V")

_KEPT = 64
"""Annotations and scans that wait for a prediction, at most."""

_RESTART_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Match(Generic[P, T, S]):
    """A prediction and what it can be scored against.

    Attributes:
        stamp: nanoseconds, of the prediction.
        prediction: as added.
        truth: annotations of that instant, None where none came.
        scan: LiDAR of that instant, None where none came.
    """

    stamp: int
    prediction: P
    truth: T | None
    scan: S | None


class _Stream(Generic[V]):
    """Stamped items in the order of their arrival, which is that of their stamps."""

    def __init__(self) -> None:
        self.items: deque[tuple[int, V]] = deque(maxlen=_KEPT)

    def add(self, stamp: int, item: V) -> None:
        if self.items and stamp < self.items[-1][0] - _RESTART_NS:
            self.items.clear()  # the recording started again
        self.items.append((stamp, item))

    def settled(self, stamp: int) -> bool:
        """Whether what is nearest to `stamp` is known, since something at or after it has come."""
        return bool(self.items) and self.items[-1][0] >= stamp

    def drop(self, stamp: int) -> None:
        kept = [entry for entry in self.items if entry[0] != stamp]
        self.items = deque(kept, maxlen=_KEPT)

    def nearest(self, stamp: int, slop: int) -> tuple[int, V] | None:
        near = min(self.items, key=lambda entry: abs(entry[0] - stamp), default=None)
        return near if near is not None and abs(near[0] - stamp) <= slop else None


class ReferenceMatcher(Generic[P, T, S]):
    """Pairs each prediction with the annotations and the scan nearest in time.

    A prediction is given out once both are settled, or `timeout` after it came, with whatever is there.
    Annotations serve one prediction only, so that between two keyframes nothing is scored twice; the scan
    is the one nearest to the annotations, where there are any, and to the prediction otherwise.

    Not thread-safe. Stamps are nanoseconds; `now` is nanoseconds of any one clock.
    """

    def __init__(self, slop: float = 0.04, timeout: float = 1.0) -> None:
        """Configure.

        Args:
            slop: seconds between a prediction and what it is scored against, at most.
            timeout: seconds that a prediction waits.

        Raises:
            EvaluationError: one of them is not above zero.
        """
        if not slop > 0 or not timeout > 0:
            raise EvaluationError(f"slop {slop} and timeout {timeout} must be above 0 seconds")
        self._slop = round(slop * 1e9)
        self._timeout = round(timeout * 1e9)
        self._waiting: deque[tuple[int, int, P]] = deque()
        self._truths: _Stream[T] = _Stream()
        self._scans: _Stream[S] = _Stream()

    def add_prediction(self, stamp: int, prediction: P, now: int) -> list[Match[P, T, S]]:
        """Add a prediction and return what is ready."""
        self._waiting.append((stamp, now, prediction))
        return self.poll(now)

    def add_truth(self, stamp: int, truth: T, now: int) -> list[Match[P, T, S]]:
        """Add annotations and return what is ready."""
        self._truths.add(stamp, truth)
        return self.poll(now)

    def add_scan(self, stamp: int, scan: S, now: int) -> list[Match[P, T, S]]:
        """Add a scan and return what is ready."""
        self._scans.add(stamp, scan)
        return self.poll(now)

    def poll(self, now: int) -> list[Match[P, T, S]]:
        """Return the predictions that are settled or have waited long enough at `now`, oldest first."""
        ready = []
        while self._waiting:
            stamp, came, _ = self._waiting[0]
            settled = self._truths.settled(stamp) and self._scans.settled(stamp)
            if not settled and now - came < self._timeout:
                break
            ready.append(self._match(*self._waiting.popleft()))
        return ready

    def flush(self) -> list[Match[P, T, S]]:
        """Return everything that waits, with whatever is there."""
        ready = [self._match(*waiting) for waiting in self._waiting]
        self._waiting.clear()
        return ready

    def _match(self, stamp: int, _came: int, prediction: P) -> Match[P, T, S]:
        truth = self._truths.nearest(stamp, self._slop)
        if truth is not None:
            self._truths.drop(truth[0])
        scan = self._scans.nearest(truth[0] if truth is not None else stamp, self._slop)
        return Match(stamp, prediction, truth[1] if truth else None, scan[1] if scan else None)
