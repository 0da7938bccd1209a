"""The multi-sense network over a data set: each setting of its senses, and every answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError, EvaluationError, PictureError, RuntimeBackendError
from ..geometry.classes import FREE, LINES, SEGMENTS
from ..words.prompts import MOST
from .answers import AnswersScore, FrameAnswers, FrameTruth
from .corruptions import SensedFrame
from .detection import BoxSet
from .rays import VoxelGrid
from .robustness import AnswersJudge, sensed
from .truth import SceneTruth

if TYPE_CHECKING:
    from ..runtime.multi_sense.answers import Answers
    from ..runtime.multi_sense.engine import MultiSenseEngine
    from ..runtime.multi_sense.moment import Moment

SETTINGS: dict[str, tuple[str, ...]] = {
    "cameras": ("cameras",),
    "LiDAR": ("lidar",),
    "both": ("cameras", "lidar"),
    "cameras, memory": ("cameras", "memory"),
    "LiDAR, memory": ("lidar", "memory"),
    "both, memory": ("cameras", "lidar", "memory"),
}
"""Name to the senses that are used."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What is asked for in words.

    Attributes:
        prompts: phrases, each with the name of the one thing that it means.
        unknown: names of things that training never saw.
        ranks: as in `SceneTruth`.
        understood: metrics of the phrases alone, such as `synonyms`, which stand in every setting.
    """

    prompts: Mapping[str, str]
    unknown: Collection[str] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    understood: Mapping[str, float] = field(default_factory=dict)

    @property
    def unknown_prompts(self) -> tuple[str, ...]:
        """Phrases for what training never saw."""
        return tuple(phrase for phrase, thing in self.prompts.items() if thing in self.unknown)


class Prompter:
    """Scores the cells of answers for phrases, as many as one likes."""

    def __init__(self, phrases: Collection[str]) -> None:
        from ..runtime.multi_sense.prompts import PromptScorer  # with it comes torch

        self.phrases = tuple(phrases)
        self._score = PromptScorer()

    def __call__(self, answers: Answers) -> dict[str, np.ndarray]:
        """(nx, ny) float32 of each phrase, NaN where no sense reaches; nothing without an embedding.

        Raises:
            RuntimeBackendError: the text encoder is not installed, or does not fit the weights.
        """
        if answers.embedding is None:
            return {}
        found: dict[str, np.ndarray] = {}
        for first in range(0, len(self.phrases), MOST):
            some = self.phrases[first : first + MOST]
            for phrase, scores in zip(some, self._score(answers.embedding, some), strict=True):
                found[phrase] = np.where(answers.reached, scores, np.nan)
        return found


class Asker:
    """Asks a network about frames, with some of its senses and a memory of its own.

    Args:
        engine: of the network; several askers may share it.
        senses: of `senses.SENSES`.
        wanted: of `ANSWERS`, and `TEMPLATES`; those that the network lacks are left out.
        prompter: what to ask for in words; nothing where None.
    """

    def __init__(
        self,
        engine: MultiSenseEngine,
        senses: Collection[str],
        wanted: Collection[str] = ("segmentation", "lanes", "boxes", "occupancy", "plan", "templates"),
        prompter: Prompter | None = None,
    ) -> None:
        from ..runtime.multi_sense.memory import MemoryKeeper  # with it comes torch

        self._engine, self._senses, self._wanted = engine, tuple(senses), tuple(wanted)
        self._prompter = prompter
        if prompter is not None:
            self._wanted += ("embedding",)
        self._memory = MemoryKeeper()

    def __call__(self, frame: SensedFrame) -> FrameAnswers:
        """What the network says; nothing where it has nothing to go by."""
        from .moments import moment_of  # with it comes torch

        before, self._engine.memory = self._engine.memory, self._memory
        try:
            answers = self._engine.answer(moment_of(frame), self._wanted, self._senses)
        except RuntimeBackendError:  # no sense had anything to say
            return _silence(self._engine, self._wanted, self._prompter)
        finally:
            self._engine.memory = before
        said = None if self._prompter is None else self._prompter(answers)
        return replace(frame_answers(answers, voxel_grid(self._engine)), similarities=said)


class KnownFrames:
    """What is known of keyframes, asked for one after the other; `told` as in `SceneTruth`."""

    def __init__(
        self, reader: NuScenesReader, grid: VoxelGrid, told: Callable[[str], None] | None = None
    ) -> None:
        self._reader, self._grid, self._told = reader, grid, told
        self._scene: tuple[str, SceneTruth] | None = None
        self._last: tuple[str, FrameTruth] | None = None

    def __call__(self, keyframe: Keyframe) -> FrameTruth:
        """What is known of a keyframe."""
        if self._scene is None or self._scene[0] != keyframe.scene:
            frames = list(self._reader.keyframes(keyframe.scene))
            self._scene = (keyframe.scene, SceneTruth(frames, self._grid, told=self._told))
        if self._last is None or self._last[0] != keyframe.token:
            scene = self._scene[1]
            place = next(k for k, each in enumerate(scene.keyframes) if each.token == keyframe.token)
            self._last = (keyframe.token, scene[place])
        return self._last[1]


@dataclass(eq=False)
class SettingsScore:
    """Scores of several settings of the senses over the same keyframes.

    Attributes:
        settings: name to the senses that are used.
        scores: of each.
        read: keyframes that were scored.
        scans: how many of them had a scan.
        fault: why the newest one was left out; empty where none was.
    """

    settings: Mapping[str, Collection[str]]
    scores: dict[str, AnswersScore]
    read: int = 0
    scans: int = 0
    fault: str = ""

    def merge(self, later: SettingsScore) -> None:
        """Count another one's keyframes too, as if they came after these."""
        for name, score in self.scores.items():
            score.merge(later.scores[name])
        self.read += later.read
        self.scans += later.scans
        self.fault = later.fault or self.fault

    def metrics(self, dataroot: object) -> dict[str, dict[str, float]]:
        """By the settings' names the metrics of `AnswersScore.running`.

        Settings with LiDAR are left out where no keyframe has a scan.

        Raises:
            EvaluationError: no keyframe could be read, or none has what any setting needs.
        """
        if not self.read:
            raise EvaluationError(
                f"{dataroot}: no keyframe can be read with all its sensors"
                f"{f' ({self.fault})' if self.fault else ''}: copy the data set's files again"
            )
        scores = self.scores
        if not self.scans:  # a network without its sense is no setting
            scores = {name: score for name, score in scores.items() if "lidar" not in self.settings[name]}
            if not scores:
                raise EvaluationError(
                    f"{dataroot}: no keyframe has a LiDAR scan, which {', '.join(self.settings)} cannot do "
                    f"without; use weights that look at cameras"
                )
        return {name: score.running for name, score in scores.items()}


