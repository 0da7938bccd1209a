"""Whether probabilities mean what they say: reliability diagram and expected calibration error."""

from __future__ import annotations

import numpy as np

from ..errors import EvaluationError
from .metrics import ratio

LEVELS = 101
"""Occupancy comes in whole percents."""


class ReliabilityDiagram:
    """Counts cells by predicted percentage and truth; every threshold's score follows from the counts.

    Cells that are unknown (-1) make no statement: they count against recall, and not for calibration.
    """

    def __init__(self) -> None:
        self._seen = np.zeros((2, LEVELS), np.int64)
        self._unseen = np.zeros(2, np.int64)

    def update(self, occupancy: np.ndarray, truth: np.ndarray) -> None:
        """Count one frame: occupancy -1 to 100 and bool truth of the same shape."""
        if occupancy.shape != truth.shape:
            raise EvaluationError(f"occupancy has shape {occupancy.shape}, but truth has {truth.shape}")
        truth = truth.astype(bool)
        known = occupancy >= 0
        code = truth[known] * LEVELS + np.minimum(occupancy[known].astype(np.int64), LEVELS - 1)
        self._seen += np.bincount(code, minlength=2 * LEVELS).reshape(2, LEVELS)
        self._unseen += np.bincount(truth[~known].astype(np.int64), minlength=2)

    def error(self, bins: int = 20) -> float:
        """Expected calibration error (Naeini et al., AAAI 2015), bins of equal width, NaN without cells."""
        return ratio(
            sum(abs(b["observed"] - b["predicted"]) * b["cells"] for b in self.diagram(bins)),
            self._seen.sum(),
        )

    def diagram(self, bins: int = 20) -> list[dict[str, float]]:
        """The reliability diagram: bounds, mean prediction and vehicle share of each bin that has cells."""
        # An occupancy of p percent was rounded down from a probability in [p, p + 1) percent.
        middle = np.minimum((np.arange(LEVELS) + 0.5) / 100, 1.0)
        level = np.minimum((np.arange(LEVELS) * bins) // 100, bins - 1)
        cells = self._seen.sum(0)
        rows = []
        for k in range(bins):
            mine = level == k
            count = int(cells[mine].sum())
            if count:
                rows.append(
                    {
                        "low": k / bins,
                        "high": (k + 1) / bins,
                        "cells": count,
                        "predicted": float((middle * cells)[mine].sum() / count),
                        "observed": float(self._seen[1, mine].sum() / count),
                    }
                )
        return rows

    def curve(self) -> list[dict[str, float]]:
        """Precision, recall and IoU at every threshold from 1 to 100 percent."""
        above = self._seen[:, ::-1].cumsum(1)[:, ::-1]
        vehicles = self._seen[1].sum() + self._unseen[1]
        return [
            {
                "threshold": percent / 100,
                "precision": ratio(above[1, percent], above[:, percent].sum()),
                "recall": ratio(above[1, percent], vehicles),
                "iou": ratio(above[1, percent], above[0, percent] + vehicles),
            }
            for percent in range(1, LEVELS)
        ]

    def best(self) -> dict[str, float]:
        """The entry of `curve` with the largest IoU; NaN throughout where there is none."""
        rows = [row for row in self.curve() if not np.isnan(row["iou"])]
        nothing = dict.fromkeys(("threshold", "precision", "recall", "iou"), float("nan"))
        return max(rows, key=lambda row: row["iou"], default=nothing)

    def average_precision(self) -> float:
        """Area under the precision-recall curve, by the trapezoidal rule over recall from 0."""
        rows = [row for row in self.curve() if not np.isnan(row["precision"])]
        if not rows:
            return float("nan")
        recall = np.array([0.0] + [row["recall"] for row in rows[::-1]])
        precision = np.array([rows[-1]["precision"]] + [row["precision"] for row in rows[::-1]])
        return float(((recall[1:] - recall[:-1]) * (precision[1:] + precision[:-1]) / 2).sum())
