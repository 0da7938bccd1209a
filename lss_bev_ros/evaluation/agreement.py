"""Scores of an occupancy grid against LiDAR, which need no annotations.

| name | meaning |
|---|---|
| lidar_support | predicted cells within one cell of a LiDAR-occupied one / predicted cells |
| lidar_contradiction | predicted cells that LiDAR observed free and does not support / predicted cells |
| lidar_recall | LiDAR-occupied cells inside annotated vehicles that are predicted / all such cells |
| lidar_observed | cells that LiDAR knows, occupied or free / all cells |

A scan that tells of no cell that it is free has no part in the contradiction.

Support and contradiction add up to at most 1; the rest of the predicted cells is out of LiDAR's sight.
LiDAR sees walls and trees too, so support is not precision: it says that something stands there.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry import BevGrid
from .counting import FrameCounts
from .lidar import LidarGrid
from .metrics import check_shape, check_threshold, predicted_cells, ratio


class LidarScore(FrameCounts):
    """Counts cells frame by frame; running scores are those of all frames' cells together."""

    def __init__(self, grid: BevGrid, threshold: float = 0.5) -> None:
        check_threshold(threshold)
        self.grid = grid
        self.threshold = threshold
        self.reset()

    def update(
        self, occupancy: np.ndarray, lidar: LidarGrid, truth: np.ndarray | None = None
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
            lidar: what the scan of the same instant says.
            truth: (nx, ny) bool, annotated vehicles; None where there are no annotations.

        Returns:
            The frame's scores by name.
        """
        for name, array in (("occupancy", occupancy), ("lidar", lidar.occupied), ("truth", truth)):
            if array is not None:
                check_shape(name, array, self.grid)
        predicted = predicted_cells(occupancy, self.threshold)
        near = cv2.dilate(lidar.occupied.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        in_vehicle = lidar.occupied & truth if truth is not None else np.zeros_like(lidar.occupied)
        counts = [
            predicted,
            predicted & near,
            predicted & ~near & lidar.free,
            in_vehicle,
            in_vehicle & predicted,
            lidar.occupied | lidar.free,
            predicted if lidar.free.any() else np.zeros_like(predicted),
        ]
        return self._count(np.array([*map(np.count_nonzero, counts), predicted.size], dtype=np.int64))

    def _nothing(self) -> np.ndarray:
        return np.zeros(8, dtype=np.int64)

    def _metrics(self, counts: np.ndarray) -> dict[str, float]:
        predicted, supported, contradicted, in_vehicle, found, observed, deniable, cells = counts.tolist()
        return {
            "lidar_support": ratio(supported, predicted),
            "lidar_contradiction": ratio(contradicted, deniable),
            "lidar_recall": ratio(found, in_vehicle),
            "lidar_observed": ratio(observed, cells),
        }
