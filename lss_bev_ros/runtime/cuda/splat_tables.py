"""A calibration's tables on the device, in buffers that stay where they are so that a graph can read them."""

from __future__ import annotations

import numpy as np
import torch

from ...model import ModelConfig
from ..calibration_tables import CalibrationTables
from .percent import percent_thresholds

SPARE = 1.3
"""Room for cells that later calibrations hit, over those of the first."""


class DeviceTables:
    """Tables for the splat and the occupancy, replaced in place.

    Args:
        config: of the network.
        cameras: number of them.
        device: where they live.
        capacity: cells that a splat may hit; one program is launched for each.

    Attributes:
        weights: (points,) int32, pixel * D + bin of every kept point, by cell.
        cells: (capacity,) int32 that are hit, rising.
        starts: (capacity + 1,) int32, where each cell's points start.
        count: (1,) int32, cells that are hit.
        visible: (nx * ny,) uint8.
        thresholds: (128,) float32, see `percent_thresholds`.
    """

    def __init__(self, config: ModelConfig, cameras: int, device: torch.device, capacity: int):
        rows, columns = config.feature_shape
        nx, ny = config.grid.shape
        self.capacity = min(capacity, nx * ny)

        def empty(count: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
            return torch.zeros(count, dtype=dtype, device=device)

        self.weights = empty(cameras * rows * columns * config.depth_bins)
        self.cells = empty(self.capacity)
        self.starts = empty(self.capacity + 1)
        self.count = empty(1)
        self.visible = empty(nx * ny, torch.uint8)
        self.thresholds = torch.from_numpy(percent_thresholds()).to(device)

    @classmethod
    def sized_for(
        cls, tables: CalibrationTables, config: ModelConfig, cameras: int, device: torch.device
    ) -> DeviceTables:
        """Tables with some room to spare for calibrations like this one."""
        return cls(config, cameras, device, int(len(tables.splat.cells) * SPARE) + 64)

    def fits(self, tables: CalibrationTables) -> bool:
        """Whether a calibration hits no more cells than there is room for."""
        return len(tables.splat.cells) <= self.capacity

    def load(self, tables: CalibrationTables) -> None:
        """Take over a calibration, on the current stream."""
        splat = tables.splat
        hit = len(splat.cells)
        visible = torch.from_numpy(np.array(tables.visible).reshape(-1).view(np.uint8))
        for buffer, values in (
            (self.weights, splat.weights),
            (self.cells, splat.cells),
            (self.starts, splat.starts),
            (self.count, torch.tensor([hit])),
            (self.visible, visible),
        ):
            buffer[: len(values)].copy_(values.to(buffer.dtype), non_blocking=True)
