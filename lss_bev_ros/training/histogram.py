"""Logits of vehicle and other cells, counted, from which every score of a run follows."""

from __future__ import annotations

import numpy as np
import torch

from ..geometry import BevGrid

LIMIT = 12.0
BINS = 480
NEAR = 20.0
"""Metres."""
ECE_BINS = 20

CENTERS = (np.arange(BINS) + 0.5) * (2 * LIMIT / BINS) - LIMIT
"""Logit in the middle of each bin; the edge between the two halves is exactly 0."""


class LogitHistogram:
    """Counts of cells by distance (near, far), truth and logit.

    Args:
        grid: of the predictions.
        device: where they are counted.
    """

    def __init__(self, grid: BevGrid, device: torch.device | str = "cpu"):
        near = np.linalg.norm(grid.centers(), axis=-1) < NEAR
        self._ring = torch.from_numpy(np.where(near, 0, 1)).to(device)
        self.counts = torch.zeros(2, 2, BINS, dtype=torch.int64, device=device)

    def add(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Count a batch: (B, nx, ny) logits and bool target."""
        level = torch.floor((logits.float() + LIMIT) * (BINS / (2 * LIMIT))).long().clamp(0, BINS - 1)
        code = (self._ring * 2 + target.long()) * BINS + level
        self.counts += torch.bincount(code.flatten(), minlength=4 * BINS).view(2, 2, BINS)


def expected_calibration_error(
    total: np.ndarray, logits: np.ndarray = CENTERS, bins: int = ECE_BINS
) -> float:
    """Expected calibration error (Naeini et al. 2015) of counts (2, BINS) by truth and logit."""
    probability = 1 / (1 + np.exp(-logits))
    level = np.minimum((probability * bins).astype(int), bins - 1)
    hits = np.bincount(level, total[1], bins)
    said = np.bincount(level, total.sum(0) * probability, bins)
    return float(np.abs(hits - said).sum() / max(total.sum(), 1))


def scores(counts: np.ndarray) -> dict[str, float]:
    """IoU at one half and at the best threshold, near IoU, expected calibration error and cross entropy.

    Args:
        counts: (2, 2, BINS) of `LogitHistogram.counts`.
    """
    counts = counts.astype(np.float64)
    total = counts.sum(0)
    half = BINS // 2

    def iou(part: np.ndarray) -> np.ndarray:
        above = part[:, ::-1].cumsum(1)[:, ::-1]
        return above[1] / np.maximum(above[0] + part[1].sum(), 1)

    best = int(np.argmax(iou(total)))
    predicted = total[:, half:].sum(1)
    entropy = total[1] @ np.log1p(np.exp(-CENTERS)) + total[0] @ np.log1p(np.exp(CENTERS))
    return {
        "iou": float(iou(total)[half]),
        "near_iou": float(iou(counts[0])[half]),
        "precision": float(predicted[1] / max(predicted.sum(), 1)),
        "recall": float(predicted[1] / max(total[1].sum(), 1)),
        "best_iou": float(iou(total)[best]),
        "best_threshold": float(1 / (1 + np.exp(-(best * 2 * LIMIT / BINS - LIMIT)))),
        "ece": expected_calibration_error(total),
        "nll": float(entropy / max(total.sum(), 1)),
    }
