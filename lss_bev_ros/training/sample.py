"""One training sample as plain arrays, small enough to keep a hundred thousand on one GPU."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..geometry import BevGrid, Box, Rig, vehicle_raster

DEPTH_UNIT = 0.25
NO_DEPTH = 255
RETURNS_SHOWN = 127


@dataclass(frozen=True, eq=False)
class Sample:
    """Pictures, calibration and target.

    Attributes:
        images: (N, H, W, 3) uint8 RGB, a camera that is missing is black.
        depth: (N, H / 4, W / 4) uint8, quarter metres along the optical axis, 255 for unknown or farther.
        raster: (nx, ny) uint8, the LiDAR returns of the vehicle that covers the cell, counted up to 127, plus
            128; 0 where there is no vehicle.
        calibration: (N, 21) float32: rotation to base_link (9), translation (3), intrinsics (9).
        present: (N,) bool.
    """

    images: np.ndarray
    depth: np.ndarray
    raster: np.ndarray
    calibration: np.ndarray
    present: np.ndarray


def pack_calibration(rig: Rig) -> np.ndarray:
    """(N, 21) float32 of a rig's cameras."""
    rows = [
        np.concatenate([c.pose.rotation.ravel(), c.pose.translation, c.intrinsics.ravel()])
        for c in rig.cameras
    ]
    return np.array(rows, np.float32)


def pack_depth(depth: np.ndarray) -> np.ndarray:
    """Metres to uint8 quarters of a metre."""
    return np.clip(np.nan_to_num(np.round(depth / DEPTH_UNIT), posinf=NO_DEPTH), 0, NO_DEPTH).astype(np.uint8)


def pack_raster(boxes: Iterable[Box], grid: BevGrid) -> np.ndarray:
    """(nx, ny) uint8 as in `Sample.raster`; where vehicles overlap, the one with more returns counts."""
    raster = np.zeros(grid.shape, np.uint8)
    for box in boxes:
        if box.is_vehicle:
            # Where nobody counted, a vehicle is as good as seen: it was annotated.
            returns = RETURNS_SHOWN if box.num_lidar_pts < 0 else box.num_lidar_pts
            value = 128 + min(returns, RETURNS_SHOWN)
            np.maximum(raster, vehicle_raster([box], grid).astype(np.uint8) * np.uint8(value), out=raster)
    return raster
