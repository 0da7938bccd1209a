"""Scores of vehicles by how much of them is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry import BevGrid, Box, vehicle_raster
from .metrics import predicted_cells, ratio

LEVELS = {1: "0_40", 2: "40_60", 3: "60_80", 4: "80_100"}
"""nuScenes' visibility levels and the percent of a vehicle's pixels that is seen."""


class VisibilityScore:
    """IoU and recall of vehicles of one visibility at a time.

    A prediction does not say how visible what it found is. So the IoU of a level is that of the cells that
    no other vehicle covers: a vehicle of another level is neither asked for nor held against the prediction.
    False alarms count for every level, so the levels' IoUs compare with each other, and lie below the IoU
    of all vehicles where a level has few.
    """

    def __init__(self, grid: BevGrid, threshold: float = 0.5):
        self._grid, self._threshold = grid, threshold
        self._counts = {level: np.zeros(3, np.int64) for level in LEVELS}

    def update(self, occupancy: np.ndarray, boxes: Sequence[Box]) -> None:
        """Count one frame: occupancy -1 to 100 and its annotations in base_link."""
        predicted = predicted_cells(occupancy, self._threshold)
        everything = vehicle_raster(boxes, self._grid)
        for level, counts in self._counts.items():
            mine = vehicle_raster([box for box in boxes if box.visibility == level], self._grid)
            asked = mine | ~everything
            counts += [
                np.count_nonzero(predicted & mine),
                np.count_nonzero(predicted & asked & ~mine),
                np.count_nonzero(~predicted & mine),
            ]

    def metrics(self) -> dict[str, float]:
        """`iou_visibility_80_100` and `recall_visibility_80_100`, and so on."""
        result = {}
        for level, counts in self._counts.items():
            hit, wrong, missed = counts.tolist()
            result[f"iou_visibility_{LEVELS[level]}"] = ratio(hit, hit + wrong + missed)
            result[f"recall_visibility_{LEVELS[level]}"] = ratio(hit, hit + missed)
        return result
