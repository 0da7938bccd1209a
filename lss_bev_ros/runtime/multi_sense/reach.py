"""Which cells a LiDAR reaches."""

from __future__ import annotations

import math

import torch

from ...geometry import BevGrid

SECTORS = 180
"""Parts of the circle that are looked at each by itself."""

_NEIGHBOURS = 1
"""Sectors beside one with returns that count as looked into: beams are some way apart."""


def lidar_reach(points: torch.Tensor, grid: BevGrid) -> torch.Tensor:
    """Cells that a LiDAR looks at: in every direction with a return, as far as its farthest return of all.

    A sector that a LiDAR does not look into has no returns. What lies behind things counts as reached, as it
    does where cameras look.

    Args:
        points: (N, 3 or more) metres, base_link.
        grid: the cells.

    Returns:
        (nx, ny) bool on the points' device.
    """
    sectors, ranges = _polar(points[:, 0], points[:, 1])
    looked = points.new_zeros(SECTORS).scatter_reduce(0, sectors, torch.ones_like(ranges), "amax") > 0
    for step in range(1, _NEIGHBOURS + 1):
        looked = looked | looked.roll(step) | looked.roll(-step)
    nx, ny = grid.shape
    x = grid.x_min + (torch.arange(nx, device=points.device) + 0.5).to(points.dtype) * grid.resolution
    y = grid.y_min + (torch.arange(ny, device=points.device) + 0.5).to(points.dtype) * grid.resolution
    of_cell, away = _polar(*torch.meshgrid(x, y, indexing="ij"))
    farthest = torch.cat([ranges, ranges.new_zeros(1)]).max()  # of an empty cloud, 0
    reached: torch.Tensor = looked[of_cell] & (away <= farthest)
    return reached


def _polar(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    share = (torch.atan2(y, x) / (2 * math.pi)) % 1.0
    return (share * SECTORS).long().clamp(0, SECTORS - 1), torch.hypot(x, y)
