"""A closer look at a network than the node's running scores: what a model card is made of."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..dataset.frame import Keyframe
from ..geometry import BevGrid, vehicle_raster
from .evaluator import FrameScore
from .metrics import AnnotationScore
from .reliability import ReliabilityDiagram
from .visibility import VisibilityScore

if TYPE_CHECKING:
    from ..runtime import Prediction


@dataclass(frozen=True, eq=False)
class StudiedFrame:
    """A frame that may go onto a contact sheet.

    Attributes:
        keyframe: of the data set.
        occupancy: (nx, ny) int8.
        score: of the evaluator.
        iou: against vehicles with LiDAR returns.
    """

    keyframe: Keyframe
    occupancy: np.ndarray
    score: FrameScore
    iou: float


class Study:
    """An observer of `evaluate_dataset` that adds to its report.

    Args:
        grid: of the predictions.
        threshold: probability from which a cell is predicted.
        min_lidar_points: LiDAR returns from which a vehicle belongs to the second truth.
        near_radius: metres within which the near IoU counts.
        min_cells: a frame with fewer vehicle cells goes onto no contact sheet: its IoU is luck.
    """

    def __init__(
        self,
        grid: BevGrid,
        threshold: float = 0.5,
        min_lidar_points: int = 1,
        near_radius: float = 20.0,
        min_cells: int = 100,
    ):
        self.grid = self._grid = grid
        self._least, self._min_cells = min_lidar_points, min_cells
        edges = (0.0, 10.0, 20.0, 30.0, 50.0)
        self._seen = AnnotationScore(grid, threshold, near_radius, edges=edges)
        self._everything = AnnotationScore(grid, threshold, near_radius, edges=edges)
        self._near = AnnotationScore(grid, threshold, near_radius, edges=(0.0, near_radius))
        self._near_all = AnnotationScore(grid, threshold, near_radius, edges=(0.0, near_radius))
        self._reliability, self._reliability_all = ReliabilityDiagram(), ReliabilityDiagram()
        self._visibility = VisibilityScore(grid, threshold)
        self.frames: list[StudiedFrame] = []

    def __call__(self, keyframe: Keyframe, prediction: Prediction, score: FrameScore) -> None:
        """Take a frame in; one without annotations says nothing here.

        Where nobody counted the LiDAR returns of some vehicle, it is not known which vehicles LiDAR sees.
        """
        if not keyframe.annotated:
            return
        occupancy = prediction.occupancy
        everything = vehicle_raster(keyframe.boxes, self._grid)
        seen = vehicle_raster(keyframe.boxes, self._grid, self._least)
        metrics = self._everything.update(occupancy, everything)
        self._near_all.update(occupancy, everything)
        self._reliability_all.update(occupancy, everything)
        if all(box.num_lidar_pts >= 0 for box in keyframe.boxes if box.is_vehicle):
            metrics = self._seen.update(occupancy, seen)
            self._near.update(occupancy, seen)
            self._reliability.update(occupancy, seen)
        self._visibility.update(occupancy, keyframe.boxes)
        if np.count_nonzero(seen) >= self._min_cells:
            self.frames.append(StudiedFrame(keyframe, occupancy, score, metrics["iou"]))

    def report(self) -> dict[str, object]:
        """What goes under `study` in the report."""
        near = next(name for name in self._near.running if name.startswith("iou_0_"))
        return {
            "min_lidar_points": self._least,
            "vehicles_with_lidar": {
                **self._seen.running,
                near: self._near.running[near],
                "ece": self._reliability.error(),
                "average_precision": self._reliability.average_precision(),
                "best": self._reliability.best(),
            },
            "all_vehicles": {
                **self._everything.running,
                near: self._near_all.running[near],
                "ece": self._reliability_all.error(),
                "average_precision": self._reliability_all.average_precision(),
                "best": self._reliability_all.best(),
            },
            "visibility": self._visibility.metrics(),
            "reliability": self._reliability.diagram(),
            "curve": self._reliability.curve(),
        }

    def picked(self, each: int = 2) -> list[tuple[str, StudiedFrame]]:
        """The best, the median and the worst frames by IoU, `each` of them, from the best to the worst."""
        ranked = sorted(self.frames, key=lambda frame: -frame.iou)
        if not ranked:
            return []
        middle = len(ranked) // 2
        median = heapq.nsmallest(each, range(len(ranked)), key=lambda k: abs(k - middle))
        chosen = [("best", k) for k in range(min(each, len(ranked)))]
        chosen += [("median", k) for k in sorted(median)]
        chosen += [("worst", k) for k in range(max(0, len(ranked) - each), len(ranked))]
        taken: set[int] = set()
        result = []
        for label, k in chosen:
            if k not in taken:
                taken.add(k)
                result.append((label, ranked[k]))
        return result
