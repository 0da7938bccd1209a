"""What of Lift-Splat-Shoot can be chosen: input size, depth bins, channels and grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..errors import ModelError
from ..geometry import BevGrid
from .widths import Widths

DOWNSAMPLE = 16
"""Input pixels per feature cell, fixed by the trunk's fourth reduction (paper, section 4.1)."""

MOST = 20_000_000
"""Points of a camera's frustum, and cells, at most: no machine that the network runs on holds more."""


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network; the defaults are the published model (Philion and Fidler 2020, section 5).

    Attributes:
        image_height, image_width: network input, pixels; multiples of 32, so that all halvings are exact.
        bottom_cut: share of the resized image that is cut off at its bottom, 0 to 1 (the mean of the training
            augmentation's range in the official code).
        depth_min, depth_max, depth_step: depth bins from `depth_min` up to, without, `depth_max`, metres.
        focal: focal length at which the depths are metres, pixels of the network's input; a camera with a
            longer one has them farther away in proportion, so that what looks alike has the same depth in any
            camera (Yin et al., "Metric3D", ICCV 2023, section 3.2). 0: metres in all of them, as published.
        horizon: row of the network's input on which the horizon lies that a camera's calibration tells, so
            that a thing on level ground stands on the same row at the same distance however the camera is
            tilted; 0: rows by `bottom_cut` alone, as published.
        channels: context features a pixel, C in the paper.
        outputs: maps that the BEV encoder predicts.
        grid: the cells of the BEV; its sides are multiples of 8 cells, the BEV encoder's total stride.
        z_min, z_max: height of the one voxel that is collapsed into the BEV, metres, base_link.
        widths: channels of the layers between; a checkpoint's own are read off its shapes.
    """

    image_height: int = 128
    image_width: int = 352
    bottom_cut: float = 0.11
    depth_min: float = 4.0
    depth_max: float = 45.0
    depth_step: float = 1.0
    focal: float = 0.0
    horizon: float = 0.0
    channels: int = 64
    outputs: int = 1
    grid: BevGrid = field(default_factory=BevGrid)
    z_min: float = -10.0
    z_max: float = 10.0
    widths: Widths = field(default_factory=Widths)

    def __post_init__(self) -> None:
        for name in ("image_height", "image_width"):
            size = getattr(self, name)
            if size <= 0 or size % (2 * DOWNSAMPLE):
                raise ModelError(f"{name} {size} must be a positive multiple of {2 * DOWNSAMPLE}")
        if not 0.0 <= self.bottom_cut < 1.0:
            raise ModelError(f"bottom_cut {self.bottom_cut} must be at least 0 and below 1")
        if not (self.depth_step > 0 and 0 < self.depth_min < self.depth_max < math.inf):
            raise ModelError(
                f"depth bins {self.depth_min}:{self.depth_max}:{self.depth_step} must rise from above 0"
            )
        if not 0 <= self.focal < math.inf:
            raise ModelError(f"focal {self.focal} must be a focal length in pixels, or 0")
        if not 0 <= self.horizon < self.image_height:
            raise ModelError(f"horizon {self.horizon} must be a row of the input, or 0")
        if self.channels <= 0 or self.outputs <= 0:
            raise ModelError(f"channels {self.channels} and outputs {self.outputs} must be above 0")
        if any(cells % 8 for cells in self.grid.shape):
            raise ModelError(f"the grid's sides must be multiples of 8 cells, not {self.grid.shape}")
        if not self.z_max > self.z_min:
            raise ModelError(f"z_max {self.z_max} must be above z_min {self.z_min}")
        lifted, cells = self.depth_bins * math.prod(self.feature_shape), math.prod(self.grid.shape)
        if max(lifted, cells) > MOST:
            raise ModelError(
                f"{lifted} points of a camera's frustum and {cells} cells must be {MOST} at most: make the "
                f"image, the depth bins or the grid smaller"
            )

    @property
    def depth_bins(self) -> int:
        """Number of depth bins, D in the paper."""
        return math.ceil((self.depth_max - self.depth_min) / self.depth_step)

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Rows and columns of a camera's feature map."""
        return self.image_height // DOWNSAMPLE, self.image_width // DOWNSAMPLE
