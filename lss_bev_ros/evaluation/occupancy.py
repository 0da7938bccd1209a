"""Scores of voxels that have a class, or are free.

`VoxelScore` is the mean IoU of Occ3D (Tian et al., NeurIPS 2023, section 5.1): voxels of all frames are
counted together, free space is no class of the mean, and what a mask leaves out does not count. A class
that is neither annotated nor predicted has no IoU. One that is predicted and nowhere annotated has an IoU
of 0, as in Occ3D's code; that of SparseOcc and others leaves it out, which is kinder where frames are few.

`RayScore` is RayIoU (Liu et al., "SparseOcc", ECCV 2024, section 4.2): rays of a LiDAR are followed through
both volumes, and agree where they first meet the same class at depths less than 1, 2 or 4 m apart. So a
thick surface is not rewarded. Of its code, a reader of the paper would not guess:

- The depth of a voxel is where the ray leaves it, not where it enters.
- Rays that meet nothing in the truth do not count, so nobody is told of what is predicted in the sky or
  beyond the last annotated surface.
- Rays start not only where the LiDAR is, but where it was and will be in the scene: `rays.ray_origins`.
- The mean over classes is that of one table of counts of all frames; classes without a ray are left out.

| name | meaning |
|---|---|
| miou, iou_car ... | mean over classes, and of one class |
| iou_occupied | of all classes together against free space |
| rayiou | mean of the three |
| rayiou_1, rayiou_2, rayiou_4 | mean over classes at one difference of depths |
| rayiou_car ... | mean over the three of one class |
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import EvaluationError
from ..geometry.classes import OCCUPIED
from .counting import FrameCounts
from .metrics import ratio
from .rays import VoxelGrid, cast, lidar_directions

NOT_KNOWN = 255
"""Truth of voxels that do not count."""

DEPTHS = (1.0, 2.0, 4.0)
"""Metres between depths, below which two rays agree."""


class VoxelScore(FrameCounts):
    """Counts voxels frame by frame and turns the counts into IoUs."""

    def __init__(self, grid: VoxelGrid | None = None, classes: Sequence[str] = OCCUPIED) -> None:
        """Prepare.

        Args:
            grid: of the voxels.
            classes: names of the classes from 0; the number after the last is free space.
        """
        self.grid = grid or VoxelGrid()
        self.classes = tuple(classes)
        self.reset()

    def update(
        self, predicted: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            predicted: (nx, ny, nz) integers, classes and free space.
            truth: (nx, ny, nz) the same; a number that is no class, such as `NOT_KNOWN`, does not count.
            mask: (nx, ny, nz), not 0 where a voxel counts, such as Occ3D's `mask_camera`; all where not
                given.

        Returns:
            The frame's metrics by name.
        """
        kinds = len(self.classes) + 1
        predicted, truth = check_voxels(predicted, truth, self.grid, kinds)
        counts = truth < kinds
        if mask is not None:
            if mask.shape != self.grid.shape:
                raise EvaluationError(f"mask has shape {mask.shape} but the voxels have {self.grid.shape}")
            counts &= mask.astype(bool)
        code = kinds * truth[counts].astype(np.int64) + predicted[counts]
        return self._count(np.bincount(code, minlength=kinds * kinds).reshape(kinds, kinds))

    @property
    def confusion(self) -> np.ndarray:
        """(C + 1, C + 1) int64 voxels of all frames: [true, predicted], free space last."""
        return self._sum.copy()

    def _nothing(self) -> np.ndarray:
        kinds = len(self.classes) + 1
        return np.zeros((kinds, kinds), np.int64)

    def _metrics(self, table: np.ndarray) -> dict[str, float]:
        hits = np.diag(table)[:-1]
        union = table.sum(0)[:-1] + table.sum(1)[:-1] - hits
        ious = [ratio(*pair) for pair in zip(hits.tolist(), union.tolist(), strict=True)]
        both = int(table[:-1, :-1].sum())
        return {
            "miou": mean_of_known(ious),
            "iou_occupied": ratio(both, int(table.sum() - table[-1, -1])),
            **{f"iou_{name}": iou for name, iou in zip(self.classes, ious, strict=True)},
        }


