"""Scores of lines: as polylines in metres, and as the cells that they pass through.

`LaneScore` compares by length, so that how a line is cut into pieces does not matter. Precision is the
share of the predicted length that lies within a distance of some true line, recall the share of the true
length within it of some predicted one (Knapitsch et al., "Tanks and Temples", 2017, section 3.2, for
lines). The Chamfer distance is the mean of both directions' mean distances; where one line is far from all
others, or alone, `cut` metres count, so that a line that nobody predicted is an error, and not a division
by nothing.

`ap` is that of MapTR (Liao et al., ICLR 2023, section 4.1), where pieces do matter: a predicted line takes
the true one nearest by Chamfer distance, both as `_PLACES` points, and is false where that is too far or
another with a higher score had it: it does not take the second nearest.

`BoundaryScore` says what IoU within one cell is. A predicted cell is right where a true one is at most that
far (in x and in y), a true cell is found where a predicted one is. From this precision P and recall R, and
as for sets without tolerance F1 = 2PR / (P + R) and IoU = F1 / (2 - F1). With no tolerance it is the IoU of
every other layer.

| name | meaning |
|---|---|
| chamfer | metres, mean of the next two |
| accuracy, completeness | metres from predicted to true lines, and from true to predicted ones |
| precision_0.5, recall_0.5, f1_0.5 ... 1.5 | by length within so many metres |
| f1 | mean of the three |
| ap, ap_0.5, ap_1, ap_1.5 | MapTR's average precision, and its mean over the three |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid
from .counting import FrameCounts
from .metrics import check_shape, check_threshold, predicted_cells, ratio

if TYPE_CHECKING:
    from typing_extensions import Self  # of `typing` from Python 3.11 on

LIMITS = (0.5, 1.0, 1.5)
"""Metres within which a line is right."""

_PLACES = 100
_AT_ONCE = 1 << 20
"""Distances between points and pieces that are worked out at once: 8 MB an array."""


class LaneScore(FrameCounts):
    """Compares predicted with true polylines frame by frame."""

    def __init__(
        self,
        grid: BevGrid | None = None,
        step: float = 0.25,
        cut: float = 5.0,
        limits: Sequence[float] = LIMITS,
    ) -> None:
        """Prepare.

        Args:
            grid: what of a line lies outside does not count; all counts where it is None.
            step: metres of line that each place compared stands for, at most.
            cut: metres that a distance counts at most.
            limits: ascending, metres within which a line is right, at most `cut`.
        """
        if not step > 0 or not cut > 0 or not all(0 < limit <= cut for limit in limits):
            raise EvaluationError(
                f"step {step}, cut {cut} and limits {limits} must be above 0, limits at most cut"
            )
        self.grid, self.step, self.cut = grid, step, cut
        self.limits = tuple(float(limit) for limit in limits)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        super().reset()
        self._ranked: list[tuple[np.ndarray, np.ndarray]] = []
        self._lines = 0

    def merge(self, later: Self) -> None:
        """See `FrameCounts.merge`."""
        super().merge(later)
        self._ranked += later._ranked
        self._lines += later._lines

    def update(
        self,
        predicted: Sequence[np.ndarray],
        truth: Sequence[np.ndarray],
        scores: Sequence[float] | np.ndarray | None = None,
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            predicted: (N, 2 or more) points each, x and y in metres, base_link; two or more a line.
            truth: the same.
            scores: of `predicted`, for `ap`, which is not measured where they are missing.

        Returns:
            The frame's metrics by name, without `ap`.
        """
        ours, true = ([_line(line) for line in lines] for lines in (predicted, truth))
        counts = self._nothing()
        for row, (these, those) in enumerate(((ours, true), (true, ours))):
            places, lengths = self._sampled(these)
            away = np.minimum(distance_to_lines(places, those), self.cut)
            counts[row] = [
                lengths.sum(),
                (lengths * away).sum(),
                *((lengths * (away <= limit)).sum() for limit in self.limits),
            ]
        if scores is not None:
            if len(scores) != len(ours):
                raise EvaluationError(f"{len(scores)} scores for {len(ours)} lines: give one a line")
            self._ranked.append((np.asarray(scores, np.float64), _found(ours, true, scores, self.limits)))
            self._lines += len(true)
        return self._count(counts)

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name."""
        metrics = super().running
        if self._ranked:
            scores = np.concatenate([scores for scores, _ in self._ranked])
            found = np.concatenate([found for _, found in self._ranked])[np.argsort(-scores, kind="stable")]
            aps = [_average_precision(found[:, k], self._lines) for k in range(len(self.limits))]
            metrics["ap"] = float(np.mean(aps))
            metrics |= {f"ap_{limit:g}": ap for limit, ap in zip(self.limits, aps, strict=True)}
        return metrics

    def _nothing(self) -> np.ndarray:
        """Of predicted and true lines: length, length times distance, and length within each limit."""
        return np.zeros((2, 2 + len(self.limits)))

    def _sampled(self, lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(N, 2) places in the middle of equal pieces of lines, and their lengths (N,)."""
        places, lengths = [np.zeros((0, 2))], [np.zeros(0)]
        for line in lines:
            for start, end in pairwise(line):
                length = float(np.linalg.norm(end - start))
                pieces = max(1, math.ceil(length / self.step))
                share = (np.arange(pieces) + 0.5) / pieces
                places.append(start + share[:, None] * (end - start))
                lengths.append(np.full(pieces, length / pieces))
        place, pieces_of = np.concatenate(places), np.concatenate(lengths)
        if self.grid is not None:
            inside = self.grid.cells(place)[1]
            place, pieces_of = place[inside], pieces_of[inside]
        return place, pieces_of

    def _metrics(self, counts: np.ndarray) -> dict[str, float]:
        (ours, away, *right), (true, apart, *found) = counts.tolist()
        accuracy, completeness = ratio(away, ours), ratio(apart, true)
        sides = [side for side in (accuracy, completeness) if not math.isnan(side)]
        metrics = {
            "chamfer": ratio(sum(sides), len(sides)),
            "accuracy": accuracy,
            "completeness": completeness,
        }
        f1s = []
        for limit, good, met in zip(self.limits, right, found, strict=True):
            precision, recall = ratio(good, ours), ratio(met, true)
            f1s.append(_f1(precision, recall))
            metrics |= {
                f"precision_{limit:g}": precision,
                f"recall_{limit:g}": recall,
                f"f1_{limit:g}": f1s[-1],
            }
        return {**metrics, "f1": float(np.mean(f1s))}


