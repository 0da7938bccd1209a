"""Compare two ways to run the multi-sense network, head by head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ... import __version__
from ...dataset import NuScenesReader
from ...errors import DeployError
from ...evaluation.answers import HEADLINE, TOLD, AnswersScore
from ...evaluation.difference import Difference
from ...evaluation.metrics import ratio
from ...evaluation.moments import moment_of
from ...evaluation.multi_sense import frame_answers, known_frames, voxel_grid
from ...runtime.multi_sense.answers import ANSWERS, TEMPLATES, Answers
from ...runtime.multi_sense.moment import Moment
from ..machine import describe_machine
from ..progress import Progress, part_of
from ..turns import Turns, latency_report
from .comparison import fewer
from .subject import MultiSenseSubject
from .tolerance import Tolerances

SURE = 0.3
"""Score from which a thing counts as found."""

NEAR = 0.5
"""Metres within which two things of one class are the same."""


@dataclass(eq=False)
class Agreements:
    """How often two sides decide alike, by answer: of how many, how many."""

    alike: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def update(self, one: Answers, other: Answers) -> None:
        """Count a moment."""
        if one.segmentation is not None and other.segmentation is not None:
            self._count("segmentation", (one.segmentation.logits >= 0) == (other.segmentation.logits >= 0))
        if one.boxes is not None and other.boxes is not None:
            self._count("boxes", _found(one, other))
            self._count("boxes", _found(other, one))
        if one.occupancy is not None and other.occupancy is not None:
            ours, theirs = (
                {(*cell, kind) for cell, kind in zip(each.cells.tolist(), each.classes.tolist(), strict=True)}
                for each in (one.occupancy, other.occupancy)
            )
            self._add("voxels", len(ours & theirs), len(ours | theirs))
        if one.plan is not None and other.plan is not None:
            self._add("plan", int(np.allclose(one.plan.best, other.plan.best, atol=0.5)), 1)

    def report(self) -> dict[str, float]:
        """Shares, 1 where nothing was asked."""
        return {name: ratio(self.alike[name], asked) if asked else 1.0 for name, asked in self.asked.items()}

    def _count(self, name: str, alike: np.ndarray) -> None:
        self._add(name, int(alike.sum()), alike.size)

    def _add(self, name: str, alike: int, asked: int) -> None:
        self.alike[name] = self.alike.get(name, 0) + alike
        self.asked[name] = self.asked.get(name, 0) + asked


def compare_multi_sense(
    first: MultiSenseSubject,
    second: MultiSenseSubject,
    reader: NuScenesReader,
    frames: int,
    tolerances: Tolerances,
    cameras: Sequence[int] = (),
    threshold: float = 0.5,
    warm_up: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare two subjects head by head, decision by decision, by their scores and in time.

    Both get the same decoded images, clouds and poses, keyframe after keyframe, and remember for themselves.
    Latency is from those to all answers, in turns.

    Args:
        first: that the other is measured against.
        second: the other.
        reader: the data set.
        frames: keyframes, the first ones, since memory wants them consecutive.
        tolerances: only noted here, see `failures`.
        cameras: numbers of cameras to try; empty for all.
        threshold: noted in the report; layers are decided at one half.
        warm_up: runs before the first that is timed.
        progress: told of keyframes done and all.

    Returns:
        The report, ready for JSON.

    Raises:
        DeployError: the two have no sense or no head in common, or other grids.
    """
    ours, theirs = first.engine.config, second.engine.config
    if ours.model.grid != theirs.model.grid:
        raise DeployError(f"{first.name} and {second.name} predict different grids: nothing can be compared")
    senses = tuple(name for name in ours.senses if name in theirs.senses)
    heads = tuple(name for name in ours.heads if name in theirs.heads)
    if not {"cameras", "lidar"} & set(senses) or not heads:
        raise DeployError(
            f"{first.name} and {second.name} share neither cameras nor LiDAR, or no head: nothing can be "
            f"compared"
        )
    machine = describe_machine()
    total = min(frames, sum(reader.count_keyframes(name) for name in reader.scenes))
    sizes = []
    counts = list(dict.fromkeys(cameras)) or [0]
    for index, count in enumerate(counts):
        told = part_of(progress, index, len(counts))
        sizes.append(_compare_size(first, second, reader, total, (senses, heads), count, warm_up, told))
    return {
        "version": __version__,
        "subjects": [{"name": s.name, "detail": s.detail, "precision": s.precision} for s in (first, second)],
        "data": {
            "source": f"the first {total} keyframes of {reader.dataroot.name}",
            "frames": total,
            "annotated": bool(sizes[0]["scores"]),
        },
        "senses": senses,
        "threshold": threshold,
        "tolerances": asdict(tolerances),
        "machine": machine,
        "sizes": sizes,
    }


