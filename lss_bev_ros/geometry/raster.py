"""What lies in the plane as bird's-eye-view rasters: annotated vehicles, areas and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from .box import Box
from .grid import BevGrid
from .pose import Pose

_SHIFT = 6
_LIMIT = 2.0**15
"""OpenCV clips lines in 16 bits of cells; farther places are brought to this rim."""


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


def to_cells(points: np.ndarray, ego: Pose, grid: BevGrid) -> np.ndarray:
    """Places of the world in cells of a grid around a car.

    Args:
        points: (N, 2) metres, world.
        ego: base_link in the world; its yaw and place count.
        grid: cells, base_link.

    Returns:
        (N, 2) float64, the first cell's centre at 0; places outside the grid are kept.
    """
    cos, sin = np.cos(ego.yaw), np.sin(ego.yaw)
    local = (points - ego.translation[:2]) @ np.array([[cos, -sin], [sin, cos]])
    corner = np.array([grid.x_min, grid.y_min])
    cells: np.ndarray = (local - corner) / grid.resolution - 0.5
    return cells


def fill_rings(canvas: np.ndarray, rings: Sequence[np.ndarray]) -> None:
    """Mark the cells whose centre lies within an odd number of rings: within a polygon, not in its holes.

    Args:
        canvas: (nx, ny) bool, indexed [x, y].
        rings: each (N, 2), from `to_cells`; the last place is joined to the first.
    """
    near = [ring for ring in rings if len(ring) > 2 and _near(canvas, ring)]
    if not near:
        return
    begin = np.concatenate(near)
    end = np.concatenate([np.roll(ring, -1, 0) for ring in near])
    # Each edge crosses the rows from one end's to before the other's, so that a shared corner counts once.
    first = np.clip(np.ceil(np.minimum(begin[:, 0], end[:, 0])), 0, len(canvas)).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(begin[:, 0], end[:, 0])), 0, len(canvas)).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(begin)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    slope = (end[edge, 1] - begin[edge, 1]) / (end[edge, 0] - begin[edge, 0])
    column = np.ceil(begin[edge, 1] + (row - begin[edge, 0]) * slope)
    column = np.clip(column, 0, canvas.shape[1]).astype(np.int64)
    if not len(edge):
        return
    top, bottom, left, right = row.min(), row.max() + 1, column.min(), column.max() + 1
    place = (row - top) * (right - left) + column - left
    turns = np.bincount(place, minlength=(bottom - top) * (right - left)).reshape(bottom - top, -1)
    # A row's crossings come in pairs, so that nothing is inside behind its last one.
    inside = np.cumsum(turns, axis=1)[:, :-1] % 2 == 1
    canvas[top:bottom, left : right - 1] |= inside


def draw_line(canvas: np.ndarray, places: np.ndarray, closed: bool, width: int = 1) -> None:
    """Mark the cells that a line passes through.

    Args:
        canvas: (nx, ny) uint8, indexed [x, y].
        places: (N, 2), from `to_cells`.
        closed: whether the last place is joined to the first.
        width: of the line, cells.
    """
    if len(places) and _near(canvas, places):
        # Rows are x and columns y; OpenCV takes (column, row), here in 1 / 64 of a cell.
        points = np.clip(places[:, ::-1], -_LIMIT, _LIMIT) * (1 << _SHIFT)
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], closed, (1,), width, shift=_SHIFT)


def _near(canvas: np.ndarray, places: np.ndarray) -> bool:
    """Whether the bounds of a shape meet the grid."""
    low, high = places.min(0), places.max(0)
    return bool((high > -1).all() and (low < canvas.shape).all())
