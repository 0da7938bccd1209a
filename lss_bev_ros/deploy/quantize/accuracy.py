"""What a quantised network loses on frames: its outputs, and its scores where there are annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...evaluation.answers import HEADLINE, AnswersScore
from ...evaluation.metrics import AnnotationScore
from ...geometry import BevGrid
from ...runtime import Prediction
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.session import OnnxSession
from .network import LabelledInput

Outputs = Sequence[Mapping[str, np.ndarray]]
"""Answers of a network, by name, a frame each."""

IOU = "iou"
"""The one score of the published network."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a network did on some frames.

    Attributes:
        outputs: what it answered.
        scores: metrics of which more is better, as far as there are annotations.
    """

    outputs: Outputs
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def iou(self) -> float:
        """Of vehicles; NaN without annotations."""
        return self.scores.get(IOU, self.scores.get("layers.iou_vehicle", float("nan")))

    def error(self, reference: Outcome) -> float:
        """`relative_error` of that output which is farthest off."""
        return max(
            relative_error(
                np.stack([frame[name] for frame in self.outputs]),
                np.stack([frame[name] for frame in reference.outputs]),
            )
            for name in self.outputs[0]
        )

    def loss(self, reference: Outcome) -> float:
        """The largest loss of any score; without annotations the outputs' error."""
        losses = [value - self.scores.get(name, 0.0) for name, value in reference.scores.items()]
        return max(losses) if losses else self.error(reference)


def run_frames(session: OnnxSession, frames: Sequence[LabelledInput]) -> Outcome:
    """What a network answers, without scores."""
    return Outcome([_answers(session.run(frame.of(session))) for frame in frames])


def judged(session: OnnxSession, description: OnnxDescription, frames: Sequence[LabelledInput]) -> Outcome:
    """What a network answers, and how that scores, as `lss-bev evaluate` counts it."""
    if description.senses is not None:
        return _judged_moments(session, description, frames)
    outcome = run_frames(session, frames)
    iou = intersection_over_union(outcome.outputs, frames, description.config.grid)
    return Outcome(outcome.outputs, {} if np.isnan(iou) else {IOU: iou})


def intersection_over_union(outputs: Outputs, frames: Sequence[LabelledInput], grid: BevGrid) -> float:
    """IoU over all frames, as `lss-bev evaluate` counts it; NaN without annotations."""
    score = AnnotationScore(grid)
    for answers, frame in zip(outputs, frames, strict=True):
        if frame.truth is None:
            return float("nan")
        prediction = Prediction(0, grid, answers["logits"][0, 0], frame.visible)
        score.update(prediction.occupancy, frame.truth)
    return float(score.running["iou"])


def relative_error(found: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square of the difference over the standard deviation of the reference."""
    reference = reference.astype(np.float32)
    return float(np.sqrt(np.mean((found - reference) ** 2)) / max(float(reference.std()), 1e-12))


def _judged_moments(
    session: OnnxSession, description: OnnxDescription, frames: Sequence[LabelledInput]
) -> Outcome:
    """The same of a multi-sense network, which remembers what it told itself."""
    from ...evaluation.multi_sense import frame_answers, voxel_grid
    from ...runtime.multi_sense.answers import ANSWERS
    from ...runtime.onnx.multi_sense_engine import OnnxMultiSenseEngine

    outputs = []
    with OnnxMultiSenseEngine(session, description) as engine:
        grid = voxel_grid(engine)
        score = AnswersScore(grid)
        for frame in frames:
            assert frame.moment is not None, "labelled for this network"
            assert frame.known is not None, "labelled for this network"
            answers = engine.answer(frame.moment, ANSWERS)
            outputs.append(_answers({name: each.numpy()[None] for name, each in engine.raw.items()}))
            score.update(frame_answers(answers, grid), frame.known)
    known = {name: value for name, value in score.running.items() if not np.isnan(value)}
    return Outcome(outputs, {name: known[name] for name in HEADLINE if name in known})


def _answers(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers among a file's outputs; of a multi-sense network, which has many, in half precision."""
    if "logits" in outputs:
        return {"logits": outputs["logits"]}
    return {name: array.astype(np.float16) for name, array in outputs.items() if name != "remembered"}
