"""The multi-sense network over a data set: each setting of its senses, and every answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError, EvaluationError, PictureError, RuntimeBackendError
from .answers import AnswersScore, FrameAnswers, FrameTruth
from .corruptions import SensedFrame
from .detection import BoxSet
from .occupancy import FREE_VOXEL
from .rays import VoxelGrid
from .robustness import AnswersJudge, sensed
from .segmentation import AREA_LAYERS, LINE_LAYERS
from .truth import SceneTruth

if TYPE_CHECKING:
    from ..runtime.multi_sense.answers import Answers
    from ..runtime.multi_sense.engine import MultiSenseEngine

SETTINGS: dict[str, tuple[str, ...]] = {
    "cameras": ("cameras",),
    "LiDAR": ("lidar",),
    "both": ("cameras", "lidar"),
    "cameras, memory": ("cameras", "memory"),
    "LiDAR, memory": ("lidar", "memory"),
    "both, memory": ("cameras", "lidar", "memory"),
}
"""Name to the senses that are used."""


class Asker:
    """Asks a network about frames, with some of its senses and a memory of its own.

    Args:
        engine: of the network; several askers may share it.
        senses: of `senses.SENSES`.
        wanted: of `ANSWERS`, and `TEMPLATES`; those that the network lacks are left out.
    """

    def __init__(
        self,
        engine: MultiSenseEngine,
        senses: Collection[str],
        wanted: Collection[str] = ("segmentation", "lanes", "boxes", "occupancy", "plan", "templates"),
    ) -> None:
        from ..runtime.multi_sense.memory import MemoryKeeper  # with it comes torch

        self._engine, self._senses, self._wanted = engine, tuple(senses), tuple(wanted)
        self._memory = MemoryKeeper()

    def __call__(self, frame: SensedFrame) -> FrameAnswers:
        """What the network says; nothing where it has nothing to go by."""
        from .moments import moment_of  # with it comes torch

        before, self._engine.memory = self._engine.memory, self._memory
        try:
            answers = self._engine.answer(moment_of(frame), self._wanted, self._senses)
        except RuntimeBackendError:  # no sense had anything to say
            return _silence(self._engine, self._wanted)
        finally:
            self._engine.memory = before
        return frame_answers(answers, voxel_grid(self._engine))


class KnownFrames:
    """What is known of the keyframes of a data set, asked for one after the other."""

    def __init__(self, reader: NuScenesReader, grid: VoxelGrid) -> None:
        self._reader, self._grid = reader, grid
        self._scene: tuple[str, SceneTruth] | None = None
        self._last: tuple[str, FrameTruth] | None = None

    def __call__(self, keyframe: Keyframe) -> FrameTruth:
        """What is known of a keyframe."""
        if self._scene is None or self._scene[0] != keyframe.scene:
            frames = list(self._reader.keyframes(keyframe.scene))
            self._scene = (keyframe.scene, SceneTruth(frames, self._grid))
        if self._last is None or self._last[0] != keyframe.token:
            scene = self._scene[1]
            place = next(k for k, each in enumerate(scene.keyframes) if each.token == keyframe.token)
            self._last = (keyframe.token, scene[place])
        return self._last[1]


def evaluate_settings(
    reader: NuScenesReader,
    engine: MultiSenseEngine,
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    settings: Mapping[str, Collection[str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Score every answer in each setting of the senses.

    Args:
        reader: the data set.
        engine: of the network.
        scenes: names of the scenes, all of the reader's where None.
        limit: keyframes in all, the first ones, since memory wants them consecutive; no limit where None.
        settings: name to senses, `SETTINGS` where not given; those that the network lacks are left out.
        progress: called with the number of keyframes done and of all.

    Returns:
        By the settings' names the metrics of `AnswersScore.running`.

    Raises:
        EvaluationError: there is no keyframe that can be read.
    """
    names = list(scenes or reader.scenes)
    total = sum(reader.count_keyframes(name) for name in names)
    total = total if limit is None else min(total, limit)
    there = set(engine.config.senses)
    used = {name: senses for name, senses in (settings or SETTINGS).items() if set(senses) <= there}
    grid = voxel_grid(engine)
    askers = {name: Asker(engine, senses) for name, senses in used.items()}
    scores = {name: AnswersScore(grid) for name in used}
    done = read = 0
    for name in names:
        scene = SceneTruth(list(reader.keyframes(name)), grid)
        for place, keyframe in enumerate(scene.keyframes[: total - done]):
            try:
                frame = sensed(keyframe, scene.twist(place), lidar=True)
                known = scene[place]
            except (DatasetError, PictureError):
                frame = None
            if frame is not None:
                read += 1
                for setting, ask in askers.items():
                    scores[setting].update(ask(frame), known)
            done += 1
            if progress:
                progress(done, total)
    if not read:
        raise EvaluationError(
            f"{reader.dataroot}: no keyframe of {', '.join(names) or 'no scene'} can be read; "
            f"`lss-bev evaluate` with other weights says why"
        )
    return {name: score.running for name, score in scores.items()}