def evaluate_settings(
    reader: NuScenesReader,
    engine: MultiSenseEngine,
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    settings: Mapping[str, Collection[str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
    vocabulary: Vocabulary | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, float]]:
    """Score every answer in each setting of the senses.

    Args:
        reader: the data set.
        engine: of the network.
        scenes: names of the scenes, all of the reader's where None.
        limit: keyframes in all, the first ones, since memory wants them consecutive; no limit where None.
        settings: name to senses, `SETTINGS` where not given; those that the network lacks are left out.
        progress: called with the number of keyframes done and of all.
        vocabulary: what to ask for in words, where the data set names things and the weights have an
            embedding; nothing where None.
        told: called with one line, maybe the same several times, for each keyframe that is left out since an
            image or its scan cannot be read, and for each map and labels that cannot be scored against.

    Returns:
        By the settings' names the metrics of `AnswersScore.running`. Settings with LiDAR are left out where
        no keyframe has a scan.

    Raises:
        EvaluationError: there is no keyframe that can be read, or none has what any setting needs.
    """
    score = score_settings(reader, engine, scenes, limit, settings, progress, vocabulary, told)
    return told_metrics(score, reader.dataroot, vocabulary if "embedding" in engine.config.heads else None)


def told_metrics(
    score: SettingsScore, dataroot: object, vocabulary: Vocabulary | None
) -> dict[str, dict[str, float]]:
    """`SettingsScore.metrics`, and in every setting what is understood of phrases alone."""
    understood = {
        f"prompts.{name}": value for name, value in (vocabulary or Vocabulary({})).understood.items()
    }
    return {name: metrics | understood for name, metrics in score.metrics(dataroot).items()}


def score_settings(
    reader: NuScenesReader,
    engine: MultiSenseEngine,
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    settings: Mapping[str, Collection[str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
    vocabulary: Vocabulary | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> SettingsScore:
    """The scores behind `evaluate_settings`, which takes the same."""
    names = list(scenes or reader.scenes)
    total = sum(reader.count_keyframes(name) for name in names)
    total = total if limit is None else min(total, limit)
    there = set(engine.config.senses)
    used = {name: senses for name, senses in (settings or SETTINGS).items() if set(senses) <= there}
    grid = voxel_grid(engine)
    vocabulary = vocabulary if vocabulary and "embedding" in engine.config.heads else Vocabulary({})
    prompter = Prompter(vocabulary.prompts) if vocabulary.prompts else None
    askers = {name: Asker(engine, senses, prompter=prompter) for name, senses in used.items()}
    found = SettingsScore(used, {name: AnswersScore(grid, vocabulary.unknown_prompts) for name in used})
    for done, pair in enumerate(known_frames(reader, grid, names, total, vocabulary, told), 1):
        if isinstance(pair, str):
            found.fault = pair
            told(pair)
        else:
            frame, known = pair
            found.read += 1
            found.scans += frame.points is not None
            for setting, ask in askers.items():
                found.scores[setting].update(ask(frame), known)
        if progress:
            progress(done, total)
    return found


def known_frames(
    reader: NuScenesReader,
    grid: VoxelGrid,
    scenes: Sequence[str],
    limit: int,
    vocabulary: Vocabulary | None = None,
    told: Callable[[str], None] | None = None,
) -> Iterator[tuple[SensedFrame, FrameTruth] | str]:
    """Keyframes with what is known of them, scene after scene.

    Args:
        reader: the data set.
        grid: of the voxels.
        scenes: names.
        limit: keyframes in all, the first ones.
        vocabulary: what is asked for in words.
        told: as in `SceneTruth`.

    Yields:
        What was sensed, and the truth; of a keyframe that is left out since an image or its scan cannot be
        read, one line that says so.
    """
    vocabulary, left = vocabulary or Vocabulary({}), limit
    for name in scenes:
        if left <= 0:
            return
        keyframes = list(reader.keyframes(name))
        scene = SceneTruth(keyframes, grid, prompts=vocabulary.prompts, ranks=vocabulary.ranks, told=told)
        for place, keyframe in enumerate(scene.keyframes[:left]):
            left -= 1
            try:
                frame = sensed(keyframe, scene.twist(place), lidar=True)
            except (DatasetError, PictureError) as error:
                yield f"{name}: keyframe {keyframe.token} is left out: {error}"
            else:
                yield frame, scene[place]


def annotated_moments(
    dataroot: Path, engine: MultiSenseEngine, count: int
) -> list[tuple[Moment, FrameTruth]]:
    """Keyframes of all scenes alike, the first ones of each, as an engine takes them, with their truth.

    Raises:
        DatasetError: the data set is missing or damaged, or no keyframe of it can be read.
    """
    from .moments import moment_of  # with it comes torch

    reader = NuScenesReader(dataroot, version="")
    found: list[tuple[Moment, FrameTruth]] = []
    each = -(-count // max(1, len(reader.scenes)))
    for scene in reader.scenes:
        for pair in known_frames(reader, voxel_grid(engine), [scene], min(each, count - len(found))):
            if not isinstance(pair, str):
                found.append((moment_of(pair[0]), pair[1]))
    if not found:
        raise DatasetError(f"no keyframe of {dataroot} can be read: `lss-bev evaluate` says why")
    return found


def judge_of(
    reader: NuScenesReader, engine: MultiSenseEngine, told: Callable[[str], None] = lambda line: None
) -> Callable[[], AnswersJudge]:
    """Makes judges of a network with all its senses, see `robustness`; `told` as in `SceneTruth`."""
    grid = voxel_grid(engine)
    known = KnownFrames(reader, grid, told)
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
        voxels = np.full(grid.shape, FREE, np.uint8)
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
        layers=None if maps is None else {name: maps[name] for name in SEGMENTS},
        voxels=voxels,
        lines=None
        if lines is None
        else {name: [each.points for each in found] for name, found in lines.items()},
        line_scores={name: [each.score for each in found] for name, found in (lines or {}).items()},
        plan=None if plan is None else plan.best,
        templates=None if plan is None else plan.templates,
        costs=None if plan is None or plan.scores is None else -plan.scores,
    )


def _silence(
    engine: MultiSenseEngine, wanted: Collection[str], prompter: Prompter | None = None
) -> FrameAnswers:
    """The answers of a network that sensed nothing: all is unknown, and nothing is found."""
    asked = {*wanted} & {*engine.config.heads, "lanes"}
    unknown = np.full(engine.grid.shape, -1, np.int8)
    maps = "segmentation" in engine.config.heads
    lines = maps and "lanes" in asked
    return FrameAnswers(
        boxes=BoxSet.of([], np.zeros((0, 3)), np.zeros((0, 3)), []) if "boxes" in asked else None,
        layers=dict.fromkeys(SEGMENTS, unknown) if "segmentation" in asked else None,
        voxels=np.full(voxel_grid(engine).shape, FREE, np.uint8) if "occupancy" in asked else None,
        lines={name: [] for name in LINES} if lines else None,
        line_scores={name: [] for name in LINES} if lines else {},
        similarities=None
        if prompter is None
        else {phrase: np.full(engine.grid.shape, np.nan, np.float32) for phrase in prompter.phrases},
    )
