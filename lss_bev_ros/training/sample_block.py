"""Samples that were drawn on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class SampleBlock:
    """Samples on the device; shapes as in `Sample`, with the number of samples in front."""

    images: torch.Tensor
    depth: torch.Tensor
    raster: torch.Tensor
    calibration: torch.Tensor
    present: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)
