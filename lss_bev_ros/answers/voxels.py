"""What fills the space around the car, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import ModelError
from ..geometry.classes import FREE
from ..model.senses import SensesConfig

COLORS = np.array(
    [
        (110, 110, 110),
        (112, 128, 144),
        (220, 20, 60),
        (255, 127, 80),
        (255, 158, 0),
        (233, 150, 70),
        (255, 61, 99),
        (64, 118, 255),
        (47, 79, 79),
        (255, 140, 0),
        (255, 99, 71),
        (0, 187, 171),
        (175, 0, 75),
        (150, 100, 160),
        (112, 180, 60),
        (205, 184, 135),
        (0, 140, 30),
    ],
    np.uint8,
)
"""(17, 3) RGB of `OCCUPIED`, of the kind that nuScenes' viewers have made usual."""


@dataclass(frozen=True, eq=False)
class OccupiedVoxels:
    """Occupied voxels; what is in no row is free or not known.

    Attributes:
        cells: (M, 3) int16, indices along x, y and z.
        classes: (M,) uint8, index in `senses.OCCUPIED`.
        centers: (M, 3) float32 metres, base_link.
    """

    cells: np.ndarray
    classes: np.ndarray
    centers: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


def classify(head: torch.Tensor) -> torch.Tensor:
    """(..., heights, 18, nx, ny) logits to (..., nx, ny, heights) uint8 classes, `FREE` among them."""
    _check(head)
    return head.argmax(-3).to(torch.uint8).movedim(-3, -1)


def decode(head: torch.Tensor, config: SensesConfig, reached: torch.Tensor | None = None) -> OccupiedVoxels:
    """Read occupied voxels off the occupancy head.

    Args:
        head: (heights, 18, nx, ny) logits of one frame, on any device, in any precision.
        config: of the network.
        reached: (nx, ny) bool on the same device, where a sense reaches; None: everywhere.
    """
    _check(head)
    # The class is looked for in the occupied voxels alone: on a processor, a reduction that tells the place
    # takes 25 times as long as one that does not. NaN is at least as large as nothing, so it is no voxel.
    best = head[:, :FREE].amax(1)
    occupied = ((best >= head[:, FREE]) & best.isfinite()).permute(1, 2, 0)
    if reached is not None:
        occupied = occupied & reached[..., None]
    cells = occupied.nonzero()
    x, y, z = cells.unbind(1)
    found = head[z, :FREE, x, y].argmax(1).to(torch.uint8).cpu().numpy()
    index = cells.to(torch.int16).cpu().numpy()
    grid = config.model.grid
    low = np.array([grid.x_min, grid.y_min, config.voxel_z_min], np.float32)
    size = np.array([grid.resolution, grid.resolution, config.voxel_height], np.float32)
    return OccupiedVoxels(index, found, low + (index.astype(np.float32) + 0.5) * size)


def _check(head: torch.Tensor) -> None:
    if head.ndim < 4 or head.shape[-3] != FREE + 1:
        raise ModelError(f"an occupancy head gives (heights, {FREE + 1}, nx, ny), not {tuple(head.shape)}")
