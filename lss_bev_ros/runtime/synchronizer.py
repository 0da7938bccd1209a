"""Bringing the cameras of one instant together.

Unlike an approximate-time filter, which waits until every topic has spoken, this one has a deadline: a
camera that is late or dead costs at most that long, and one that stays dead soon costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..errors import RuntimeBackendError

T = TypeVar("T")

_MAX_PENDING = 16
"""Sets under way at once; more means stamps that never meet, and the oldest is given up."""

_RESTART_NS = 1_000_000_000
"""A stamp this far behind the last released set is a new start (a looped bag), not a late image."""


@dataclass(frozen=True, eq=False)
class CameraSet(Generic[T]):
    """Items of one instant, one a camera.

    Attributes:
        items: camera name to item; cameras that did not come in time are absent.
        stamp: nanoseconds, the newest item's.
        complete: whether every camera is there.
    """

    items: Mapping[str, T]
    stamp: int
    complete: bool


@dataclass
class SynchronizerCounts:
    """What became of the items that were added, since the start.

    Attributes:
        complete: sets released with every camera.
        partial: sets released without some camera.
        discarded: sets given up because fewer than `min_cameras` came.
        late: items that came after the set of their instant was released.
        duplicate: items of a camera and stamp that was already there.
        missed: camera name to how many released sets lacked it.
    """

    complete: int = 0
    partial: int = 0
    discarded: int = 0
    late: int = 0
    duplicate: int = 0
    missed: dict[str, int] = field(default_factory=dict)


class _Pending(Generic[T]):
    """A set under way."""

    def __init__(self, arrived: int) -> None:
        self.arrived = arrived
        self.items: dict[str, tuple[int, T]] = {}

    @property
    def newest(self) -> int:
        return max(stamp for stamp, _ in self.items.values())

    def spread_with(self, stamp: int) -> int:
        """Nanoseconds between the oldest and the newest item, were one of `stamp` added."""
        stamps = [other for other, _ in self.items.values()]
        return max([*stamps, stamp]) - min([*stamps, stamp])


class CameraSynchronizer(Generic[T]):
    """Groups items of several cameras by their stamps.

    A set is released as soon as every camera that is alive has an item in it, all within `slop`; or
    `deadline` after its first item arrived, with whatever came; or when a newer set is complete, since
    cameras deliver in order and what the older one lacks was lost. Sets leave in the order of their
    stamps. A camera that was missing from `lost_after` released sets in a row is no longer waited for,
    until it speaks again.

    A camera's item may need something of which this class knows nothing, such as a calibration: a set waits
    for that as it waits for a camera, and after `lost_after` released sets without it no longer.

    Not thread-safe: call it from one thread. Times are nanoseconds of any one clock.
    """

    def __init__(
        self,
        names: Sequence[str],
        slop: float = 0.05,
        deadline: float = 0.2,
        min_cameras: int = 1,
        lost_after: int = 3,
        is_ready: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Configure.

        Args:
            names: the cameras.
            slop: seconds between the oldest and the newest stamp of a set, at most.
            deadline: seconds from a set's first arrival to its release, at most.
            min_cameras: a set with fewer is discarded.
            lost_after: released sets in a row that a camera misses before it is not waited for.
            is_ready: whether what this camera's items need is there; asked again at each `add` and `poll`.

        Raises:
            RuntimeBackendError: an argument is out of range.
        """
        if not names or len(set(names)) != len(names):
            raise RuntimeBackendError(f"cameras: need distinct names, got {list(names)}")
        if not slop > 0 or not deadline > 0:
            raise RuntimeBackendError(f"slop {slop} and deadline {deadline} must be above 0 seconds")
        if not 1 <= min_cameras <= len(names):
            raise RuntimeBackendError(f"min_cameras: {min_cameras} is not between 1 and {len(names)} cameras")
        if lost_after < 1:
            raise RuntimeBackendError(f"lost_after: {lost_after} must be at least 1")
        self.names = tuple(names)
        self.counts = SynchronizerCounts(missed=dict.fromkeys(self.names, 0))
        self._slop = round(slop * 1e9)
        self._deadline = round(deadline * 1e9)
        self._min_cameras = min_cameras
        self._lost_after = lost_after
        self._is_ready = is_ready
        self._absences = dict.fromkeys(self.names, 0)
        self._unready = dict.fromkeys(self.names, 0)
        self._pending: list[_Pending[T]] = []
        self._released: int | None = None

    @property
    def lost(self) -> tuple[str, ...]:
        """Cameras that are not waited for at present."""
        return tuple(name for name in self.names if self._absences[name] >= self._lost_after)

    def next_deadline(self) -> int | None:
        """When `poll` has something to release at the latest, or None while no set is under way."""
        if not self._pending:
            return None
        return min(pending.arrived for pending in self._pending) + self._deadline

    def add(self, name: str, stamp: int, item: T, now: int) -> list[CameraSet[T]]:
        """Take one item and return the sets that it releases, oldest first.

        Args:
            name: the camera; KeyError for one that was not announced.
            stamp: nanoseconds, when the item was taken.
            item: anything.
            now: nanoseconds, when it arrived, on the clock of `poll`.
        """
        if name not in self._absences:
            raise KeyError(name)
        if self._released is not None and stamp < self._released - _RESTART_NS:
            self._pending.clear()
            self._released = None
        if self._released is not None and stamp <= self._released:
            self.counts.late += 1
            self._absences[name] = 0  # late is not lost
            return self.poll(now)
        if any(name in p.items and p.items[name][0] == stamp for p in self._pending):
            self.counts.duplicate += 1
            return self.poll(now)
        self._absences[name] = 0
        fitting = [p for p in self._pending if name not in p.items and p.spread_with(stamp) <= self._slop]
        if fitting:
            pending = min(fitting, key=lambda p: p.spread_with(stamp))
        else:
            pending = _Pending(now)
            self._pending.append(pending)
        pending.items[name] = (stamp, item)
        return self.poll(now)

    def poll(self, now: int) -> list[CameraSet[T]]:
        """Return the sets that are complete or past their deadline at `now`, oldest first."""
        self._pending.sort(key=lambda p: p.newest)
        last = -1
        for index, pending in enumerate(self._pending):
            if self._is_complete(pending) or now - pending.arrived >= self._deadline:
                last = index
        last = max(last, len(self._pending) - _MAX_PENDING - 1)
        due, self._pending = self._pending[: last + 1], self._pending[last + 1 :]
        released = [self._release(pending) for pending in due]
        return [camera_set for camera_set in released if camera_set is not None]

    def _is_complete(self, pending: _Pending[T]) -> bool:
        waited_for = set(self.names) - set(self.lost)
        if not waited_for <= pending.items.keys() or len(pending.items) < self._min_cameras:
            return False
        return all(self._unready[name] >= self._lost_after or self._is_ready(name) for name in pending.items)

    def _release(self, pending: _Pending[T]) -> CameraSet[T] | None:
        newest = pending.newest
        self._released = newest if self._released is None else max(self._released, newest)
        for name in self.names:
            if name not in pending.items:
                self._absences[name] += 1
                self.counts.missed[name] += 1
            elif not self._is_ready(name):
                self._unready[name] += 1
        if len(pending.items) < self._min_cameras:
            self.counts.discarded += 1
            return None
        complete = len(pending.items) == len(self.names)
        if complete:
            self.counts.complete += 1
        else:
            self.counts.partial += 1
        items = {name: pending.items[name][1] for name in self.names if name in pending.items}
        return CameraSet(items, newest, complete)
