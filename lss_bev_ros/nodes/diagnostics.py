"""Publishing /diagnostics at a fixed rate."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from .. import messages
from .qos import latched_qos

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)


@dataclass(frozen=True)
class Status:
    """One line of diagnostics.

    Attributes:
        name: what it is about; the node's name is put before it.
        level: OK, WARN, ERROR or STALE.
        message: one line.
        values: anything that has a text.
    """

    name: str
    level: bytes
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


_NODES = ("replay", "inference", "evaluation", "dashboard")


def is_of_another_car(status: str, namespace: str) -> bool:
    """Whether a status of /diagnostics, which all cars share, is none of the car's in a namespace.

    Args:
        status: its name, such as `car1/inference: network`. Where a driver names no namespace, it may be the
            car's own.
        namespace: of the car, such as `/car1`; `/` is a car beside others, and nodes that are not of this
            package are its own there.
    """
    node = status.partition(":")[0].strip("/ ")
    place, _, name = node.rpartition("/")
    own = namespace.strip("/")
    if place == own or (not place and name not in _NODES):
        return False
    return name in _NODES or not f"{place}/".startswith(f"{own}/" if own else "")


class DiagnosticsPublisher:
    """Asks its node for statuses once a period and publishes them."""

    def __init__(self, node: Node, collect: Callable[[], Iterable[Status]], period: float = 1.0) -> None:
        """Start publishing.

        Args:
            node: whose diagnostics they are.
            collect: returns the present statuses; called in the executor.
            period: seconds, of wall time.
        """
        self._node = node
        self._collect = collect
        # absolute: aggregators and rqt_robot_monitor listen to /diagnostics whatever the namespace
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # for who waits for this one node, such as a supervisor: the newest is there at once
        self._health = node.create_publisher(DiagnosticStatus, "~/health", latched_qos())
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # so that a stopped /clock is reported too
        self._timer = node.create_timer(period, self.publish, clock=steady)

    def publish(self) -> None:
        """Publish the present statuses now."""
        name = self._node.get_fully_qualified_name().lstrip("/")
        now = self._node.get_clock().now().nanoseconds
        collected = list(self._collect())
        statuses = [
            messages.diagnostic_status(f"{name}: {status.name}", status.level, status.message, status.values)
            for status in collected
        ]
        self._publisher.publish(DiagnosticArray(header=messages.header(now, ""), status=statuses))
        level, line = health(collected)
        self._health.publish(messages.diagnostic_status(f"{name}: health", level, line, {}))


def health(statuses: Iterable[Status]) -> tuple[bytes, str]:
    """The worst level of some statuses, and in one line what brought it about."""
    bad = [status for status in statuses if status.level != OK]
    if not bad:
        return OK, "serving"
    worst = max(status.level for status in bad)
    return worst, "; ".join(f"{status.name}: {status.message}" for status in bad if status.level == worst)


class Rate:
    """Events a second over the last few seconds."""

    def __init__(self, window: float = 5.0) -> None:
        """Measure over `window` seconds."""
        self._window = window
        self._times: deque[float] = deque()

    def tick(self, now: float) -> None:
        """Count an event at `now` seconds."""
        self._times.append(now)

    def per_second(self, now: float) -> float:
        """Events a second at `now`, 0 where fewer than two fell into the window."""
        while self._times and now - self._times[0] > self._window:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0] or 1e-9)


class Latencies:
    """The last few hundred durations of each stage; for any thread."""

    def __init__(self, length: int = 300) -> None:
        """Keep `length` durations a stage."""
        self._length = length
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}

    def add(self, stage: str, milliseconds: float) -> None:
        """Keep one duration."""
        with self._lock:
            self._stages.setdefault(stage, deque(maxlen=self._length)).append(milliseconds)

    def forget(self, stage: str) -> None:
        """Forget the durations of a stage that can no longer be told."""
        with self._lock:
            self._stages.pop(stage, None)

    def summary(self) -> dict[str, float]:
        """`<stage>_ms` and `<stage>_p95_ms`: median and 95th percentile of each stage."""
        with self._lock:
            stages = {stage: list(durations) for stage, durations in self._stages.items()}
        result = {}
        for stage, durations in stages.items():
            result[f"{stage}_ms"] = float(np.median(durations))
            result[f"{stage}_p95_ms"] = float(np.percentile(durations, 95))
        return result
