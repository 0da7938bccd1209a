"""Bringing the cameras of one instant together.

Unlike an approximate-time filter, which waits until every topic has spoken, this one has a deadline: a
camera that is late or dead costs at most that long, and one that stays dead soon costs nothing. It takes the
time from most cameras and believes no single one: a wrong clock costs the images of its own camera.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..errors import RuntimeBackendError
from .camera_clock import CameraClock, CameraFault, absent, median, misfit, silent, standing

T = TypeVar("T")

_MAX_PENDING = 16
"""Sets under way at once, and images of one camera; more never meet, and the oldest is given up."""

_RECORDED = 64
"""Released sets that late images are compared with."""

_FOREIGN_NS = 250_000_000
"""An image so much older than its stamp says, by the other images of the set, is of another instant."""

_LATE_NS = 3_000_000_000
"""What meets an older set than this meets it by chance."""

_PATIENT_NS = 1_000_000_000
"""No link that works delays images by more than this, however long the deadline is."""

_UNHEARD_NS = 1_500_000_000
"""Time to begin that a camera has once another has begun."""


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
        strayed: items whose stamps did not meet the other cameras'.
        restarts: how often the stamps of most cameras went back, as those of a bag that starts again.
        missed: camera name to how many released sets lacked it.
    """

    complete: int = 0
    partial: int = 0
    discarded: int = 0
    late: int = 0
    duplicate: int = 0
    strayed: int = 0
    restarts: int = 0
    missed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Entry(Generic[T]):
    """An item that waits.

    Attributes:
        past: whether its stamp lies before the last released set.
        late: whether it fits a set that has left.
        ahead: by how much it is older than its stamp says, by what is usual, nanoseconds; below zero for a
            clock that is slow or an image that is late.
    """

    name: str
    stamp: int
    arrived: int
    item: T
    past: bool = False
    late: bool = False
    ahead: int = 0

    @property
    def offset(self) -> int:
        return self.stamp - self.arrived


class _Group(Generic[T]):
    """Entries of one instant.

    What is ahead of the time by more than `slop` came before this instant's images, and does not begin it.
    """

    def __init__(self, entries: Mapping[str, _Entry[T]], slop: int) -> None:
        stamps = [entry.stamp for entry in entries.values()]
        self.entries = entries
        self.oldest, self.newest = min(stamps), max(stamps)
        punctual = [entry.arrived for entry in entries.values() if entry.ahead <= slop]
        self.arrived = min(punctual or [entry.arrived for entry in entries.values()])

    def distance(self, other: _Group[Any]) -> int:
        """Nanoseconds between the two, below zero where they overlap."""
        return max(other.oldest - self.newest, self.oldest - other.newest)


