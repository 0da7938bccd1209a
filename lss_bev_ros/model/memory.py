"""What was seen a moment ago, moved to where the car is now (the idea of BEVDet4D, Huang and Huang 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..geometry import BevGrid


def align(bev: torch.Tensor, motion: torch.Tensor, grid: BevGrid) -> tuple[torch.Tensor, torch.Tensor]:
    """Resample a remembered map as it lies around the car now.

    Args:
        bev: (B, C, nx, ny), remembered.
        motion: (B, 3) float32: x, y in metres and yaw in radians of base_link now, in base_link then.
        grid: of the map.

    Returns:
        (B, C, nx, ny), bilinear, 0 where the remembered map does not reach, and (B, 1, nx, ny) of the same
        type, 1 where it does.
    """
    places = sampled_places(motion, grid)
    # Places in half precision would be off by a quarter of a metre in bfloat16.
    moved = F.grid_sample(bev.float(), places, mode="bilinear", align_corners=False).to(bev.dtype)
    known = (places.abs() <= 1).all(-1, keepdim=True).permute(0, 3, 1, 2).to(bev.dtype)
    return moved * known, known


def sampled_places(motion: torch.Tensor, grid: BevGrid) -> torch.Tensor:
    """Where in a remembered map each cell of now lies.

    Args:
        motion: as for `align`.
        grid: of the map.

    Returns:
        (B, nx, ny, 2) as `grid_sample` takes them: from -1 to 1 over the whole map, its last axis (y) first.
    """
    nx, ny = grid.shape
    xs = grid.x_min + (torch.arange(nx, device=motion.device) + 0.5) * grid.resolution
    ys = grid.y_min + (torch.arange(ny, device=motion.device) + 0.5) * grid.resolution
    x, y = torch.meshgrid(xs, ys, indexing="ij")
    cos, sin = motion[:, 2].cos()[:, None, None], motion[:, 2].sin()[:, None, None]
    then_x = cos * x - sin * y + motion[:, 0, None, None]
    then_y = sin * x + cos * y + motion[:, 1, None, None]
    rows = (then_x - grid.x_min) / (nx * grid.resolution) * 2 - 1
    columns = (then_y - grid.y_min) / (ny * grid.resolution) * 2 - 1
    return torch.stack((columns, rows), -1)
