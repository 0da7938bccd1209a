"""Scores of an occupancy grid against annotated vehicles.

A cell is predicted where its occupancy reaches the threshold. Unknown cells (-1) count as not predicted,
so a lost camera lowers the recall instead of shrinking the question.

| name | meaning |
|---|---|
| iou | cells both predicted and annotated / cells predicted or annotated |
| precision, recall, f1, accuracy | as usual; recall is also called the true positive rate |
| predicted_positive_rate | predicted cells / all cells |
| actual_positive_rate | annotated cells / all cells |
| false_positive_rate | wrongly predicted cells / cells without annotation |
| near_iou | IoU in which cells near the car weigh more (3 within 20 m, else 1) |
| iou_0_10 ... iou_30_50 | IoU of the cells whose centre is that far from base_link, metres |
| coverage | cells that are not unknown / all cells |

A ratio whose denominator is 0, such as the IoU of two empty grids, is NaN and becomes null in JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid

DISTANCE_EDGES = (0.0, 10.0, 20.0, 30.0, 50.0)
"""Edges of the distance bins, metres from base_link."""


def ratio(numerator: float, denominator: float) -> float:
    """Divide, NaN where the denominator is 0."""
    return float(numerator) / float(denominator) if denominator else math.nan


OWN = 0.0
"""The threshold that stands for `own_percent` of each prediction."""

POSITIVE_WEIGHT = 2.13
"""What a vehicle's cell counts for in the loss of Lift-Splat-Shoot's networks (published code of Philion and
Fidler, "Lift, Splat, Shoot", 2020): a probability p comes out as w p / (1 + (w - 1) p)."""


def predicted_cells(occupancy: np.ndarray, threshold: float) -> np.ndarray:
    """Which cells of occupancy (-1 unknown, 0 to 100 percent) reach the threshold: bool.

    Args:
        occupancy: any shape.
        threshold: 0 to 1; `OWN` for the prediction's own, see `own_percent`.
    """
    if threshold == OWN:
        return occupancy >= own_percent(occupancy)
    # Rounding first: 100 * 0.55 is slightly above 55.
    return occupancy >= math.ceil(round(100.0 * threshold, 6))


def own_percent(occupancy: np.ndarray, weight: float = POSITIVE_WEIGHT) -> int:
    """The threshold, in percent, at which a prediction by its own probabilities expects the highest IoU.

    If they are right, cells from a threshold on hit the sum of their probabilities, and miss the sum of the
    others'. The less sure a network is of where things are, the lower is the best threshold: half of the best
    F1 (Lipton et al., "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014, theorem 1).

    Args:
        occupancy: any shape, -1 unknown, 0 to 100.
        weight: of positive cells in the loss that the network was trained with.

    Returns:
        1 to 100.
    """
    counts = np.bincount(occupancy[occupancy > 0].astype(np.int64), minlength=101)[1:101]
    said = np.arange(1, 101) / 100
    mass = counts * said / (weight - (weight - 1) * said)
    hit, cells = (np.cumsum(part[::-1])[::-1] for part in (mass, counts))
    expected = hit / np.maximum(cells + mass.sum() - hit, 1e-9)
    return 1 + int(expected.argmax()) if expected.any() else 100


class AnnotationScore:
    """Counts cells frame by frame and turns the counts into metrics.

    All frames are kept as one small table of counts, so that running metrics are those of the union of all
    frames' cells (as in the LSS paper), not the mean of per-frame metrics.
    """

    def __init__(
        self,
        grid: BevGrid,
        threshold: float = 0.5,
        near_radius: float = 20.0,
        near_weight: float = 3.0,
        edges: Sequence[float] = DISTANCE_EDGES,
    ) -> None:
        """Prepare for a grid.

        Args:
            grid: cells of occupancy and truth.
            threshold: probability from which a cell is predicted, to 1; `OWN` for each frame's own.
            near_radius: metres within which cells weigh `near_weight` in near_iou.
            near_weight: at least 0.
            edges: ascending edges of the distance bins, metres.
        """
        check_threshold(threshold)
        if not near_radius > 0 or not near_weight >= 0 or not math.isfinite(near_radius + near_weight):
            raise EvaluationError(
                f"near_radius {near_radius} must be above 0 and near_weight {near_weight} not negative"
            )
        edges = tuple(float(edge) for edge in edges)
        if len(edges) < 2 or edges[0] < 0 or any(a >= b for a, b in pairwise(edges)):
            raise EvaluationError(f"edges {edges} of distance bins must ascend from 0 or more")
        self.grid = grid
        self.threshold = threshold
        self.near_radius = near_radius
        self.near_weight = near_weight
        self.edges = edges
        # Rings between neighbouring radii of interest: every metric is a sum over some of them.
        self._radii = np.array(sorted({0.0, near_radius, *edges}))
        distance = np.linalg.norm(grid.centers(), axis=-1)
        self._ring = (np.searchsorted(self._radii, distance, side="right") - 1).astype(np.int64)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        shape = (len(self._radii), 2, 2)
        self._last = np.zeros(shape, dtype=np.int64)
        self._sum = np.zeros(shape, dtype=np.int64)
        self._seen_last = self._seen_sum = 0
        self.frames = 0

    def merge(self, later: AnnotationScore) -> None:
        """Count the frames of a score of the same settings too, as if they came after these."""
        if later.frames:
            self._last, self._seen_last = later._last, later._seen_last
            self._sum = self._sum + later._sum
            self._seen_sum += later._seen_sum
            self.frames += later.frames

    def update(
        self, occupancy: np.ndarray, truth: np.ndarray, known: np.ndarray | None = None
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
            truth: (nx, ny) bool, annotated vehicles.
            known: (nx, ny) bool, where the truth is known; everywhere where not given.

        Returns:
            The frame's metrics by name.
        """
        check_shape("occupancy", occupancy, self.grid)
        check_shape("truth", truth, self.grid)
        code = 4 * self._ring + 2 * predicted_cells(occupancy, self.threshold) + truth.astype(bool)
        seen = occupancy >= 0
        if known is not None:
            check_shape("known", known, self.grid)
            code, seen = code[known.astype(bool)], seen & known.astype(bool)
        self._last = np.bincount(code.ravel(), minlength=self._last.size).reshape(self._last.shape)
        self._seen_last = int(np.count_nonzero(seen))
        self._sum = self._sum + self._last
        self._seen_sum += self._seen_last
        self.frames += 1
        return self.last

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame by name."""
        return self._metrics(self._last, self._seen_last)

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames since the start by name."""
        return self._metrics(self._sum, self._seen_sum)

    def _metrics(self, counts: np.ndarray, seen: int) -> dict[str, float]:
        (tn, fn), (fp, tp) = counts.sum(axis=0).tolist()
        everything = tn + fn + fp + tp
        metrics = {
            "iou": ratio(tp, tp + fp + fn),
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            "accuracy": ratio(tp + tn, everything),
            "predicted_positive_rate": ratio(tp + fp, everything),
            "actual_positive_rate": ratio(tp + fn, everything),
            "false_positive_rate": ratio(fp, fp + tn),
            "near_iou": _iou(counts, np.where(self._radii < self.near_radius, self.near_weight, 1.0)),
        }
        for low, high in pairwise(self.edges):
            in_bin = (self._radii >= low) & (self._radii < high)
            metrics[f"iou_{low:g}_{high:g}"] = _iou(counts, in_bin.astype(np.float64))
        metrics["coverage"] = ratio(seen, everything)
        return metrics


def _iou(counts: np.ndarray, weights: np.ndarray) -> float:
    """IoU of counts (rings, predicted, true) with a weight per ring."""
    weighted = np.tensordot(weights, counts, axes=1)
    return ratio(weighted[1, 1], weighted[1, 1] + weighted[1, 0] + weighted[0, 1])


def check_threshold(threshold: float) -> None:
    """Raise EvaluationError where a decision threshold is no probability."""
    if not OWN <= threshold <= 1.0:
        raise EvaluationError(f"threshold {threshold} must be 0 to 1; 0 means each frame's own")


def check_shape(name: str, array: np.ndarray, grid: BevGrid) -> None:
    """Raise EvaluationError where an array is not over the grid."""
    if array.shape != grid.shape:
        raise EvaluationError(
            f"{name} has shape {array.shape} but the grid has {grid.shape}; score both over the same grid"
        )