class RayScore(FrameCounts):
    """Follows rays through predicted and true voxels, frame by frame."""

    def __init__(self, grid: VoxelGrid | None = None, classes: Sequence[str] = OCCUPIED) -> None:
        """Prepare.

        Args:
            grid: of the voxels.
            classes: names of the classes from 0; the number after the last is free space.
        """
        self.grid = grid or VoxelGrid()
        self.classes = tuple(classes)
        self._directions = lidar_directions()
        self.reset()

    def update(self, predicted: np.ndarray, truth: np.ndarray, origins: np.ndarray) -> dict[str, float]:
        """Count one frame.

        Args:
            predicted: (nx, ny, nz) integers, classes and free space.
            truth: (nx, ny, nz) the same; rays that first meet `NOT_KNOWN` do not count.
            origins: (O, 3) metres, base_link, from `rays.ray_origins`.

        Returns:
            The frame's metrics by name.
        """
        free = len(self.classes)
        predicted, truth = check_voxels(predicted, truth, self.grid, free + 1)
        volumes = [voxels != free for voxels in (predicted, truth)]
        counts = self._nothing()
        for origin in np.asarray(origins, np.float64).reshape(-1, 3):
            ours, true = cast(volumes, self.grid, origin, self._directions)
            kind = truth.reshape(-1)[true.voxel]
            known = true.hit & (kind < free)
            said, kind = predicted.reshape(-1)[ours.voxel][known], kind[known]
            apart = np.abs(ours.depth - true.depth)[known]
            counts[0] += np.bincount(kind, minlength=free + 1)
            counts[1] += np.bincount(said, minlength=free + 1)
            for row, limit in zip(counts[2:], DEPTHS, strict=True):
                row += np.bincount(kind[(said == kind) & (apart < limit)], minlength=free + 1)
        return self._count(counts)

    def _nothing(self) -> np.ndarray:
        """Counts of rays by class: true, predicted, and right within each of `DEPTHS`."""
        return np.zeros((2 + len(DEPTHS), len(self.classes) + 1), np.int64)

    def _metrics(self, counts: np.ndarray) -> dict[str, float]:
        true, said, *right = counts[:, :-1]
        ious = [
            [ratio(*pair) for pair in zip(each.tolist(), (true + said - each).tolist(), strict=True)]
            for each in right
        ]
        means = [mean_of_known(row) for row in ious]
        return {
            "rayiou": mean_of_known(means),
            **{f"rayiou_{limit:g}": mean for limit, mean in zip(DEPTHS, means, strict=True)},
            **{
                f"rayiou_{name}": mean_of_known(each)
                for name, each in zip(self.classes, zip(*ious, strict=True), strict=True)
            },
        }


def mean_of_known(values: Sequence[float]) -> float:
    """Mean of the values that are not NaN; NaN where all are."""
    known = [value for value in values if not math.isnan(value)]
    return ratio(sum(known), len(known))


def check_voxels(
    predicted: np.ndarray, truth: np.ndarray, grid: VoxelGrid, kinds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both volumes; EvaluationError where they are not over the grid, or a prediction is no class."""
    for name, voxels in (("predicted", predicted), ("truth", truth)):
        if voxels.shape != grid.shape or not np.issubdtype(voxels.dtype, np.integer):
            raise EvaluationError(
                f"{name} voxels are {voxels.dtype} {voxels.shape}; score integers over {grid.shape}"
            )
    if predicted.size and not (predicted.min() >= 0 and predicted.max() < kinds):
        raise EvaluationError(
            f"predicted voxels reach from {predicted.min()} to {predicted.max()}; give 0 to {kinds - 1}, "
            f"of which {kinds - 1} is free"
        )
    if truth.size and truth.min() < 0:
        raise EvaluationError(f"true voxels hold {truth.min()}; give {NOT_KNOWN} where nothing is known")
    return predicted, truth
