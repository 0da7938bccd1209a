"""When each recording of a data set is to be replayed, and with which stamp."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import Pose
from .frame import CameraShot, Keyframe, LidarScan

_GAP_NS = 500_000_000
"""Pause between two scenes, and between two runs of a loop: one keyframe interval of nuScenes."""

_NEAR_NS = 100_000_000
"""Scans and annotations this near to a turn of the cameras belong to it: one turn of a LiDAR of 10 Hz."""


@dataclass(frozen=True, eq=False)
class Mounting:
    """Where sensors sit on the car from an instant on.

    Attributes:
        stamp: nanoseconds, time of the data set.
        poses: frame name to pose in base_link, of every sensor of the scene.
        is_key: never part of a keyframe.
    """

    stamp: int
    poses: Mapping[str, Pose]
    is_key: bool = False


@dataclass(frozen=True, eq=False)
class Event:
    """One thing to publish.

    Attributes:
        item: an image, a scan, a keyframe's annotations (a Keyframe), or where sensors sit.
        due: nanoseconds after the start of the replay, wall time.
        stamp: nanoseconds after the start of the replay, on the recording's clock: offsets between the
            sensors of one turn are the real ones whatever the rate.
        ends_step: whether a single step of the replay ends here (the last event of a keyframe).
    """

    item: CameraShot | LidarScan | Keyframe | Mounting
    due: int
    stamp: int
    ends_step: bool


def timeline(
    shots: Iterable[CameraShot | LidarScan],
    keyframes: Iterable[Keyframe],
    rate: float = 1.0,
    start: int = 0,
) -> list[Event]:
    """Lay out one scene.

    Cameras fire once a turn of the LiDAR, one after the other; within such a turn stamps keep their real
    distances, and turns follow each other at `rate`. So a replay at another rate looks to a synchroniser
    like a recording with another frame rate, not like slower or faster sensors. A slow replay publishes
    a turn in its real time too: stretched, its images would come too late for each other.

    Args:
        shots: images and scans of the scene.
        keyframes: annotations of the scene.
        rate: playback speed, 1 is real time.
        start: nanoseconds of the scene's first event in the replay.

    Returns:
        events in the order of `due`, none for a scene without recordings.
    """
    # annotations after the recordings of their instant, so that a step ends with them
    items = sorted([*shots, *keyframes], key=lambda item: (item.stamp, isinstance(item, Keyframe)))
    anchors = _anchors(items)
    events: list[Event] = []
    for item, anchor in zip(items, anchors, strict=True):
        turn = round((anchor - anchors[0]) / rate)
        stamp = start + turn + (item.stamp - anchor) - (items[0].stamp - anchors[0])
        event = Event(
            item=item,
            due=stamp if rate < 1.0 else start + round((item.stamp - items[0].stamp) / rate),
            stamp=stamp,
            ends_step=isinstance(item, Keyframe),
        )
        events.append(event)
    return events


def _anchors(items: Sequence[CameraShot | LidarScan | Keyframe]) -> list[int]:
    """The stamp from which each item keeps its real distance: the first image of its turn.

    What is no image belongs to the nearest turn. Far from all of them, or without cameras, it is its own.
    """
    turns: list[list[int]] = []
    names: set[str] = set()
    for item in items:
        if isinstance(item, CameraShot):
            if not turns or item.name in names:
                turns.append([item.stamp, item.stamp])
                names = set()
            names.add(item.name)
            turns[-1][1] = item.stamp
    anchors = []
    following = 0  # the first turn that ends at the item or later
    for item in items:
        while following < len(turns) and turns[following][1] < item.stamp:
            following += 1
        near = [
            (max(turn[0] - item.stamp, item.stamp - turn[1], 0), turn[0])
            for turn in turns[max(following - 1, 0) : following + 1]
        ]
        distance, anchor = min(near, key=lambda each: each[0], default=(_NEAR_NS, item.stamp))
        anchors.append(anchor if distance < _NEAR_NS else item.stamp)
    return anchors


def next_start(events: Sequence[Event], rate: float = 1.0) -> int:
    """Nanoseconds after the start of the replay at which a scene that follows `events` begins."""
    return events[-1].due + round(_GAP_NS / rate)


def recorded_time(event: Event, before: Event | None, remaining: int, rate: float = 1.0) -> int:
    """The time of the recording while the replay waits for an event: it never goes back within a scene.

    Args:
        event: what is waited for.
        before: what the scene had before it, None at its start.
        remaining: nanoseconds until the event is due.
        rate: as given to `timeline`.

    Returns:
        nanoseconds, time of the data set.
    """
    if before is None or event.due <= before.due:
        return event.item.stamp - (round(remaining * rate) if before is None else 0)
    share = min(remaining / (event.due - before.due), 1.0)
    return event.item.stamp - round(share * (event.item.stamp - before.item.stamp))


def with_mountings(events: Sequence[Event], rate: float = 1.0) -> list[Event]:
    """Add where the sensors sit: at the start of a scene, and again wherever some are mounted otherwise.

    A change is due halfway between the last recording before it and the first one after it; sensors that
    change in one turn change together. Whoever takes the newest mounting for each image, as tf2 gives it,
    then has time to finish what came before, and never pairs an image with the mounting before it.

    Args:
        events: one scene's, as `timeline` gives them.
        rate: as given to `timeline`.

    Returns:
        the same with events of Mounting in between, in the order of `due`.
    """
    changes: list[_Change] = []
    newest: dict[str, Event] = {}
    seats: dict[str, Pose] = {}
    poses: dict[str, Pose] = {}
    for event in events:
        if not isinstance(event.item, (CameraShot, LidarScan)):
            continue
        name, pose = event.item.name, mounted_at(event.item)
        before, sat = newest.get(name), seats.get(name)
        newest[name], seats[name] = event, pose
        if before is None or sat is None:
            poses[name] = pose
        elif not _same(sat, pose):
            change = _Change(before, event, {name: pose})
            together = changes[-1].joined(change) if changes else change
            if changes and together.time > min(change.time, changes[-1].time) / 4:
                changes[-1] = together
            else:
                changes.append(change)
    if not newest:
        return list(events)
    lead = min(events[0].due, round(_GAP_NS / 2 / rate))
    first = Mounting(events[0].item.stamp - round(lead * rate), dict(poses))
    added = [Event(first, events[0].due - lead, events[0].stamp - lead, False)]
    for change in sorted(changes, key=lambda change: change.due):
        poses |= change.poses
        before, after = change.before, change.after
        item = Mounting((before.item.stamp + after.item.stamp) // 2, dict(poses))
        added.append(Event(item, change.due, (before.stamp + after.stamp) // 2, False))
    # Before all else that is due at the same time.
    return sorted([*added, *events], key=lambda event: event.due)


@dataclass(frozen=True, eq=False)
class _Change:
    """New poses, from some time after `before` on and before `after`."""

    before: Event
    after: Event
    poses: dict[str, Pose]

    @property
    def time(self) -> int:
        """Nanoseconds in which it may be told."""
        return self.after.due - self.before.due

    @property
    def due(self) -> int:
        """The middle of them."""
        return (self.before.due + self.after.due) // 2

    def joined(self, other: _Change) -> _Change:
        before = max(self.before, other.before, key=lambda event: event.due)
        after = min(self.after, other.after, key=lambda event: event.due)
        return _Change(before, after, self.poses | other.poses)


def mounted_at(item: CameraShot | LidarScan) -> Pose:
    """Where the sensor of a recording sat."""
    return item.camera.pose if isinstance(item, CameraShot) else item.pose


def _same(a: Pose, b: Pose) -> bool:
    same = np.array_equal(a.rotation, b.rotation) and np.array_equal(a.translation, b.translation)
    return a is b or same
