"""What each head is to answer for a batch of pairs, on the device, without a loop over things."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...geometry import BevGrid
from ...model.heads import BOX_NUMBERS
from ...model.senses import DETECTED, SEGMENTS
from ...synthetic.things import occupied_classes, priorities
from .pair import BOX_COLUMNS, MAP_BITS, Pairs
from .sight import Sight
from .templates import nearest_template

_SEEN_VEHICLE = 129
"""Least value of `Pairs.raster` in a cell of a vehicle with a return."""
OVERLAP = 0.1
"""IoU that a box has with the true one when it is off by a peak's radius (CenterPoint's nuScenes value)."""
LEAST_RADIUS, LARGEST_RADIUS = 2, 8
"""Of a peak, cells."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Targets of the boxes head; K rows a sample, most of them empty.

    Attributes:
        heat: (B, 10, nx, ny) float32, a peak of one at each centre.
        cells: (B, K) int64, x * ny + y of each centre.
        numbers: (B, K, 10) float32, `heads.BOX_NUMBERS`; NaN where one is not known.
        kept: (B, K) bool, which rows hold a box.
    """

    heat: torch.Tensor
    cells: torch.Tensor
    numbers: torch.Tensor
    kept: torch.Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """All of a batch.

    Attributes:
        segments: (B, 8, nx, ny) bool, in the order of `senses.SEGMENTS`.
        boxes: of the boxes head.
        occupancy: (B, heights, nx, ny) uint8, classes of the occupancy head, the last one free.
        seen: (B, heights, nx, ny) bool, voxels in sight.
        things: (B, nx, ny) int64, number of the thing of each column that matters most, of what is in sight
            where anything is; 0 for an empty column.
        plain: (B, nx, ny) bool, columns of which something is in sight.
    """

    segments: torch.Tensor
    boxes: Boxes
    occupancy: torch.Tensor
    seen: torch.Tensor
    things: torch.Tensor
    plain: torch.Tensor


class TargetMaker:
    """Turns the truth of pairs into targets.

    Args:
        grid: of the network.
        sight: which voxels count.
    """

    def __init__(self, grid: BevGrid, sight: Sight, device: torch.device | str):
        self._grid, self._sight = grid, sight
        self._class = torch.from_numpy(occupied_classes()).to(device)
        number = torch.arange(len(self._class))
        packed = torch.from_numpy(priorities()).long() * 256 + number
        self._packed = torch.where(number > 0, packed, 0).to(torch.int16).to(device)

    def __call__(self, pairs: Pairs) -> Targets:
        """Make the targets of a batch."""
        seen = self._sight.seen(pairs.things)
        numbers = pairs.things.long()
        packed = self._packed[numbers]
        top = torch.where(seen, packed, 0).amax(-1)
        plain = top > 0
        return Targets(
            segments(pairs),
            boxes(pairs.boxes, self._grid),
            self._class[numbers].permute(0, 3, 1, 2),
            seen.permute(0, 3, 1, 2),
            (torch.where(plain, top, packed.amax(-1)) & 255).long(),
            plain,
        )


def segments(pairs: Pairs) -> torch.Tensor:
    """(B, 8, nx, ny) bool."""
    maps = {name: (pairs.maps & bit) > 0 for name, bit in MAP_BITS.items()}
    maps["vehicle"] = pairs.raster >= _SEEN_VEHICLE
    return torch.stack([maps[name] for name in SEGMENTS], 1)


def boxes(rows: torch.Tensor, grid: BevGrid) -> Boxes:
    """Peaks and numbers of boxes (Yin et al., "CenterPoint", section 3).

    Args:
        rows: (B, K, 11), `pair.BOX_COLUMNS`.
        grid: of the network.
    """
    nx, ny = grid.shape
    kind, x, y, z, length, width, height, yaw, vx, vy, returns = rows.unbind(-1)
    assert rows.shape[-1] == len(BOX_COLUMNS)
    at_x, at_y = (x - grid.x_min) / grid.resolution, (y - grid.y_min) / grid.resolution
    kept = (kind >= 0) & (returns >= 1) & (at_x >= 0) & (at_x < nx) & (at_y >= 0) & (at_y < ny)
    at_x, at_y = torch.where(kept, at_x, 0.0), torch.where(kept, at_y, 0.0)
    column, row = at_x.long(), at_y.long()
    values = {
        "offset_x": at_x - column - 0.5,
        "offset_y": at_y - row - 0.5,
        "z": z,
        "length": length.clamp_min(0.05).log(),
        "width": width.clamp_min(0.05).log(),
        "height": height.clamp_min(0.05).log(),
        "sin": yaw.sin(),
        "cos": yaw.cos(),
        "velocity_x": vx,
        "velocity_y": vy,
    }
    numbers = torch.stack([values[name] for name in BOX_NUMBERS], -1)
    radius = peak_radius(length / grid.resolution, width / grid.resolution).floor()
    radius = torch.nan_to_num(radius).clamp(LEAST_RADIUS, LARGEST_RADIUS)
    heat = peaks(kind.long(), column, row, radius, kept, grid.shape)
    return Boxes(heat, column * ny + row, numbers, kept)


def peak_radius(length: torch.Tensor, width: torch.Tensor, overlap: float = OVERLAP) -> torch.Tensor:
    """How far a box's corners may be off for it to overlap the true one by so much (CornerNet's code).

    Args:
        length: cells, any shape.
        width: cells, of the same shape.
        overlap: IoU, 0 to 1.

    Returns:
        The least of the radii of three cases: both corners outwards or inwards, and one of each.
    """
    both, area = length + width, length * width
    first = (both + (both.square() - 4 * area * (1 - overlap) / (1 + overlap)).sqrt()) / 2
    second = (2 * both + (4 * both.square() - 16 * (1 - overlap) * area).sqrt()) / 2
    shift = -2 * overlap * both
    third = (shift + (shift.square() - 16 * overlap * (overlap - 1) * area).sqrt()) / 2
    return torch.minimum(torch.minimum(first, second), third)


def peaks(
    kind: torch.Tensor,
    column: torch.Tensor,
    row: torch.Tensor,
    radius: torch.Tensor,
    kept: torch.Tensor,
    shape: tuple[int, int],
) -> torch.Tensor:
    """Gaussians at centres; where two overlap, the higher one counts.

    Args:
        kind: (B, K) int64, class.
        column: (B, K) int64, cell along x.
        row: (B, K) int64, cell along y.
        radius: (B, K) float32, cells; a sixth of the width is the deviation.
        kept: (B, K) bool.
        shape: (nx, ny) cells.

    Returns:
        (B, 10, nx, ny) float32.
    """
    (batch, _), (nx, ny), kinds = kind.shape, shape, len(DETECTED)
    around = torch.arange(-LARGEST_RADIUS, LARGEST_RADIUS + 1, device=kind.device)
    dx, dy = around[:, None], around[None, :]
    x, y = column[..., None, None] + dx, row[..., None, None] + dy
    spread = radius[..., None, None]
    deviation = (2 * spread + 1) / 6
    value = torch.exp(-(dx.square() + dy.square()) / (2 * deviation.square()))
    inside = kept[..., None, None] & (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    inside &= (dx.abs() <= spread) & (dy.abs() <= spread)
    sample = torch.arange(batch, device=kind.device)[:, None, None, None]
    cells = ((sample * kinds + kind.clamp(0, kinds - 1)[..., None, None]) * nx + x) * ny + y
    # What lies outside goes to one place more, which is thrown away.
    cells = torch.where(inside, cells, batch * kinds * nx * ny)
    heat = torch.zeros(batch * kinds * nx * ny + 1, device=kind.device)
    heat.scatter_reduce_(0, cells.flatten(), value.flatten(), "amax")
    return heat[:-1].view(batch, kinds, nx, ny)


def expert(templates: torch.Tensor, future: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The template that the driver took.

    Args:
        templates: (1000, 6, 2).
        future: (B, 6, 2), NaN where a place is not known.

    Returns:
        (B,) int64, and (B,) bool, whether all of the future is known.
    """
    known = future.isfinite().flatten(1).all(1)
    return nearest_template(templates, torch.where(known[:, None, None], future, 0.0)), known
