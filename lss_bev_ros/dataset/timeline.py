"""When each recording of a data set is to be replayed, and with which stamp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .frame import CameraShot, Keyframe, LidarScan

_GAP_NS = 500_000_000
"""Pause between two scenes, and between two runs of a loop: one keyframe interval of nuScenes."""


@dataclass(frozen=True, eq=False)
class Event:
    """One thing to publish.

    Attributes:
        item: an image, a scan, or a keyframe's annotations (a Keyframe).
        due: nanoseconds after the start of the replay, wall time.
        stamp: nanoseconds after the start of the replay, on the recording's clock: offsets between the
            sensors of one turn are the real ones whatever the rate.
        ends_step: whether a single step of the replay ends here (the last event of a keyframe).
    """

    item: CameraShot | LidarScan | Keyframe
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
    like a recording with another frame rate, not like slower or faster sensors.

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
    events: list[Event] = []
    origin = anchor = items[0].stamp if items else 0
    turn: set[str] = set()
    for item in items:
        if isinstance(item, CameraShot):
            if item.name in turn:
                anchor, turn = item.stamp, set()
            turn.add(item.name)
        event = Event(
            item=item,
            due=start + round((item.stamp - origin) / rate),
            stamp=start + round((anchor - origin) / rate) + item.stamp - anchor,
            ends_step=isinstance(item, Keyframe),
        )
        events.append(event)
    return events


def next_start(events: Sequence[Event], rate: float = 1.0) -> int:
    """Nanoseconds after the start of the replay at which a scene that follows `events` begins."""
    return events[-1].due + round(_GAP_NS / rate)