def judge_of(reader: NuScenesReader, engine: MultiSenseEngine) -> Callable[[], AnswersJudge]:
    """Makes judges of a network with all its senses, see `robustness`."""
    known, grid = KnownFrames(reader, voxel_grid(engine)), voxel_grid(engine)
    return lambda: AnswersJudge(Asker(engine, engine.config.senses), known, grid)


def voxel_grid(engine: MultiSenseEngine) -> VoxelGrid:
    """The voxels of a network's answers."""
    config = engine.config
    return VoxelGrid(engine.grid, config.voxel_z_min, config.voxel_z_max, config.heights)


def frame_answers(answers: Answers, grid: VoxelGrid) -> FrameAnswers:
    """What an engine answers, as it is scored."""
    boxes, maps, filled, plan = answers.boxes, answers.segmentation, answers.occupancy, answers.plan
    voxels = None
    if filled is not None:
        voxels = np.full(grid.shape, FREE_VOXEL, np.uint8)
        voxels[tuple(filled.cells.T)] = filled.classes
    lines = answers.lanes
    return FrameAnswers(
        boxes=None
        if boxes is None
        else BoxSet.of(
            boxes.classes,
            boxes.centers,
            boxes.sizes,
            boxes.yaws,
            boxes.velocities,
            boxes.scores,
            attributes=boxes.attributes,
        ),
        layers=None if maps is None else {name: maps[name] for name in (*AREA_LAYERS, *LINE_LAYERS)},
        voxels=voxels,
        lines=None
        if lines is None
        else {name: [each.points for each in found] for name, found in lines.items()},
        line_scores={name: [each.score for each in found] for name, found in (lines or {}).items()},
        plan=None if plan is None else plan.best,
        templates=None if plan is None else plan.templates,
        costs=None if plan is None or plan.scores is None else -plan.scores,
    )


def _silence(engine: MultiSenseEngine, wanted: Collection[str]) -> FrameAnswers:
    """The answers of a network that sensed nothing: all is unknown, and nothing is found."""
    asked = {*wanted} & {*engine.config.heads, "lanes"}
    unknown = np.full(engine.grid.shape, -1, np.int8)
    maps = "segmentation" in engine.config.heads
    lines = maps and "lanes" in asked
    return FrameAnswers(
        boxes=BoxSet.of([], np.zeros((0, 3)), np.zeros((0, 3)), []) if "boxes" in asked else None,
        layers=dict.fromkeys((*AREA_LAYERS, *LINE_LAYERS), unknown) if "segmentation" in asked else None,
        voxels=np.full(voxel_grid(engine).shape, FREE_VOXEL, np.uint8) if "occupancy" in asked else None,
        lines={name: [] for name in LINE_LAYERS} if lines else None,
        line_scores={name: [] for name in LINE_LAYERS} if lines else {},
    )
