"""What the stamps of one camera tell of its clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

_REMEMBERED = 5
_STEP_NS = 100_000_000
"""Offsets that differ by more than this are of a clock that was set, not of a slow link."""

_REPEATED_NS = 300_000_000
"""A stamp that stands still for so long is no image that was sent twice."""

_PATIENCE_NS = 1_000_000_000

TAI_UTC = 37.0
"""Seconds between TAI, which PTP keeps, and UTC, since 2017."""


@dataclass(frozen=True)
class CameraFault:
    """Why a camera's images are in no set.

    Attributes:
        camera: its name.
        kind: absent, silent, zero, repeated, late, behind, ahead or apart.
        problem: what is wrong and the remedy.
        offset: seconds by which its stamps are ahead of the other cameras', None where that is not known.
    """

    camera: str
    kind: str
    problem: str
    offset: float | None = None

    @property
    def text(self) -> str:
        """One line that names the camera."""
        return f"{self.camera}: {self.problem}"


class CameraClock:
    """Stamps and arrivals of one camera; times are nanoseconds, arrivals of a steady clock.

    An offset is stamp minus arrival. That of one camera says nothing; the difference between two cameras' is
    that between their clocks, give or take the delay of their links.

    Attributes:
        stamp: of the newest image, None before the first.
        arrived: when that came.
        repeats: how many images in a row had the stamp of the one before.
        jump: how far the stamps went back when they last did, 0 where they never did.
    """

    def __init__(self, name: str) -> None:
        """Start with nothing heard."""
        self.name = name
        self.stamp: int | None = None
        self.arrived = 0
        self.repeats = 0
        self.jump = 0
        self._changed = 0
        self._offsets: deque[int] = deque(maxlen=_REMEMBERED)
        self._baseline: deque[int] = deque(maxlen=_REMEMBERED)
        self._periods: deque[int] = deque(maxlen=8)
        self._intervals: deque[int] = deque(maxlen=8)

    def hear(self, stamp: int, now: int) -> bool:
        """Take an image's stamp; whether it lies before the one that came before it."""
        jumped = False
        if self.stamp is not None:
            gap = stamp - self.stamp
            self._intervals.append(now - self.arrived)
            self.repeats = self.repeats + 1 if gap == 0 else 0
            if gap > 0:
                self._periods.append(gap)
            elif gap < 0:
                jumped, self.jump = True, -gap
        if not self.repeats:
            self._changed = now
        self.stamp, self.arrived = stamp, now
        offset = stamp - now
        if self._offsets and abs(offset - median(self._offsets)) > _STEP_NS:
            self._offsets.clear()
        self._offsets.append(offset)
        return jumped

    def agree(self, offset: int) -> None:
        """Note the offset of an image that met the other cameras'."""
        if self._baseline and abs(offset - median(self._baseline)) > _STEP_NS:
            self._baseline.clear()
        self._baseline.append(offset)

    def forget(self) -> None:
        """Forget when images used to come: there is another clock now."""
        self._baseline.clear()
        self._periods.clear()

    @property
    def offset(self) -> int | None:
        """Median offset of the last images, None before the first."""
        return median(self._offsets) if self._offsets else None

    @property
    def baseline(self) -> int | None:
        """Median offset of the last images that met the other cameras', None where none did."""
        return median(self._baseline) if self._baseline else None

    @property
    def period(self) -> int | None:
        """Shortest time between two of the last images by their stamps, None where it is not known."""
        return min(self._periods) if len(self._periods) >= 3 else None

    @property
    def pace(self) -> int:
        """Shortest time between two images by their stamps or by their arrival, whichever is longer."""
        return max(self.period or 0, min(self._intervals, default=0))

    @property
    def stands(self) -> bool:
        """Whether its images keep coming and their stamp does not move."""
        return self.repeats > 0 and self.arrived - self._changed >= _REPEATED_NS

    def is_speaking(self, now: int) -> bool:
        """Whether another image is to be expected, since the last one is not older than a few periods."""
        if self.stamp is None:
            return False
        longest = max(list(self._intervals)[-3:], default=0)
        return now - self.arrived <= max(_PATIENCE_NS, 3 * longest)

    def is_due(self, stamp: int, now: int) -> bool:
        """Whether the next image may have a stamp of up to `stamp` or arrive by `now`, at its rate so far.

        A rate that is not known yet may be any. Stamps alone would mislead where the clock is set back.
        """
        if self.stamp is None or self.period is None:
            return True
        by_stamp = self.stamp + 0.9 * self.period <= stamp
        return by_stamp or self.arrived + 0.9 * min(self._intervals) <= now


