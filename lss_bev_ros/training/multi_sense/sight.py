"""Which voxels can be seen: those that no other one hides from where the senses are."""

from __future__ import annotations

import math

import torch

from ...model.senses import SensesConfig

EYE = 1.7
"""Height of the senses over base_link, metres: one place stands for all of them."""
AZIMUTHS, SLOPES = 640, 128
STEEPEST = 1.5
"""Tangent of the steepest ray; what lies steeper is seen, since it is next to the car."""
BEND = 0.06
"""Slopes are spread evenly in asinh(slope / BEND): finer near the horizon, where far things are."""
BEHIND = 2
"""So many steps of a voxel's side behind the first surface a voxel still counts as seen."""


class Sight:
    """Casts rays through voxels, all of a batch at once, by tables that are made once.

    A mask like those of Occ3D (`mask_camera`, `mask_lidar`), from one place in the middle of the car instead
    of from each camera: what a network shall guess behind walls teaches it nothing.

    Args:
        config: for the voxels.
        device: of the batches.
    """

    def __init__(self, config: SensesConfig, device: torch.device | str = "cpu"):
        grid, heights = config.model.grid, config.heights
        nx, ny = grid.shape
        self._shape = (nx, ny, heights)
        step, rise = grid.resolution, config.voxel_height
        farthest = math.hypot(max(-grid.x_min, grid.x_max), max(-grid.y_min, grid.y_max))
        count = int(farthest / step) + 1
        azimuth = (torch.arange(AZIMUTHS) + 0.5) * (2 * math.pi / AZIMUTHS) - math.pi
        bends = torch.linspace(-1, 1, SLOPES) * math.asinh(STEEPEST / BEND)
        slope = torch.sinh(bends) * BEND
        reach = (torch.arange(count) + 0.5) * step
        x = ((azimuth.cos()[:, None, None] * reach - grid.x_min) / step).floor().long()
        y = ((azimuth.sin()[:, None, None] * reach - grid.y_min) / step).floor().long()
        z = ((EYE + slope[:, None] * reach - config.voxel_z_min) / rise).floor().long()
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny) & (z >= 0) & (z < heights)
        cells = torch.where(inside, (x * ny + y) * heights + z, nx * ny * heights)
        self._cells = cells.flatten(0, 1).to(device)
        self._reach = torch.arange(count, dtype=torch.int16, device=device)
        xs, ys, zs = (torch.arange(n) + 0.5 for n in self._shape)
        x, y = (grid.x_min + xs * step)[:, None, None], (grid.y_min + ys * step)[:, None]
        away = torch.hypot(x, y)
        # A voxel is looked at where it is nearest to the horizon: no flat road hides the road behind it.
        low = config.voxel_z_min + (zs - 0.5) * rise
        tangent = (torch.clamp(torch.tensor(EYE), low, low + rise) - EYE) / away
        column = ((torch.atan2(y, x) + math.pi) * (AZIMUTHS / (2 * math.pi))).long().clamp(0, AZIMUTHS - 1)
        bend = torch.asinh(tangent / BEND) / math.asinh(STEEPEST / BEND)
        place = (bend.clamp(-1, 1) + 1) * ((SLOPES - 1) / 2)
        # Of the two rays beside it, the one nearer to the horizon.
        row = torch.where(bend < 0, place.ceil(), place.floor()).long()
        self._ray = (column * SLOPES + row).flatten().to(device)
        # Where rays are steeper than the steepest, nothing stands between.
        near = torch.where(tangent.abs() > STEEPEST, 0, (away / step).long().expand(self._shape))
        self._away = (near - BEHIND).flatten().to(torch.int16).to(device)

    def seen(self, things: torch.Tensor) -> torch.Tensor:
        """Which voxels are in sight.

        Args:
            things: (B, nx, ny, heights) uint8, 0: free.

        Returns:
            (B, nx, ny, heights) bool.
        """
        # One voxel more, free, stands for all outside.
        filled = torch.nn.functional.pad((things > 0).flatten(1), (0, 1))
        hits = filled[:, self._cells]
        first = torch.where(hits, self._reach, self._reach.numel()).amin(-1)
        return (self._away <= first[:, self._ray]).view(len(things), *self._shape)
