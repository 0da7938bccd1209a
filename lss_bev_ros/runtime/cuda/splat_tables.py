"""A calibration's tables on the device, in buffers that stay where they are so that a graph can read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...geometry import Rig
from ...model import ModelConfig
from ..calibration_tables import CalibrationTables
from .percent import percent_thresholds


@dataclass(frozen=True, eq=False)
class CameraTables:
    """What the cameras of a rig that have an image mean, on the device.

    The network always runs all cameras of the rig; those without an image have no points here, whatever
    their pixels are. So a camera that is lost or comes back changes tables and nothing else.

    Attributes:
        rig: the whole of it.
        cameras: of the whole rig.
        slots: places in the rig of the cameras with an image.
        visible: (nx, ny) bool, the cells they see, on the host.
        weights: (points,) int32, pixel * D + bin of every kept point, by cell.
        cells: (K,) int32 that are hit, rising.
        starts: (K + 1,) int32, where each cell's points start.
        seen: (nx * ny,) uint8, `visible` on the device.
    """

    rig: Rig
    cameras: int
    slots: tuple[int, ...]
    visible: np.ndarray
    weights: torch.Tensor
    cells: torch.Tensor
    starts: torch.Tensor
    seen: torch.Tensor

    @classmethod
    def of(
        cls,
        tables: CalibrationTables,
        rig: Rig,
        names: tuple[str, ...],
        config: ModelConfig,
        device: torch.device,
    ) -> CameraTables:
        """Move the tables of `names`, in the rig's order, to their cameras' places and onto the device."""
        rows, columns = config.feature_shape
        slots = tuple(rig.names.index(name) for name in names)
        points = rows * columns * config.depth_bins
        splat = tables.splat
        # The tables number the cameras with an image; the network has a place for every camera.
        place = torch.tensor(slots)[splat.weights // points] * points + splat.weights % points
        seen = torch.from_numpy(np.array(tables.visible).reshape(-1).view(np.uint8))

        def move(values: torch.Tensor) -> torch.Tensor:
            return values.int().to(device)

        return cls(
            rig,
            len(rig.cameras),
            slots,
            tables.visible,
            move(place),
            move(splat.cells),
            move(splat.starts),
            seen.to(device),
        )


class DeviceTables:
    """The tables that a network reads, replaced in place.

    Args:
        config: of the network.
        cameras: number of them.
        device: where they live.

    Attributes:
        weights, cells, starts, seen: see `CameraTables`, with room for every point and cell.
        count: (1,) int32, cells that are hit.
        thresholds: (128,) float32, see `percent_thresholds`.
    """

    def __init__(self, config: ModelConfig, cameras: int, device: torch.device):
        rows, columns = config.feature_shape
        size = config.grid.shape[0] * config.grid.shape[1]

        def empty(count: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
            return torch.zeros(count, dtype=dtype, device=device)

        self.weights = empty(cameras * rows * columns * config.depth_bins)
        self.cells = empty(size)
        self.starts = empty(size + 1)
        self.count = empty(1)
        self.seen = empty(size, torch.uint8)
        self.thresholds = torch.from_numpy(percent_thresholds()).to(device)

    def load(self, tables: CameraTables) -> None:
        """Take over the tables of a calibration, on the current stream."""
        for name in ("weights", "cells", "starts", "seen"):
            values = getattr(tables, name)
            getattr(self, name)[: len(values)].copy_(values, non_blocking=True)
        self.count.fill_(len(tables.cells))
