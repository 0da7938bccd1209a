"""Annotated vehicles as a bird's-eye-view raster."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from .box import Box
from .grid import BevGrid


def vehicle_raster(boxes: Iterable[Box], grid: BevGrid, min_lidar_pts: int = 0) -> np.ndarray:
    """Rasterise vehicles as Lift-Splat-Shoot does for training and evaluation.

    The bottom corners are rounded to cell indices and the polygon between them is filled, its border
    included (Philion and Fidler 2020, section 5, and `get_binimg` of the published code). The raster
    therefore grows a vehicle by up to half a cell; scores against it compare with the paper's.

    Args:
        boxes: annotations in base_link; only vehicles count.
        grid: cells of the raster.
        min_lidar_pts: leave out vehicles with fewer LiDAR returns, where they were counted; LSS keeps all.

    Returns:
        (nx, ny) bool, indexed [x, y].
    """
    # Rows are x and columns y; OpenCV takes a polygon's points as (column, row).
    raster = np.zeros(grid.shape, dtype=np.uint8)
    origin = np.array([grid.x_min, grid.y_min])
    for box in boxes:
        if not box.is_vehicle or 0 <= box.num_lidar_pts < min_lidar_pts:
            continue
        corners = box.corners()[:4, :2]
        # Centre of the first cell and half a cell cancel to the origin, up to float32 rounding in LSS.
        index = np.round((corners - origin) / grid.resolution)
        # Far boxes are clipped by OpenCV, but only within 16 bits of sub-pixel range.
        if np.abs(index).max() < 30000:
            cv2.fillPoly(raster, [index[:, ::-1].astype(np.int32)], (1,))
    return raster.astype(bool)
