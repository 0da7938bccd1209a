"""How old stamps are by a node's clock, where that can be told."""

from __future__ import annotations

import time

from rclpy.node import Node

_OLDEST_MS = 30_000.0
"""An older stamp tells of a clock that is not ours, such as that of a bag."""

_TOLERANCE_MS = 100.0
"""What the clocks of two computers that are synchronised may differ by, and more."""

_STANDING = 1.0
"""Seconds without a step after which a simulated clock stands still."""

_REMEMBERED = 5.0


class StampAges:
    """Compares stamps with a node's clock; for any thread.

    A latency is the difference of two clocks, and means nothing where they are not of one kind.
    """

    def __init__(self, node: Node) -> None:
        """Compare with the clock of `node`."""
        self._clock = node.get_clock()
        self._moved = (self._clock.now().nanoseconds, time.monotonic())
        self._last: tuple[float, float] | None = None

    def milliseconds(self, stamp: int) -> float | None:
        """Age of a stamp, nanoseconds, at this moment; None where the two clocks cannot be compared."""
        now, steady = self._look()
        age = (now - stamp) / 1e6
        self._last = (age, steady)
        if self._simulated and (now == 0 or steady - self._moved[1] > _STANDING):
            return None
        return max(age, 0.0) if _is_plausible(age) else None

    def problem(self) -> str:
        """Why ages cannot be told, with the remedy; empty where they can."""
        now, steady = self._look()
        if self._simulated and now == 0:
            return (
                "use_sim_time is set, but no /clock has arrived: publish it (ros2 bag play --clock, or "
                "replay with stamp:=dataset), or start without use_sim_time"
            )
        if self._last is None or steady - self._last[1] > _REMEMBERED:
            return ""
        age, when = self._last
        if self._simulated and when - self._moved[1] > _STANDING:
            return (
                f"use_sim_time is set, but /clock is frozen at {now / 1e9:.3f} s while images arrive: "
                "publish it continuously, or start without use_sim_time"
            )
        if _is_plausible(age):
            return ""
        from ..runtime.camera_clock import duration  # loads torch, which the nodes without a network lack

        side = "behind" if age > 0 else "ahead of"
        remedy = (
            "/clock and the images must come from the same recording"
            if self._simulated
            else "synchronise the clocks; for a bag, play it with --clock and set use_sim_time"
        )
        return (
            f"stamps are {duration(age / 1e3)} {side} this node's clock, so the latency is unknown: {remedy}"
        )

    @property
    def _simulated(self) -> bool:
        return bool(self._clock.ros_time_is_active)

    def _look(self) -> tuple[int, float]:
        now, steady = self._clock.now().nanoseconds, time.monotonic()
        if now != self._moved[0]:
            self._moved = (now, steady)
        return now, steady


def _is_plausible(age: float) -> bool:
    return -_TOLERANCE_MS <= age <= _OLDEST_MS
