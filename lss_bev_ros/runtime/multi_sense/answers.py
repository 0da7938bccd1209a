"""What comes out of the multi-sense network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from ...answers.boxes import Detections
from ...answers.lanes import TracedLine
from ...answers.plan import PathPlan
from ...answers.segmentation import Segmentation
from ...answers.voxels import OccupiedVoxels
from ...errors import RuntimeBackendError
from ...geometry import BevGrid
from ...model.senses import HEADS, SEGMENTS
from ..frame_set import Prediction

ANSWERS = {name: name for name in HEADS} | {"lanes": "segmentation"}
"""Answers that can be asked for, and the head that each is read off."""

TEMPLATES = "templates"
"""What to ask for beside `plan` to have all paths that it was chosen from, with their scores."""

BOUNDARIES = ("lane_boundary", "road_boundary")
"""Layers of the segmentation whose lines are the answer `lanes`."""


@dataclass(frozen=True, eq=False)
class Answers:
    """All that was asked for of one instant; None is what was not.

    Attributes:
        stamp: nanoseconds, of the moment.
        grid: the cells.
        senses: those that had something to say, of `senses.SENSES`.
        reached: (nx, ny) bool, where one of them reaches.
        segmentation, boxes, occupancy, plan: see their classes.
        lanes: lines by the names of `BOUNDARIES`, the longest first.
        embedding: (E, nx, ny) float32 unit vectors on the engine's device.
        problems: camera name to one line, of the cameras whose images could not be used.
        memory_age: seconds, of the memory that was used; None without.
        timings: stage to milliseconds, in order of execution.
    """

    stamp: int
    grid: BevGrid
    senses: tuple[str, ...]
    reached: np.ndarray
    segmentation: Segmentation | None = None
    boxes: Detections | None = None
    occupancy: OccupiedVoxels | None = None
    plan: PathPlan | None = None
    lanes: Mapping[str, tuple[TracedLine, ...]] | None = None
    embedding: torch.Tensor | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    memory_age: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def prediction(self) -> Prediction:
        """The vehicles, as the published network's engines tell them.

        Raises:
            RuntimeBackendError: the segmentation was not asked for.
        """
        if self.segmentation is None:
            raise RuntimeBackendError("no vehicle grid without the head `segmentation`: ask for it")
        logits = self.segmentation.logits[SEGMENTS.index("vehicle")]
        return Prediction(self.stamp, self.grid, logits, self.reached, self.timings)
