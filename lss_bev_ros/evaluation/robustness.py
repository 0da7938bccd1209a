"""How much a network's scores suffer from what goes wrong with sensors.

A judge runs one network and keeps one set of scores; a run has one for every corruption, and all see the
same keyframes. `VehicleJudge` is that of a network with one answer, `AnswersJudge` of one with several. A
network that remembers has a memory of its own for each judge, since their frames come in turns; it needs
consecutive keyframes, so no `limit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError, EvaluationError, PictureError
from ..geometry import vehicle_raster
from ..images import decode
from .answers import HEADLINE, AnswersScore, FrameAnswers, FrameTruth
from .corruptions import CLEAN, Corruption, SensedFrame, corruptions
from .metrics import AnnotationScore, ratio
from .rays import VoxelGrid
from .truth import twist

if TYPE_CHECKING:
    from ..runtime import Engine


class Judge(Protocol):
    """A network, and its scores over all frames that it was given."""

    score: Any
    """Has `merge`, which counts the frames of a judge of the same kind too, and `running`."""

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics that stand in the table, of which more is better."""

    def update(self, frame: SensedFrame, keyframe: Keyframe) -> None:
        """Let the network look at a frame, and score it against what is annotated."""


class VehicleJudge:
    """Judges a network that says where vehicles are, against those with a LiDAR return."""

    headline = ("iou", "precision", "recall")

    def __init__(self, engine: Engine, threshold: float = 0.5, min_lidar_points: int = 1) -> None:
        self._engine, self._least = engine, min_lidar_points
        self.score = AnnotationScore(engine.grid, threshold)

    def update(self, frame: SensedFrame, keyframe: Keyframe) -> None:
        """See `Judge`; a frame whose cameras are all lost is unknown everywhere."""
        from ..runtime import FrameSet  # with it comes torch

        occupancy = np.full(self._engine.grid.shape, -1, np.int8)
        if frame.images:
            prediction, _ = self._engine.infer_usable(FrameSet(frame.stamp, frame.rig, frame.images))
            occupancy = prediction.occupancy
        self.score.update(occupancy, vehicle_raster(keyframe.boxes, self._engine.grid, self._least))


class AnswersJudge:
    """Judges a network with several answers.

    Attributes:
        score: of all answers.
    """

    def __init__(
        self,
        ask: Callable[[SensedFrame], FrameAnswers],
        know: Callable[[Keyframe], FrameTruth],
        grid: VoxelGrid | None = None,
        headline: Sequence[str] = HEADLINE,
    ) -> None:
        """Prepare.

        Args:
            ask: what the network says of a frame.
            know: what is known of a keyframe.
            grid: of the voxels; its plane is that of all layers and lines.
            headline: metrics of `AnswersScore.running` that stand in the table.
        """
        self._ask, self._know = ask, know
        self.headline = tuple(headline)
        self.score = AnswersScore(grid)

    def update(self, frame: SensedFrame, keyframe: Keyframe) -> None:
        """See `Judge`."""
        self.score.update(self._ask(frame), self._know(keyframe))


@dataclass(eq=False)
class Spoiled:
    """Scores of every corruption over the same keyframes.

    Attributes:
        headline: metrics that stand in the table.
        groups: name of a corruption to its group, the clean frame first.
        scores: of each, with `merge` and `running`.
        frames, skipped: keyframes, and those with an image or scan that cannot be read.
    """

    headline: tuple[str, ...]
    groups: dict[str, str]
    scores: dict[str, Any]
    frames: int = 0
    skipped: int = 0

    def merge(self, later: Spoiled) -> None:
        """Count another one's keyframes too, as if they came after these."""
        for name, score in later.scores.items():
            if name in self.scores:
                self.scores[name].merge(score)
            else:
                self.groups[name], self.scores[name] = later.groups[name], score
        self.frames += later.frames
        self.skipped += later.skipped

    def report(self, dataroot: object) -> dict[str, object]:
        """What `evaluate_robustness` returns.

        Raises:
            EvaluationError: there is no annotated keyframe that could be read whole.
        """
        if not self.frames:
            raise EvaluationError(
                f"{dataroot}: no annotated keyframe could be read with all its sensors, so nothing can "
                f"be spoiled; run `lss-bev evaluate` without --robustness to see why"
            )
        clean = self.scores[CLEAN].running
        headline = [name for name in self.headline if name in clean]
        rows = [
            _row(name, self.groups[name], score.running, clean, headline)
            for name, score in self.scores.items()
        ]
        return {"frames": self.frames, "skipped": self.skipped, "headline": headline, "rows": rows}


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
        lidar: whether the network looks at the LiDAR; nothing is lost with it where no keyframe has a scan.
        only: which corruptions to try; the clean frame is always scored.
        progress: called with the number of keyframes done and of all.

    Returns:
        `frames`, `skipped` (keyframes with an image or scan that cannot be read), `headline` and `rows`:
        name, group, metrics, and `relative`, each headline metric as a share of the clean frames'.

    Raises:
        EvaluationError: there is no annotated keyframe that can be read whole.
    """
    return spoil(reader, judge, scenes, limit, lidar, only, progress).report(reader.dataroot)


def spoil(
    reader: NuScenesReader,
    judge: Callable[[], Judge],
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    lidar: bool = False,
    only: Callable[[Corruption], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Spoiled:
    """The scores behind `evaluate_robustness`, which takes the same."""
    names = [name for name in scenes or reader.scenes if reader.annotated(name)]
    wanted = _spread(sum(reader.count_keyframes(name) for name in names), limit)
    cameras = list(dict.fromkeys(name for scene in names for name in reader.first_rig(scene).names))
    lidar = lidar and any(each.lidar is not None for name in names for each in reader.keyframes(name))
    tried = [each for each in corruptions(cameras, lidar) if each.name == CLEAN or only is None or only(each)]
    judges = {each.name: judge() for each in tried}
    found = Spoiled(
        judges[CLEAN].headline,
        {each.name: each.group for each in tried},
        {name: each.score for name, each in judges.items()},
    )
    for place, keyframe, motion in _moving(reader, names):
        if place not in wanted:
            continue
        try:
            frame = sensed(keyframe, motion, lidar)
        except (DatasetError, PictureError):
            frame = None
        if frame is None:
            found.skipped += 1
        else:
            for each in tried:
                judges[each.name].update(each.change(frame), keyframe)
            found.frames += 1
        if progress:
            progress(found.frames + found.skipped, len(wanted))
    return found


def _row(
    name: str, group: str, metrics: Mapping[str, float], clean: Mapping[str, float], headline: Sequence[str]
) -> dict[str, object]:
    relative = {
        name: ratio(metrics.get(name, math.nan), clean.get(name, math.nan))
        for name in headline
        if name in clean
    }
    return {
        "name": name,
        "group": group,
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
            yield place, keyframe, twist(*keyframes[first : first + 2])
            place += 1


def sensed(keyframe: Keyframe, motion: np.ndarray, lidar: bool) -> SensedFrame:
    """The keyframe's images and scan, read.

    Raises:
        DatasetError: one of them cannot be read, or there is no image.
        PictureError: an image is damaged.
    """
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
        twist=motion,
        ego=keyframe.ego,
    )