def median(values: Iterable[int]) -> int:
    """The value in the middle; of an even number the upper one of the two."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def duration(seconds: float) -> str:
    """A length of time for people: 0.10 s, 37.0 s, 12 min, 1.0 h, 3.2 days, 55.7 years."""
    seconds = abs(seconds)
    for unit, length, limit in (("s", 1, 600), ("min", 60, 60), ("h", 3600, 48), ("days", 86400, 700)):
        if seconds < limit * length:
            return f"{seconds:.2f} s" if seconds < 10 else f"{seconds / length:.1f} {unit}"
    return f"{seconds / 31_556_952:.1f} years"


def absent(name: str) -> CameraFault:
    """A camera that was never heard."""
    return CameraFault(
        name, "absent", "no images have arrived: start its driver, or correct the topic's name"
    )


def silent(name: str, seconds: float) -> CameraFault:
    """A camera that has stopped."""
    told = f"no images for {seconds:.0f} s" if seconds < 120 else f"no images for {duration(seconds)}"
    return CameraFault(name, "silent", f"{told}: check its driver and link")


def standing(clock: CameraClock, offset: float | None) -> CameraFault:
    """A camera whose stamps are all alike."""
    if not clock.stamp:
        problem = "stamps are 0: set header.stamp to the time of exposure in the driver"
        return CameraFault(clock.name, "zero", problem, offset)
    told = f"{clock.stamp / 1e9:.3f}"
    problem = f"every image has the stamp {told}, as from a frozen clock: restart its driver"
    return CameraFault(clock.name, "repeated", problem, offset)


def misfit(clock: CameraClock, offset: float | None, lateness: float | None, deadline: float) -> CameraFault:
    """A camera whose images come and whose stamps are not those of the others.

    Args:
        clock: its clock.
        offset: seconds ahead of the other cameras, None where there is none to compare with.
        lateness: seconds behind the first image of its own instant, None where it shares no instant.
        deadline: seconds that a set waits.
    """
    synchronise = "synchronise its clock (PTP or NTP) or correct the stamps in its driver"
    if clock.stamp == 0:
        return standing(clock, offset)
    if lateness is not None:
        told = (
            f"images come {duration(lateness)} after the other cameras', past the deadline of {deadline:g} s"
        )
        problem = f"{told}; its link is slow or its clock behind: raise `deadline`, or {synchronise}"
        return CameraFault(clock.name, "late", problem, offset)
    if offset is None:
        return CameraFault(clock.name, "apart", f"stamps match no other camera's: {synchronise}")
    if abs(offset) < 0.02:
        problem = "images are taken between the other cameras': trigger them together or raise `slop`"
        return CameraFault(clock.name, "apart", problem, offset)
    kind, side = ("ahead", "ahead of") if offset > 0 else ("behind", "behind")
    told = f"{duration(offset)} {side} the other cameras'"
    jumped = offset < 0 and clock.jump > 0.5e9
    told = f"jumped back by {duration(clock.jump / 1e9)} and are {told}" if jumped else f"are {told}"
    remedy = synchronise
    if cause := _cause(offset, clock.stamp):
        remedy = f"{cause}; {synchronise}"
    elif jumped:
        remedy = f"its clock or driver was restarted; {synchronise}"
    return CameraFault(clock.name, kind, f"stamps {told}: {remedy}", offset)


def stamp_apart(stamp: int, images: int, remedy: str) -> str:
    """What is wrong with the newest stamp of what is no camera, and what to do, in one line.

    Args:
        stamp: of that sensor, nanoseconds.
        images: of the images, nanoseconds.
        remedy: where the numbers do not tell the cause.
    """
    if not stamp:
        return "stamp is 0: set header.stamp in what publishes it"
    ahead = (stamp - images) / 1e9
    if cause := _cause(ahead, stamp):
        remedy = f"{cause}; synchronise the clocks (PTP)"
    return f"stamp is {duration(ahead)} {'ahead of' if ahead > 0 else 'behind'} that of the images: {remedy}"


def _cause(offset: float, stamp: int | None) -> str:
    """Why a clock is so far ahead of the others, seconds, where the numbers tell; else empty."""
    if math.isclose(abs(offset), TAI_UTC, abs_tol=0.7):
        return "one of them keeps TAI and the other UTC"
    if offset < 0 and stamp is not None and stamp < 1e18 < stamp - offset * 1e9:
        return "its clock counts from its own start"
    return ""


def summary(faults: Iterable[CameraFault], cameras: int) -> str:
    """All faults in one line, those of one kind together.

    Args:
        faults: what is wrong.
        cameras: how many cameras there are.
    """
    alike: dict[str, list[str]] = {}
    for fault in faults:
        alike.setdefault(fault.problem, []).append(fault.camera)
    lines = []
    for problem, names in alike.items():
        who = f"all {cameras} cameras" if len(names) == cameras > 1 else ", ".join(names)
        lines.append(f"{who}: {problem}")
    return "; ".join(lines)
