"""How much a network's scores suffer from what goes wrong with sensors.

A judge runs one network and keeps one set of scores; a run has one for every corruption, and all see the
same keyframes. `VehicleJudge` is that of a network with one answer; one with more has a judge of its own,
and nothing else changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError, EvaluationError, PictureError
from ..geometry import Pose, vehicle_raster
from ..images import decode
from .corruptions import CLEAN, Corruption, SensedFrame, corruptions
from .metrics import AnnotationScore, ratio

if TYPE_CHECKING:
    from ..runtime import Engine


class Judge(Protocol):
    """A network, and its scores over all frames that it was given."""

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics that stand in the table, of which more is better."""

    def update(self, frame: SensedFrame, keyframe: Keyframe) -> None:
        """Let the network look at a frame, and score it against what is annotated."""

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name."""


class VehicleJudge:
    """Judges a network that says where vehicles are, against those with a LiDAR return."""

    headline = ("iou", "precision", "recall")

    def __init__(self, engine: Engine, threshold: float = 0.5, min_lidar_points: int = 1) -> None:
        self._engine, self._least = engine, min_lidar_points
        self._score = AnnotationScore(engine.grid, threshold)

    def update(self, frame: SensedFrame, keyframe: Keyframe) -> None:
        """See `Judge`; a frame whose cameras are all lost is unknown everywhere."""
        from ..runtime import FrameSet  # with it comes torch

        occupancy = np.full(self._engine.grid.shape, -1, np.int8)
        if frame.images:
            prediction, _ = self._engine.infer_usable(FrameSet(frame.stamp, frame.rig, frame.images))
            occupancy = prediction.occupancy
        self._score.update(occupancy, vehicle_raster(keyframe.boxes, self._engine.grid, self._least))

    @property
    def running(self) -> dict[str, float]:
        """See `AnnotationScore`."""
        return self._score.running


def evaluate_robustness(
    reader: NuScenesReader,
    judge: Callable[[], Judge],
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    lidar: bool = False,
    only: Callable[[Corruption], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Score every corruption on the annotated keyframes of a data set.

    Args:
        reader: the data set.
        judge: makes a judge without scores.
        scenes: names of the scenes, all of the reader's where None.
        limit: keyframes in all, evenly spread over the scenes' own; no limit where None.
        lidar: whether the network looks at the LiDAR.
        only: which corruptions to try; the clean frame is always scored.
        progress: called with the number of keyframes done and of all.

    Returns:
        `frames`, `skipped` (keyframes with an image or scan that cannot be read), `headline` and `rows`:
        name, group, metrics, and `relative`, each headline metric as a share of the clean frames'.

    Raises:
        EvaluationError: there is no annotated keyframe that can be read whole.
    """
    names = [name for name in scenes or reader.scenes if reader.annotated(name)]
    wanted = _spread(sum(reader.count_keyframes(name) for name in names), limit)
    cameras = list(dict.fromkeys(name for scene in names for name in reader.first_rig(scene).names))
    tried = [each for each in corruptions(cameras, lidar) if each.name == CLEAN or only is None or only(each)]
    judges = {each.name: judge() for each in tried}
    frames = skipped = 0
    for place, keyframe, twist in _moving(reader, names):
        if place not in wanted:
            continue
        try:
            frame = _sensed(keyframe, twist, lidar)
        except (DatasetError, PictureError):
            frame = None
        if frame is None:
            skipped += 1
        else:
            for each in tried:
                judges[each.name].update(each.change(frame), keyframe)
            frames += 1
        if progress:
            progress(frames + skipped, len(wanted))
    if not frames:
        raise EvaluationError(
            f"{reader.dataroot}: no annotated keyframe could be read with all its sensors, so nothing can "
            f"be spoiled; run `lss-bev evaluate` without --robustness to see why"
        )
    headline = judges[CLEAN].headline
    clean = judges[CLEAN].running
    rows = [_row(each, judges[each.name].running, clean, headline) for each in tried]
    return {"frames": frames, "skipped": skipped, "headline": list(headline), "rows": rows}


def _row(
    corruption: Corruption, metrics: Mapping[str, float], clean: Mapping[str, float], headline: Sequence[str]
) -> dict[str, object]:
    relative = {
        name: ratio(metrics.get(name, math.nan), clean.get(name, math.nan))
        for name in headline
        if name in clean
    }
    return {
        "name": corruption.name,
        "group": corruption.group,
        "metrics": dict(metrics),
        "relative": relative,
    }


def _spread(count: int, limit: int | None) -> set[int]:
    """Places of at most `limit` of `count` things, evenly spread."""
    if limit is not None and limit < 1:
        raise EvaluationError(f"limit {limit} must be at least 1 keyframe; leave it out for all")
    if not count:
        return set()
    return set(np.linspace(0, count - 1, min(count, limit or count)).round().astype(int).tolist())


def _moving(reader: NuScenesReader, names: Sequence[str]) -> Iterator[tuple[int, Keyframe, np.ndarray]]:
    """Keyframes with their number, and how the car moves between its neighbours."""
    place = 0
    for name in names:
        keyframes = list(reader.keyframes(name))
        for k, keyframe in enumerate(keyframes):
            first = max(0, k - 1)
            yield place, keyframe, _twist(*keyframes[first : first + 2])
            place += 1


def _twist(before: Keyframe, now: Keyframe | None = None) -> np.ndarray:
    """(3,) metres a second forward and left, and radians a second, between two keyframes."""
    if now is None or now.stamp <= before.stamp:
        return np.zeros(3)
    seconds = (now.stamp - before.stamp) / 1e9
    moved: Pose = before.ego.inverse() @ now.ego
    # The way lies along the chord, which is turned by half of the turn against both headings.
    chord = Pose.from_yaw(-moved.yaw / 2).apply(moved.translation)
    return np.array([chord[0], chord[1], moved.yaw]) / seconds


def _sensed(keyframe: Keyframe, twist: np.ndarray, lidar: bool) -> SensedFrame:
    """The keyframe's images and scan, read; None where a sensor of its rig is missing already."""
    images = {name: decode(shot.encoded()) for name, shot in keyframe.cameras.items()}
    if not images:
        raise DatasetError(f"keyframe {keyframe.token} of {keyframe.scene} has no image")
    scan = keyframe.lidar if lidar else None
    return SensedFrame(
        stamp=max(shot.stamp for shot in keyframe.cameras.values()),
        rig=keyframe.rig,
        images=images,
        points=None if scan is None else scan.points(),
        lidar=None if scan is None else scan.pose,
        twist=twist,
    )
