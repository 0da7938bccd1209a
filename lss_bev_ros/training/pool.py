"""All samples of a run on the device, so that a batch is an indexing and no loader is waited for."""

from __future__ import annotations

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


class SamplePool:
    """A ring of samples: when it is full, a new one takes the oldest one's place.

    Args:
        capacity: samples.
        layout, model: their shapes.
        device: where they are kept.
    """

    def __init__(self, capacity: int, layout: SampleLayout, model: ModelConfig, device: torch.device):
        n, h, w, step = layout.cameras, layout.height, layout.width, layout.depth_stride
        uint8 = torch.uint8
        self._images = torch.empty(capacity, n, h, w, 3, dtype=uint8, device=device)
        self._depth = torch.empty(capacity, n, h // step, w // step, dtype=uint8, device=device)
        self._raster = torch.empty(capacity, *model.grid.shape, dtype=uint8, device=device)
        self._calibration = torch.empty(capacity, n, 21, device=device)
        self._present = torch.empty(capacity, n, dtype=torch.bool, device=device)
        self.capacity = capacity
        self.added = 0

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self._images.device

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, sample: Sample) -> None:
        """Take a sample in."""
        self.put(self.added % self.capacity, sample)

    def put(self, k: int, sample: Sample) -> None:
        """Take a sample in at a place of one's own choice."""
        for field in ("images", "depth", "raster", "calibration", "present"):
            getattr(self, f"_{field}")[k].copy_(torch.from_numpy(getattr(sample, field)))
        self.added += 1

    def extend(self, block: SampleBlock) -> None:
        """Take samples in that are on the device already."""
        index = torch.arange(self.added, self.added + len(block), device=self._images.device) % self.capacity
        # Of more than there is room for, the last ones stay.
        index, kept = index[-self.capacity :], slice(max(0, len(block) - self.capacity), None)
        for field in ("images", "depth", "raster", "calibration", "present"):
            getattr(self, f"_{field}")[index] = getattr(block, field)[kept]
        self.added += len(block)

    def batch(self, index: torch.Tensor) -> Batch:
        """The samples of an index (B,) int64."""
        index = index.to(self._images.device, non_blocking=True)
        fields = (self._images, self._depth, self._raster, self._calibration, self._present)
        return Batch(*(field[index] for field in fields))


def sample_bytes(layout: SampleLayout, model: ModelConfig) -> int:
    """Memory that one sample takes."""
    pixels = layout.cameras * layout.height * layout.width
    nx, ny = model.grid.shape
    return pixels * 3 + pixels // layout.depth_stride**2 + nx * ny + layout.cameras * 85
