"""`ros2 topic hz` and `ros2 topic bw`."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipros.errors import PiprosError

from .condition import Condition
from .listening import listen, print_line
from .request import Request
from .session import Session

_DEPTH = 100
_REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class Rate:
    """Messages a second; shortest, longest and standard deviation of the time between two; their number."""

    rate: float
    shortest: float
    longest: float
    deviation: float
    window: int

    def __str__(self) -> str:
        return (
            f"average rate: {self.rate:.3f}\n"
            f"\tmin: {self.shortest:.3f}s max: {self.longest:.3f}s "
            f"std dev: {self.deviation:.5f}s window: {self.window}"
        )


@dataclass(frozen=True)
class Bandwidth:
    """Bytes a second; number of messages; mean, smallest and largest size in bytes."""

    rate: float
    messages: int
    mean: float
    smallest: int
    largest: int

    def __str__(self) -> str:
        scale, unit = next(
            (pair for pair in ((1e6, " MB"), (1e3, " KB")) if self.rate >= pair[0]), (1.0, " B")
        )
        digits = 0 if scale == 1.0 else 2
        rate, mean, low, high = (
            f"{value / scale:.{digits}f}{unit}"
            for value in (self.rate, self.mean, self.smallest, self.largest)
        )
        return f"{rate}/s from {self.messages} messages\n\tMessage size mean: {mean} min: {low} max: {high}"


F = TypeVar("F", Rate, Bandwidth)


def rate(
    topic: str,
    *,
    window: int = 10000,
    duration: float | None = None,
    condition: str | None = None,
    request: Request | None = None,
    report: Callable[[Rate], None] = print_line,
) -> Rate | None:
    """Report the rate of a topic every second until SIGINT or SIGTERM, or for `duration` seconds.

    Args:
        topic: Name; waited for if it is not there yet.
        window: Intervals that the figures are of, at most.
        duration: Seconds from the subscription on, None for no limit.
        condition: Count only messages for which it holds, see `condition`.
        request: QoS that is asked for, by default what hears all publishers.
        report: Where the figures go.

    Returns:
        The last figures, None without two messages.

    Raises:
        PiprosError: A topic of several types or of an unknown one; a window that is none.
    """
    stamps: deque[float] = deque(maxlen=_at_least_one(window) + 1)

    def figures() -> Rate | None:
        times = list(stamps)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        if not gaps:
            return None
        mean = sum(gaps) / len(gaps)
        deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        return Rate(1.0 / mean if mean else 0.0, min(gaps), max(gaps), deviation, len(gaps))

    wanted = Condition(condition) if condition else None

    def receive(message: Any) -> None:
        if wanted is None or wanted(message):
            stamps.append(time.perf_counter())

    return _watch(topic, receive, figures, duration, report, request, raw=wanted is None)


def bandwidth(
    topic: str,
    *,
    window: int = 100,
    duration: float | None = None,
    request: Request | None = None,
    report: Callable[[Bandwidth], None] = print_line,
) -> Bandwidth | None:
    """Report the bytes of a topic every second; arguments, result and errors as of `rate`."""
    sizes: deque[tuple[float, int]] = deque(maxlen=_at_least_one(window))

    def figures() -> Bandwidth | None:
        sample = list(sizes)
        if len(sample) < 2:
            return None
        counts = [size for _, size in sample]
        span = time.perf_counter() - sample[0][0]
        return Bandwidth(sum(counts) / span, len(counts), sum(counts) / len(counts), min(counts), max(counts))

    def receive(data: bytes) -> None:
        sizes.append((time.perf_counter(), len(data)))

    return _watch(topic, receive, figures, duration, report, request, raw=True)


def _watch(
    topic: str,
    receive: Callable[[Any], None],
    figures: Callable[[], F | None],
    duration: float | None,
    report: Callable[[F], None],
    request: Request | None,
    raw: bool,
) -> F | None:
    """Report figures every second in which they have changed."""
    last: F | None = None
    with Session() as session:
        failures: list[PiprosError] = []

        def guarded(message: Any) -> None:
            try:
                receive(message)
            except PiprosError as error:
                failures.append(error)
                session.stop()

        if not listen(session, topic, guarded, depth=_DEPTH, raw=raw, request=request):
            return None
        end = None if duration is None else time.monotonic() + duration
        while not session.stopped and (end is None or time.monotonic() < end):
            left = _REPORT_SECONDS if end is None else min(_REPORT_SECONDS, end - time.monotonic())
            session.spin(timeout=max(left, 0.0))
            found = figures()
            if found is not None and found != last:
                last = found
                try:
                    report(found)
                except BrokenPipeError:
                    break
    if failures:
        raise failures[0]
    return last


def _at_least_one(window: int) -> int:
    if window < 1:
        raise PiprosError(f"window {window} is not above 0")
    return window