class BoundaryScore(FrameCounts):
    """Compares the cells that predicted and true lines pass through, a little to the side or not.

    Its metrics are iou, precision, recall and f1.
    """

    def __init__(self, grid: BevGrid, threshold: float = 0.5, tolerance: int = 1) -> None:
        """Prepare.

        Args:
            grid: cells of occupancy and truth.
            threshold: probability from which a cell is predicted, to 1; `metrics.OWN` for each frame's own.
            tolerance: cells to the side that are still right.
        """
        check_threshold(threshold)
        if tolerance < 0:
            raise EvaluationError(f"tolerance {tolerance} must be 0 cells or more")
        self.grid, self.threshold, self.tolerance = grid, threshold, tolerance
        self._around = np.ones((2 * tolerance + 1, 2 * tolerance + 1), np.uint8)
        self.reset()

    def update(
        self, occupancy: np.ndarray, truth: np.ndarray, known: np.ndarray | None = None
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
            truth: (nx, ny) bool, cells that a line passes through.
            known: (nx, ny) bool, where the truth is known; everywhere where not given.

        Returns:
            The frame's metrics by name.
        """
        check_shape("occupancy", occupancy, self.grid)
        check_shape("truth", truth, self.grid)
        predicted, true = predicted_cells(occupancy, self.threshold), truth.astype(bool)
        right, found = predicted & self._near(true), true & self._near(predicted)
        layers = [predicted, right, true, found]
        if known is not None:
            check_shape("known", known, self.grid)
            layers = [layer & known.astype(bool) for layer in layers]
        return self._count(np.array([np.count_nonzero(layer) for layer in layers], np.int64))

    def _nothing(self) -> np.ndarray:
        return np.zeros(4, np.int64)

    def _near(self, cells: np.ndarray) -> np.ndarray:
        return cv2.dilate(cells.astype(np.uint8), self._around).astype(bool)

    def _metrics(self, counts: np.ndarray) -> dict[str, float]:
        predicted, right, true, found = counts.tolist()
        precision, recall = ratio(right, predicted), ratio(found, true)
        f1 = _f1(precision, recall)
        return {"iou": f1 / (2.0 - f1), "precision": precision, "recall": recall, "f1": f1}


def distance_to_lines(points: np.ndarray, lines: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) metres from points (N, 2) to the nearest place of any polyline (M, 2); infinite without one."""
    away = np.full(len(points), np.inf)
    if not lines or not len(points):
        return away
    starts = np.concatenate([line[:-1] for line in lines])
    sides = np.concatenate([np.diff(line, axis=0) for line in lines])
    squares = np.maximum((sides**2).sum(1), 1e-12)
    rows = max(1, _AT_ONCE // len(starts))
    for k in range(0, len(points), rows):
        offset = points[k : k + rows, None] - starts
        share = np.clip((offset * sides).sum(-1) / squares, 0.0, 1.0)
        away[k : k + rows] = np.sqrt(((offset - share[..., None] * sides) ** 2).sum(-1).min(1))
    return away


def _line(points: np.ndarray) -> np.ndarray:
    """(N, 2) float64 of a line's points; EvaluationError where they are none."""
    line = np.asarray(points, np.float64)
    if line.ndim != 2 or len(line) < 2 or line.shape[1] < 2 or not np.isfinite(line).all():
        raise EvaluationError(f"a line of shape {line.shape} must be finite and (2 or more, 2): x and y")
    return line[:, :2]


def _f1(precision: float, recall: float) -> float:
    """NaN where there was neither anything to find nor anything found, 0 where one of both is missing."""
    if math.isnan(precision) and math.isnan(recall):
        return math.nan
    if math.isnan(precision) or math.isnan(recall) or not precision + recall:
        return 0.0
    return 2.0 * precision * recall / (precision + recall)


def _resampled(line: np.ndarray) -> np.ndarray:
    """(`_PLACES`, 2) points at equal distances along a line."""
    reach = np.concatenate([[0.0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    places = np.linspace(0.0, reach[-1], _PLACES)
    return np.stack([np.interp(places, reach, line[:, k]) for k in (0, 1)], 1)


def _found(
    predicted: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    scores: Sequence[float] | np.ndarray,
    limits: Sequence[float],
) -> np.ndarray:
    """(P, L) bool: whether a predicted line is the first for its nearest true one, within each limit."""
    found = np.zeros((len(predicted), len(limits)), bool)
    if not len(predicted) or not len(truth):
        return found
    ours, true = ([_resampled(line) for line in lines] for lines in (predicted, truth))
    apart = np.array([[_chamfer(one, other) for other in true] for one in ours])
    nearest = apart.argmin(1)
    for k, limit in enumerate(limits):
        taken: set[int] = set()
        for i in np.argsort(-np.asarray(scores, np.float64), kind="stable").tolist():
            j = int(nearest[i])
            if apart[i, j] <= limit and j not in taken:
                taken.add(j)
                found[i, k] = True
    return found


def _chamfer(one: np.ndarray, other: np.ndarray) -> float:
    apart = np.sqrt(((one[:, None] - other) ** 2).sum(-1))
    return float(apart.min(0).mean() + apart.min(1).mean()) / 2.0


def _average_precision(found: np.ndarray, lines: int) -> float:
    """Area below precision over recall, precision as the largest at that recall or above."""
    if not lines:
        return math.nan
    right = np.cumsum(found)
    precision = right / np.arange(1, len(found) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(precision[found].sum() / lines)