def _compare_size(
    first: MultiSenseSubject,
    second: MultiSenseSubject,
    reader: NuScenesReader,
    total: int,
    chosen: tuple[Sequence[str], Sequence[str]],
    count: int,
    warm_up: int,
    progress: Progress,
) -> dict[str, Any]:
    senses, heads = chosen
    subjects = (first, second)
    wanted = [*(name for name, head in ANSWERS.items() if head in heads), TEMPLATES]
    grid = voxel_grid(first.engine)
    scores = [AnswersScore(grid) for _ in subjects]
    differences: dict[str, Difference] = {}
    agreements, turns = Agreements(), Turns(2, warm_up)
    seen = 0
    for subject in subjects:
        subject.engine.memory.forget("another comparison")
    for done, pair in enumerate(known_frames(reader, grid, reader.scenes, total), 1):
        if not isinstance(pair, str):
            moment = _fewer(moment_of(pair[0]), count)
            if moment.cameras is not None:
                seen = max(seen, len(moment.cameras.images))
            ask = [partial(_ask, subject, moment, wanted, senses) for subject in subjects]
            (one, ours), (other, theirs) = turns.round(ask)
            for name in (*heads, "remembered"):
                if ours.get(name) is not None and theirs.get(name) is not None:
                    differences.setdefault(name, Difference()).update(ours[name], theirs[name])
            agreements.update(one, other)
            for score, answers in zip(scores, (one, other), strict=True):
                score.update(frame_answers(answers, grid), pair[1])
        progress(done, total)
    if not differences:
        raise DeployError(f"{reader.dataroot}: no keyframe can be read, so nothing was compared")
    found = [score.running for score in scores]
    config = first.engine.config.model
    return {
        "cameras": seen,
        "image": [config.image_height, config.image_width],
        "tensors": {name: difference.report() for name, difference in differences.items()},
        "alike": agreements.report(),
        "scores": [
            {name: each[name] if each[name] == each[name] else None for name in TOLD if name in each}
            for each in found
        ]
        if any(found)
        else [],
        "headline": [name for name in HEADLINE if name in found[0]],
        "latency_ms": [latency_report(times) for times in turns.milliseconds],
    }


def _ask(
    subject: MultiSenseSubject, moment: Moment, wanted: Sequence[str], senses: Sequence[str]
) -> tuple[Answers, dict[str, np.ndarray]]:
    """Answers, and what the heads gave, on the host."""
    answers = subject.engine.answer(moment, wanted, senses)
    raw = {name: value.float().cpu().numpy() for name, value in subject.engine.raw.items()}
    return answers, {name: value[0] if name == "remembered" else value for name, value in raw.items()}


def _fewer(moment: Moment, count: int) -> Moment:
    """A moment of the first few cameras; of all where `count` is 0."""
    if not count or moment.cameras is None:
        return moment
    return replace(moment, cameras=fewer(moment.cameras, count))


def _found(one: Answers, other: Answers) -> np.ndarray:
    """For each thing of one that is sure enough whether the other has it."""
    assert one.boxes is not None
    assert other.boxes is not None
    sure = one.boxes.scores >= SURE
    centers, kinds = one.boxes.centers[sure, :2], one.boxes.classes[sure]
    apart = np.linalg.norm(centers[:, None] - other.boxes.centers[None, :, :2], axis=-1)
    same = (apart <= NEAR) & (kinds[:, None] == other.boxes.classes[None])
    there: np.ndarray = same.any(1) if same.size else np.zeros(len(kinds), bool)
    return there
