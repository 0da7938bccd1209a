"""All samples of a run on the device, so that a batch is an indexing and no loader is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..model import Calibration, ModelConfig
from .augmentation import Augmentation, geometry
from .config import SampleLayout
from .sample import Sample
from .sample_block import SampleBlock


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples as the device has them; shapes as in `Sample`, with B in front."""

    images: torch.Tensor
    depth: torch.Tensor
    raster: torch.Tensor
    calibration: torch.Tensor
    present: torch.Tensor

    def target(self, min_lidar_points: int) -> torch.Tensor:
        """(B, nx, ny) bool, vehicles with at least so many LiDAR returns."""
        return self.raster >= 128 + min_lidar_points

    def geometry(self, augmentation: Augmentation) -> Calibration:
        """The cameras behind the augmented pictures."""
        return geometry(self.calibration, augmentation)


class Ring:
    """Rows of several tensors; when it is full, a new row takes the oldest one's place.

    Args:
        capacity: rows.
        rows: name, shape and type of a row of each tensor.
        device: where they are kept.
    """

    def __init__(
        self, capacity: int, rows: Mapping[str, tuple[tuple[int, ...], torch.dtype]], device: torch.device
    ):
        self._kept = {
            name: torch.empty(capacity, *shape, dtype=kind, device=device)
            for name, (shape, kind) in rows.items()
        }
        self._device = torch.device(device)
        self.capacity = capacity
        self.added = 0

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self._device

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def extend(self, block) -> None:
        """Take rows in that are on the device already: an object with the tensors under their names."""
        count = len(block)
        index = torch.arange(self.added, self.added + count, device=self._device) % self.capacity
        # Of more than there is room for, the last ones stay.
        index, taken = index[-self.capacity :], slice(max(0, count - self.capacity), None)
        for name, kept in self._kept.items():
            kept[index] = getattr(block, name)[taken]
        self.added += count

    def rows(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        """The rows of an index (B,) int64, by name."""
        index = index.to(self._device, non_blocking=True)
        return {name: kept[index] for name, kept in self._kept.items()}


class SamplePool(Ring):
    """A ring of samples.

    Args:
        capacity: samples.
        layout, model: their shapes.
        device: where they are kept.
    """

    def __init__(self, capacity: int, layout: SampleLayout, model: ModelConfig, device: torch.device):
        n, h, w, step = layout.cameras, layout.height, layout.width, layout.depth_stride
        rows = {
            "images": ((n, h, w, 3), torch.uint8),
            "depth": ((n, h // step, w // step), torch.uint8),
            "raster": (model.grid.shape, torch.uint8),
            "calibration": ((n, 21), torch.float32),
            "present": ((n,), torch.bool),
        }
        super().__init__(capacity, rows, device)

    def add(self, sample: Sample) -> None:
        """Take a sample in."""
        self.put(self.added % self.capacity, sample)

    def put(self, k: int, sample: Sample) -> None:
        """Take a sample in at a place of one's own choice."""
        for name, kept in self._kept.items():
            kept[k].copy_(torch.from_numpy(getattr(sample, name)))
        self.added += 1

    def extend(self, block: SampleBlock | Sample) -> None:
        """Take samples in: several that are on the device already, or one."""
        if isinstance(block, Sample):
            self.add(block)
        else:
            super().extend(block)

    def batch(self, index: torch.Tensor) -> Batch:
        """The samples of an index (B,) int64."""
        return Batch(**self.rows(index))


def sample_bytes(layout: SampleLayout, model: ModelConfig) -> int:
    """Memory that one sample takes."""
    pixels = layout.cameras * layout.height * layout.width
    nx, ny = model.grid.shape
    return pixels * 3 + pixels // layout.depth_stride**2 + nx * ny + layout.cameras * 85