class _Camera(CameraClock):
    """A camera and its standing among the others.

    Attributes:
        joined: whether it was in a set since the last restart and since its stamps went back.
        meetings: released sets in a row in which it was.
        absences: released sets in a row for which it was expected and in which it was not.
        misfits: released sets in a row that it missed although its images came.
        unready: released sets whose item of it lacked what it needs.
        loose: offsets of its images since it was last in a set.
        lateness: how far behind its own instant's first image the newest one came, where that is known.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.joined = False
        self.meetings = 0
        self.absences = 0
        self.misfits = 0
        self.unready = 0
        self.loose: deque[int] = deque(maxlen=5)
        self.lateness: int | None = None


class CameraSynchronizer(Generic[T]):
    """Groups items of several cameras by their stamps.

    A set is released as soon as every camera that is alive has an item in it, all within `slop`; or
    `deadline` after its first item arrived, with whatever came; or when a newer set is released, since
    cameras deliver in order and what the older one lacks was lost. Sets leave in the order of their
    stamps. A camera that was missing from `lost_after` released sets in a row is no longer waited for,
    until one of its images meets those of the others in time.

    The time is that of most cameras. Items that meet no others are no set of their own, unless the others'
    images of that instant were lost: a camera of another clock costs its own images and never those of the
    others, and `faults` names it. Where the stamps of most cameras go back, everything begins anew.

    A camera's item may need something of which this class knows nothing, such as a calibration: a set waits
    for that as it waits for a camera, and after `lost_after` released sets without it no longer.

    Not thread-safe: call it from one thread. Arrivals are nanoseconds of a steady clock, stamps of any other.
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
        self._cameras = {name: _Camera(name) for name in self.names}
        self._pending: list[_Entry[T]] = []
        self._released: int | None = None
        self._records: deque[_Group[None]] = deque(maxlen=_RECORDED)
        self._began: int | None = None

    @property
    def lost(self) -> tuple[str, ...]:
        """Cameras that are not waited for at present."""
        return tuple(name for name in self.names if self._is_lost(self._cameras[name]))

    def add(self, name: str, stamp: int, item: T, now: int) -> list[CameraSet[T]]:
        """Take one item and return the sets that it releases, oldest first.

        Args:
            name: the camera; KeyError for one that was not announced.
            stamp: nanoseconds, when the item was taken.
            item: anything.
            now: nanoseconds, when it arrived, on the clock of `poll`.
        """
        camera = self._cameras[name]
        if self._began is None:
            self._began = now
        if camera.hear(stamp, now):
            camera.joined = False
        own = [entry for entry in self._pending if entry.name == name]
        if any(entry.stamp == stamp for entry in own):
            self.counts.duplicate += 1
            return self.poll(now)
        camera.loose.append(stamp - now)
        past = self._released is not None and stamp <= self._released
        in_time = self._compare(camera, stamp, now)
        if past and (in_time or camera.joined):
            self.counts.late += 1
            return self.poll(now)
        if len(own) >= _MAX_PENDING:
            self._drop([min(own, key=lambda entry: entry.arrived)])
        usual = self._usual(camera)
        ahead = stamp - now - usual if usual is not None else 0
        late = camera.lateness is not None
        self._pending.append(_Entry(name, stamp, now, item, past, late, ahead))
        return self.poll(now)

    def poll(self, now: int) -> list[CameraSet[T]]:
        """Return the sets that are complete or past their deadline at `now`, oldest first."""
        released = self._restart(now)
        groups = self._groups(past=False)
        due = [self._is_complete(group, now) or self._is_overdue(group, now) for group in groups]
        due[: max(len(groups) - _MAX_PENDING, 0)] = [True] * max(len(groups) - _MAX_PENDING, 0)
        if not any(due):
            groups = []  # nothing to judge
        valid = [self._is_valid(group, groups, self._judged(group, now)) for group in groups]
        last = max((index for index in range(len(groups)) if due[index] and valid[index]), default=-1)
        for index, group in enumerate(groups):
            if index <= last and valid[index]:
                released += self._release(group, now)
            elif index <= last:
                self._drop(group.entries.values())
            elif self._is_overdue(group, now):
                self._drop(e for e in group.entries.values() if now - e.arrived >= self._deadline)
        self._drop(e for e in self._pending if e.past and now - e.arrived >= self._deadline)
        return released

    # -- grouping -----------------------------------------------------------------------------------

    def _groups(self, past: bool) -> list[_Group[T]]:
        """What waits, as groups of one instant each, oldest first.

        It is divided anew each time, the largest group first, so that no item that came early or has a wrong
        stamp keeps others from their instant.
        """
        waiting = sorted((e for e in self._pending if e.past is past), key=lambda entry: entry.stamp)
        groups: list[_Group[T]] = []
        begin = 0
        for end in range(1, len(waiting) + 1):
            if end == len(waiting) or waiting[end].stamp - waiting[end - 1].stamp > self._slop:
                groups += self._divided(waiting[begin:end])
                begin = end
        return sorted(groups, key=lambda group: group.newest)

    def _divided(self, left: list[_Entry[T]]) -> Iterator[_Group[T]]:
        """Groups of entries, in the order of their stamps, that have no gap of `slop` between them."""
        while left:
            whole = {entry.name: entry for entry in left}
            if len(whole) == len(left) and left[-1].stamp - left[0].stamp <= self._slop:
                yield _Group(whole, self._slop)  # as nearly always: no other has as many
                return
            best: Mapping[str, _Entry[T]] = {}
            best_rank: tuple[int, ...] = ()
            best_spread = 0
            for start, first in enumerate(left):
                members: dict[str, _Entry[T]] = {}
                for entry in left[start:]:
                    if entry.stamp - first.stamp > self._slop:
                        break
                    members.setdefault(entry.name, entry)
                rank = self._rank(members)
                spread = max(entry.stamp for entry in members.values()) - first.stamp
                # Of two as good the older one, lest cameras that run freely change their partners.
                if rank > best_rank or (rank == best_rank and spread < best_spread - self._slop // 8):
                    best, best_rank, best_spread = members, rank, spread
            yield _Group(best, self._slop)
            taken = set(map(id, best.values()))
            left = [entry for entry in left if id(entry) not in taken]

    def _rank(self, members: Mapping[str, _Entry[T]]) -> tuple[int, ...]:
        """How likely these are of one instant: many, of good standing, as delayed as ever."""
        cameras = [self._cameras[name] for name in members]
        proven = sum(min(camera.meetings, self._lost_after) for camera in cameras)
        odd = sum(
            camera.baseline is not None
            and abs(members[camera.name].offset - camera.baseline) > self._slop // 2
            for camera in cameras
        )
        return len(members), proven, -odd

    # -- judging ------------------------------------------------------------------------------------

    def _is_lost(self, camera: _Camera) -> bool:
        return camera.absences >= self._lost_after

    def _electorate(self, now: int) -> list[_Camera]:
        """The cameras that keep the time: those of the last sets that still speak."""
        return [c for c in self._cameras.values() if c.joined and not self._is_lost(c) and c.is_speaking(now)]

    def _others(self, camera: _Camera, now: int) -> list[int]:
        """Offsets to compare a camera's with: of those that keep the time, or else of all that speak."""
        others = [other for other in self._electorate(now) if other is not camera]
        others = others or [c for c in self._cameras.values() if c is not camera and c.is_speaking(now)]
        return [offset for other in others if (offset := other.offset) is not None]

    def _outvotes(self, group: _Group[T], now: int) -> bool:
        """Whether a group has more cameras than those that keep the time without it."""
        electorate = self._electorate(now)
        return len(group.entries) > sum(camera.name not in group.entries for camera in electorate)

    def _is_valid(self, group: _Group[T], groups: list[_Group[T]], now: int) -> bool:
        """Whether a group is an instant, and not what a wrong clock makes of one."""
        electorate = self._electorate(now)
        if not electorate:
            rivals = [other for other in groups if other.entries.keys().isdisjoint(group.entries)]
            size = len(group.entries), group.newest
            return all(size > (len(other.entries), other.newest) for other in rivals)
        if self._outvotes(group, now):
            return True
        # A clock that drifts leaves the set with one slop and may be off by another since it last met it.
        known: list[_Group[Any]] = [*groups, *self._records]
        fuller = [other for other in known if len(other.entries) > len(group.entries)]
        if any(group.distance(other) <= 2 * self._slop for other in fuller):
            return False
        joined = [camera for name in group.entries if (camera := self._cameras[name]).joined]
        if not joined or any(camera.misfits >= self._lost_after for camera in joined):
            return False
        usual = [(group.entries[c.name].offset, c.baseline) for c in joined if c.baseline is not None]
        if any(abs(offset - baseline) > self._slop for offset, baseline in usual):
            return False
        missing = [camera for camera in electorate if camera.name not in group.entries]
        due = sum(bool(camera.loose) or self._is_due(camera, group) for camera in missing)
        return 2 * due > len(missing)

    def _judged(self, group: _Group[T], now: int) -> int:
        """When a group is judged: nobody has fallen silent only because the one who asks comes late."""
        return min(now, group.arrived + self._deadline)

    def _is_overdue(self, group: _Group[T], now: int) -> bool:
        return now - group.arrived >= self._deadline

    def _is_complete(self, group: _Group[T], now: int) -> bool:
        if len(group.entries) < self._min_cameras:
            return False
        missing = [camera for name, camera in self._cameras.items() if name not in group.entries]
        if any(self._is_awaited(camera, group, now) for camera in missing):
            return False
        return all(
            self._cameras[name].unready >= self._lost_after or self._is_ready(name) for name in group.entries
        )

    def _is_due(self, camera: _Camera, group: _Group[T]) -> bool:
        """Whether a camera has an image of a group's instant, at its rate."""
        return camera.is_due(group.oldest + self._slop, group.arrived + self._slop)

    def _is_awaited(self, camera: _Camera, group: _Group[T], now: int) -> bool:
        """Whether a camera may still have an image for a group."""
        if self._is_lost(camera) or not self._is_due(camera, group):
            return False
        if not camera.loose:
            return True
        others = self._others(camera, now)
        if len(others) < 3:
            return True
        ahead = camera.loose[-1] - median(others)
        if any(e.name == camera.name and e.stamp > group.newest and not e.past for e in self._pending):
            return ahead <= self._slop  # the clock is fast: this was its image of the group's instant
        return ahead >= -(self._deadline + self._slop)

    def _compare(self, camera: _Camera, stamp: int, now: int) -> bool:
        """Compare an image with the sets that left without its camera; whether one ought to have waited."""
        camera.lateness = None
        for record in reversed(self._records):
            fits = record.newest - self._slop <= stamp <= record.oldest + self._slop
            if fits and camera.name not in record.entries and now - record.arrived <= _LATE_NS:
                camera.lateness = now - record.arrived
                if camera.lateness <= self._deadline:
                    self._readmit(camera)
                    camera.loose.clear()
                    return True
        return False

    def _readmit(self, camera: _Camera) -> None:
        """Wait for a camera again; one that was lost is on probation until it has been in a second set."""
        camera.absences = self._lost_after - 1 if self._is_lost(camera) else 0
        camera.misfits = 0

    def _usual(self, camera: _Camera) -> int | None:
        """The offset that a camera's images have: as before or, where that is not known, as the others'."""
        if camera.baseline is not None:
            return camera.baseline
        known = [c.baseline for c in self._cameras.values() if c.joined and c.baseline is not None]
        return median(known) if known else None

    # -- what becomes of groups ---------------------------------------------------------------------

    def _restart(self, now: int) -> list[CameraSet[T]]:
        """Begin anew where most cameras' stamps have gone back, or those who keep the time are outvoted.

        What waits of the time before leaves first.
        """
        released = []
        for group in self._groups(past=True):
            if not self._outvotes(group, self._judged(group, now)):
                continue
            before = self._groups(past=False)
            for each in before:
                if self._is_valid(each, before, self._judged(each, now)):
                    released += self._release(each, now)
                else:
                    self._drop(each.entries.values())
            for camera in self._cameras.values():
                camera.joined = False
                camera.forget()
            self._records.clear()
            self._released = None
            self._pending = [_Entry(e.name, e.stamp, e.arrived, e.item) for e in self._pending]
            self.counts.restarts += 1
            break
        return released

    def _drop(self, entries: Iterable[_Entry[T]]) -> None:
        gone = {id(entry): entry for entry in entries}
        late = sum(entry.late for entry in gone.values())
        self.counts.late += late
        self.counts.strayed += len(gone) - late
        self._pending = [entry for entry in self._pending if id(entry) not in gone]

    def _release(self, group: _Group[T], now: int) -> list[CameraSet[T]]:
        outvotes = self._outvotes(group, self._judged(group, now))
        strays = self._foreign(group)
        if strays:
            self._drop(strays)
            kept = {n: e for n, e in group.entries.items() if all(e is not stray for stray in strays)}
            group = _Group(kept, self._slop)
        taken = set(map(id, group.entries.values()))
        self._pending = [entry for entry in self._pending if id(entry) not in taken]
        if self._released is not None and group.newest <= self._released:
            self.counts.late += len(group.entries)
            return []
        self._released = group.newest
        for name, camera in self._cameras.items():
            if name not in group.entries:
                self._miss(camera, group, outvotes)
            else:
                self._join(camera, group.entries[name], outvotes)
        record = {n: _Entry(n, e.stamp, e.arrived, None) for n, e in group.entries.items()}
        self._records.append(_Group(record, self._slop))
        if len(group.entries) < self._min_cameras:
            self.counts.discarded += 1
            return []
        complete = len(group.entries) == len(self.names)
        if complete:
            self.counts.complete += 1
        else:
            self.counts.partial += 1
        items = {name: group.entries[name].item for name in self.names if name in group.entries}
        return [CameraSet(items, group.newest, complete)]

    def _join(self, camera: _Camera, entry: _Entry[T], outvotes: bool) -> None:
        if not self._is_ready(camera.name):
            camera.unready += 1
        camera.agree(entry.offset)
        waiting = [other.offset for other in self._pending if other.name == camera.name]
        camera.loose = deque(waiting, maxlen=camera.loose.maxlen)
        camera.lateness = None
        camera.joined = True
        camera.meetings += 1
        if outvotes:
            self._readmit(camera)

    def _miss(self, camera: _Camera, group: _Group[T], outvotes: bool) -> None:
        self.counts.missed[camera.name] += 1
        if camera.loose and outvotes:
            camera.misfits += 1
        if camera.loose or self._is_due(camera, group):
            camera.absences += 1
            camera.meetings = 0

    def _foreign(self, group: _Group[T]) -> list[_Entry[T]]:
        """Items that came so long before the others that they are of an earlier instant, by a wrong clock."""
        foreign = []
        for entry in group.entries.values():
            others = [other for other in group.entries.values() if other is not entry]
            if len(others) < 2:
                continue
            # A camera whose own ways are not known yet may have a much faster link than the others, and a bag
            # that is played faster than it was recorded puts all of them ahead.
            camera = self._cameras[entry.name]
            instants = camera.pace // 2 if camera.baseline is not None and camera.period else _FOREIGN_NS
            bound = max(min(instants, _FOREIGN_NS), self._slop)
            early = entry.offset - median(other.offset for other in others)
            if min(early, entry.ahead - median(other.ahead for other in others)) > bound:
                foreign.append(entry)
        return foreign

    # -- what is wrong ------------------------------------------------------------------------------

    def silence(self, now: int) -> float | None:
        """Seconds since any image came, None before the first."""
        return None if self._began is None else (now - self._newest) / 1e9

    def offsets(self, now: int) -> dict[str, float]:
        """Seconds by which each camera's stamps are ahead of the others', give or take the links' delays."""
        result, now = {}, min(now, self._newest)
        for name, camera in self._cameras.items():
            others = self._others(camera, now)
            if others and (offset := camera.offset) is not None and camera.is_speaking(now):
                result[name] = (offset - median(others)) / 1e9
        return result

    def faults(self, now: int) -> dict[str, CameraFault]:
        """What is wrong with each camera whose images are in no set at present, by name.

        Where all cameras have stopped it is what was wrong until then.

        Args:
            now: nanoseconds, on the clock of `add`.
        """
        if self._began is None:
            return {}
        unheard = now - self._began >= _UNHEARD_NS
        found = {
            name: self._fault(camera, min(now, self._newest))
            if camera.stamp is not None
            else (absent(name) if unheard else None)
            for name, camera in self._cameras.items()
        }
        return {name: fault for name, fault in found.items() if fault is not None}

    @property
    def _newest(self) -> int:
        return max(camera.arrived for camera in self._cameras.values())

    def _fault(self, camera: _Camera, now: int) -> CameraFault | None:
        patience = min(2, self._lost_after)
        speaking = camera.is_speaking(now)
        if not speaking or not camera.loose:
            gone = camera.absences >= (1 if not speaking else patience)
            return silent(camera.name, (now - camera.arrived) / 1e9) if gone else None
        others = self._others(camera, now)
        offset = median(camera.loose) - median(others) if others else None
        shown = offset / 1e9 if offset is not None else None
        if camera.stands or (camera.stamp == 0 and camera.misfits):
            return standing(camera, shown)
        lateness = camera.lateness / 1e9 if camera.lateness is not None else None
        if lateness is not None:
            certain = camera.misfits >= patience
        elif offset is not None and abs(offset) > max(
            min(self._deadline, _PATIENT_NS) + self._slop, _FOREIGN_NS
        ):
            certain = True
        elif offset is not None and abs(offset) > self._slop:
            certain = camera.misfits > 0 or len(camera.loose) > 1
        else:
            certain = camera.misfits >= patience
        return misfit(camera, shown, lateness, self._deadline / 1e9) if certain else None
