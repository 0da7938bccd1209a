"""All answers of one network, in one setting of senses, scored together.

A setting is such as cameras alone, LiDAR alone, both, or both with memory: one `AnswersScore` each, given
the same frames, and the table has a column each. Every part is scored where both the network and the truth
have it.

| part | score |
|---|---|
| boxes | `detection.DetectionScore` |
| layers | `segmentation.SegmentationScore` |
| voxels, rays | `occupancy.VoxelScore`, `occupancy.RayScore` |
| lane_boundary, road_boundary | `lanes.LaneScore` of the lines of each |
| plan | `planning.PlanScore` |
| prompts | `words.PromptScore` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..geometry import Box
from ..geometry.classes import LINES
from .detection import BoxSet, DetectionScore
from .lanes import LaneScore
from .occupancy import RayScore, VoxelScore
from .planning import PlanScore, Surroundings
from .rays import VoxelGrid
from .segmentation import SegmentationScore
from .words import PromptScore

HEADLINE = (
    "layers.iou_vehicle",
    "layers.iou_drivable",
    "layers.iou_crossing",
    "layers.iou_road_boundary",
    "boxes.map",
    "boxes.nds",
    "voxels.miou",
    "rays.rayiou",
    "lane_boundary.f1",
    "road_boundary.f1",
)
"""Metrics of which more is better, for a table of robustness."""

TOLD = (
    *HEADLINE,
    "boxes.map_present",
    "plan.top_1",
    "plan.top_5",
    "plan.top_20",
    "prompts.iou_known",
    "prompts.iou_unknown",
    "prompts.iou_at_known",
    "prompts.iou_at_unknown",
    "prompts.synonyms",
    "boxes.mave",
    "boxes.maae",
    "lane_boundary.chamfer",
    "road_boundary.chamfer",
    "plan.ade_3",
    "plan.constant_ade_3",
    "plan.min_ade_5",
    "plan.min_ade_20",
    "plan.collision_3",
    "plan.constant_collision_3",
    "plan.off_road",
)
"""Metrics for a table of settings; of those behind `prompts.synonyms`, less is better."""


@dataclass(frozen=True, eq=False)
class FrameAnswers:
    """What a network says of one frame, in base_link; None where it was not asked.

    Attributes:
        boxes: what it detects.
        layers: name to (nx, ny) integers, -1 unknown, 0 to 100 percent.
        voxels: (nx, ny, nz) integers, classes and free space.
        lines: name of a layer of lines to its lines, (N, 2) points each, metres.
        line_scores: the same names to a score a line.
        plan: (T, 2) places, metres.
        templates: (K, T, 2) all paths that the plan was chosen from.
        costs: (K,) of the templates.
        similarities: prompt to (nx, ny) likeness, from -1 or 0 to 1, NaN where nobody knows.
    """

    boxes: BoxSet | None = None
    layers: Mapping[str, np.ndarray] | None = None
    voxels: np.ndarray | None = None
    lines: Mapping[str, Sequence[np.ndarray]] | None = None
    line_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    plan: np.ndarray | None = None
    templates: np.ndarray | None = None
    costs: np.ndarray | None = None
    similarities: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is known of one frame, in base_link; None where nobody knows.

    Attributes:
        boxes: the annotated ones.
        racks: annotated bicycle racks, or all annotations.
        layers: name to (nx, ny) bool.
        known: layer name to (nx, ny) bool where its truth is known, if not everywhere.
        voxels: (nx, ny, nz) integers.
        voxel_mask: (nx, ny, nz), not 0 where a voxel counts in the mean IoU.
        origins: (O, 3) metres from `rays.ray_origins`.
        lines: name of a layer of lines to its lines, (N, 2) points each, metres.
        driven: (T, 2) the places to come, metres, NaN where the recording has ended.
        velocity: (2,) of the car, metres a second.
        around: what a plan could touch or leave.
        prompts: prompt to (nx, ny) bool.
        prompted: (nx, ny) bool where that is known; everywhere where None.
    """

    boxes: BoxSet | None = None
    racks: Sequence[Box] = ()
    layers: Mapping[str, np.ndarray] | None = None
    known: Mapping[str, np.ndarray] = field(default_factory=dict)
    voxels: np.ndarray | None = None
    voxel_mask: np.ndarray | None = None
    origins: np.ndarray | None = None
    lines: Mapping[str, Sequence[np.ndarray]] | None = None
    driven: np.ndarray | None = None
    velocity: np.ndarray | None = None
    around: Surroundings | None = None
    prompts: Mapping[str, np.ndarray] | None = None
    prompted: np.ndarray | None = None


class _Part(Protocol):
    frames: int

    def merge(self, later: Any) -> None: ...

    @property
    def running(self) -> dict[str, float]: ...


class AnswersScore:
    """Scores every answer that a frame has, frame by frame."""

    def __init__(self, grid: VoxelGrid | None = None, unknown: Sequence[str] = (), step: float = 0.5) -> None:
        """Prepare.

        Args:
            grid: of the voxels; its plane is that of all layers and lines.
            unknown: prompts of kinds that training never saw.
            step: seconds between the places of a plan.
        """
        grid = grid or VoxelGrid()
        self.boxes = DetectionScore()
        self.layers = SegmentationScore(grid.plane)
        self.voxels, self.rays = VoxelScore(grid), RayScore(grid)
        self.lines = {name: LaneScore(grid.plane) for name in LINES}
        self.plan = PlanScore(step)
        self.prompts = PromptScore(unknown)

    def update(self, found: FrameAnswers, truth: FrameTruth) -> None:
        """Count one frame."""
        if found.boxes is not None and truth.boxes is not None:
            self.boxes.update(found.boxes, truth.boxes, racks=truth.racks)
        if found.layers is not None and truth.layers is not None:
            shared = self.layers.names & found.layers.keys() & truth.layers.keys()
            self.layers.update(
                {name: found.layers[name] for name in shared},
                {name: truth.layers[name] for name in shared},
                truth.known,
            )
        if found.voxels is not None and truth.voxels is not None:
            self.voxels.update(found.voxels, truth.voxels, truth.voxel_mask)
            if truth.origins is not None:
                self.rays.update(found.voxels, truth.voxels, truth.origins)
        if found.lines is not None and truth.lines is not None:
            for name in self.lines.keys() & found.lines.keys() & truth.lines.keys():
                scores = found.line_scores.get(name)
                self.lines[name].update(found.lines[name], truth.lines[name], scores)
        if found.plan is not None and truth.driven is not None and truth.velocity is not None:
            self.plan.update(
                found.plan, truth.driven, truth.velocity, truth.around, found.templates, found.costs
            )
        if found.similarities is not None and truth.prompts is not None:
            asked = found.similarities.keys() & truth.prompts.keys()
            likeness = {name: found.similarities[name] for name in asked}
            self.prompts.update(likeness, truth.prompts, truth.prompted)

    def merge(self, later: AnswersScore) -> None:
        """Count the frames of a score of the same settings too, as if they came after these."""
        for mine, theirs in zip(self._parts.values(), later._parts.values(), strict=True):
            mine.merge(theirs)

    @property
    def _parts(self) -> dict[str, _Part]:
        return {
            "boxes": self.boxes,
            "layers": self.layers,
            "voxels": self.voxels,
            "rays": self.rays,
            **self.lines,
            "plan": self.plan,
            "prompts": self.prompts,
        }

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames, such as `boxes.map`; those of a part that was never scored are absent."""
        return {
            f"{part}.{name}": value
            for part, score in self._parts.items()
            if score.frames
            for name, value in score.running.items()
        }
