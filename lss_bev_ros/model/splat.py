"""Splat: sum every frustum point's feature into its BEV cell (paper, section 3.2, "pillar pooling").

A point of pixel p and depth bin d carries depth[p, d] * feature[p]. Which cell it falls in depends on the
calibration alone, so the fast splat reads a `SplatTable` made once per calibration: the points that hit the
grid, sorted by cell. Each cell is then a weighted sum of rows of the feature map, and the outer product of
depth and feature never exists. A kernel for another device takes the same table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .config import ModelConfig


def voxel_layout(config: ModelConfig) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What LSS calls dx, bx and nx, all (3,).

    Returns:
        Sizes of a voxel and centre of the first one, float32, metres; numbers of voxels, int64.
    """
    grid = config.grid
    nx, ny = grid.shape
    height = config.z_max - config.z_min
    size = torch.tensor([grid.resolution, grid.resolution, height])
    first = torch.tensor([grid.x_min, grid.y_min, config.z_min]) + size / 2
    return size, first, torch.tensor([nx, ny, 1])


def voxel_cells(points: torch.Tensor, dx: torch.Tensor, bx: torch.Tensor, nx: torch.Tensor) -> torch.Tensor:
    """Find the BEV cell of points as LSS does.

    The division is truncated toward zero, not floored: a point up to one cell below the lower bound of an
    axis still counts for the first cell. Checkpoints were trained with that, so it is kept.

    Args:
        points: (..., 3) float32, metres, base_link.
        dx: (3,) sizes of a voxel, from `voxel_layout` as are the next two.
        bx: (3,) centre of the first voxel.
        nx: (3,) numbers of voxels.

    Returns:
        (...,) int64: ix * ny + iy, or -1 for a point outside the grid.
    """
    index = ((points - (bx - dx / 2)) / dx).long()
    inside = ((index >= 0) & (index < nx)).all(dim=-1)
    cell = index[..., 0] * nx[1] + index[..., 1]
    return torch.where(inside, cell, torch.full_like(cell, -1))


@dataclass(frozen=True, eq=False)
class SplatTable:
    """The frustum points inside the grid, sorted by cell, for one calibration.

    Pixels are numbered camera by camera, row by row: p = (n * h + v) * w + u.

    Attributes:
        shape: (nx, ny) cells.
        pixels: (P,) int64, the pixel of every kept point: its row of the feature matrix.
        weights: (P,) int64, the point's place in the depth matrix (pixels, D), flattened: p * D + d.
        cells: (K,) int64, the cells that are hit, rising.
        starts: (K + 1,) int64: the points of cells[k] are starts[k] to starts[k + 1].
        offsets: (nx * ny + 1,) int64: the same starts with the empty cells in between.
    """

    shape: tuple[int, int]
    pixels: torch.Tensor
    weights: torch.Tensor
    cells: torch.Tensor
    starts: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def build(cls, cells: torch.Tensor, shape: tuple[int, int]) -> SplatTable:
        """Sort the points of `cells`, (N, D, h, w) int64 from `voxel_cells`, over a grid of `shape`."""
        bins = cells.shape[1]
        flat = cells.permute(0, 2, 3, 1).reshape(-1)
        kept = (flat >= 0).nonzero().squeeze(1)
        order = torch.argsort(flat[kept], stable=True)
        weights = kept[order]
        count = torch.bincount(flat[weights], minlength=shape[0] * shape[1])
        offsets = F.pad(count.cumsum(0), (1, 0))
        hit = count.nonzero().squeeze(1)
        return cls(
            shape=shape,
            pixels=weights // bins,
            weights=weights,
            cells=hit,
            starts=torch.cat((offsets[hit], offsets[-1:])),
            offsets=offsets,
        )

    @property
    def occupied(self) -> torch.Tensor:
        """(nx, ny) bool: cells that at least one point falls in."""
        return (self.offsets.diff() > 0).view(self.shape)


def splat(depth: torch.Tensor, features: torch.Tensor, table: SplatTable) -> torch.Tensor:
    """Sum weighted features into the cells of a table.

    Args:
        depth: (pixels, D) float32, contiguous: probability of every depth bin.
        features: (pixels, C) float32.
        table: of the same cameras, in the same order.

    Returns:
        (nx, ny, C) float32; empty cells are 0.
    """
    sums = F.embedding_bag(
        table.pixels,
        features,
        table.offsets,
        mode="sum",
        per_sample_weights=depth.reshape(-1)[table.weights],
        include_last_offset=True,
    )
    return sums.view(*table.shape, -1)


def splat_hits(depth: torch.Tensor, features: torch.Tensor, table: SplatTable) -> torch.Tensor:
    """Sum weighted features into the cells that are hit, as `splat` does, and leave the others out.

    Returns:
        (K, C) float32, in the order of `table.cells`.
    """
    return F.embedding_bag(
        table.pixels,
        features,
        table.starts,
        mode="sum",
        per_sample_weights=depth.reshape(-1)[table.weights],
        include_last_offset=True,
    )


def naive_splat(
    depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    """The definition, with the outer product materialised: what the fast splat is tested against.

    Args:
        depth: (N, D, h, w) probability of every depth bin.
        features: (N, C, h, w).
        cells: (N, D, h, w) int64 from `voxel_cells`.
        shape: (nx, ny) cells.

    Returns:
        (nx, ny, C); empty cells are 0.
    """
    outer = depth.unsqueeze(-1) * features.permute(0, 2, 3, 1).unsqueeze(1)
    inside = cells >= 0
    bev = outer.new_zeros(shape[0] * shape[1], features.shape[1])
    bev.index_put_((cells[inside],), outer[inside], accumulate=True)
    return bev.view(*shape, -1)
