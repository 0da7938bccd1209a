"""All pairs of a run on the device, so that a batch is an indexing and no loader is waited for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ..config import SampleLayout
from ..pool import Ring
from .pair import BOX_COLUMNS, BOXES, FUTURE_STEPS, Pairs

if TYPE_CHECKING:
    from ...model.senses import SensesConfig


class PairPool(Ring):
    """A ring of pairs.

    Args:
        capacity: pairs.
        layout: of the pictures and the grid.
        senses: heights of the voxels.
        beams: points a revolution.
        device: where they are kept.
    """

    def __init__(
        self, capacity: int, layout: SampleLayout, senses: SensesConfig, beams: int, device: torch.device
    ):
        super().__init__(capacity, _rows(layout, senses, beams), device)
        self._ages = torch.zeros(beams, dtype=torch.float16, device=device)

    def extend(self, block: Pairs) -> None:
        """Take pairs in that are on the device already; the LiDAR of all is the same."""
        super().extend(block)
        self._ages = block.ages

    def batch(self, index: torch.Tensor) -> Pairs:
        """The pairs of an index (B,) int64."""
        return Pairs(**self.rows(index), ages=self._ages)


def pair_bytes(layout: SampleLayout, senses: SensesConfig, beams: int) -> int:
    """Memory that one pair takes."""
    return sum(math.prod(shape) * kind.itemsize for shape, kind in _rows(layout, senses, beams).values())


def _rows(
    layout: SampleLayout, senses: SensesConfig, beams: int
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    n, h, w, step = layout.cameras, layout.height, layout.width, layout.depth_stride
    cells = layout.grid.shape
    return {
        "images": ((2, n, h, w, 3), torch.uint8),
        "calibration": ((2, n, 21), torch.float32),
        "present": ((2, n), torch.bool),
        "points": ((2, beams, 4), torch.float16),
        "motion": ((4,), torch.float32),
        "depth": ((n, h // step, w // step), torch.uint8),
        "raster": (cells, torch.uint8),
        "maps": (cells, torch.uint8),
        "things": ((*cells, senses.heights), torch.uint8),
        "boxes": ((BOXES, len(BOX_COLUMNS)), torch.float32),
        "future": ((FUTURE_STEPS, 2), torch.float32),
    }
