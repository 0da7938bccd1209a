"""What a quantised network loses on frames: logits, and IoU where there are annotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evaluation.metrics import AnnotationScore
from ...geometry import BevGrid
from ...runtime import Prediction
from ...runtime.onnx.session import OnnxSession
from .network import LabelledInput


def run_frames(session: OnnxSession, frames: Sequence[LabelledInput]) -> np.ndarray:
    """(frames, nx, ny) float32 vehicle logits."""
    return np.stack([session.run(frame.of(session))["logits"][0, 0] for frame in frames])


def intersection_over_union(logits: np.ndarray, frames: Sequence[LabelledInput], grid: BevGrid) -> float:
    """IoU over all frames, as `lss-bev evaluate` counts it; NaN without annotations."""
    score = AnnotationScore(grid)
    for prediction, frame in zip(logits, frames, strict=True):
        if frame.truth is None:
            return float("nan")
        score.update(Prediction(0, grid, prediction, frame.visible).occupancy, frame.truth)
    return float(score.running["iou"])


def relative_error(logits: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square of the difference over the standard deviation of the reference."""
    return float(np.sqrt(np.mean((logits - reference) ** 2)) / max(float(reference.std()), 1e-12))
