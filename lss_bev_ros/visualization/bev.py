"""Pictures of the bird's-eye-view grid: x forward is up, y left is left."""

from __future__ import annotations

import cv2
import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid
from ..geometry.vehicle import RENAULT_ZOE, Vehicle
from . import palette


def bev_image(
    occupancy: np.ndarray,
    grid: BevGrid,
    scale: int = 4,
    truth: np.ndarray | None = None,
    points: np.ndarray | None = None,
    ego: Vehicle = RENAULT_ZOE,
) -> np.ndarray:
    """Draw an occupancy grid.

    Args:
        occupancy: (nx, ny) integers, -1 unknown (drawn hatched), 0 to 100 percent.
        grid: the cells.
        scale: pixels a cell.
        truth: (nx, ny) bool, annotated vehicles, drawn as outlines.
        points: (N, 2 or more), metres, base_link, drawn as dots.
        ego: outline of the car itself.

    Returns:
        (nx * scale, ny * scale, 3) uint8 RGB.
    """
    _check(occupancy, grid)
    colors = palette.probability_colors()[np.clip(occupancy, 0, 100)]
    picture = _cells(colors, scale)
    _hatch(picture, occupancy < 0, scale)
    return _decorate(picture, grid, scale, truth, points, ego)


def lidar_image(
    occupied: np.ndarray,
    free: np.ndarray,
    grid: BevGrid,
    scale: int = 4,
    truth: np.ndarray | None = None,
    ego: Vehicle = RENAULT_ZOE,
) -> np.ndarray:
    """Draw what a LiDAR scan knows of the grid: occupied bright, free dark, unknown hatched.

    Args:
        occupied: (nx, ny) bool.
        free: (nx, ny) bool.
        grid: the cells.
        scale: pixels a cell.
        truth: (nx, ny) bool, annotated vehicles, drawn as outlines.
        ego: outline of the car itself.

    Returns:
        (nx * scale, ny * scale, 3) uint8 RGB.
    """
    _check(occupied, grid)
    _check(free, grid)
    colors = np.empty((*grid.shape, 3), dtype=np.uint8)
    colors[...] = palette.UNKNOWN
    colors[free] = palette.FREE
    colors[occupied] = palette.OBSTACLE
    picture = _cells(colors, scale)
    _hatch(picture, ~(occupied | free), scale)
    return _decorate(picture, grid, scale, truth, None, ego)


def truth_image(truth: np.ndarray, grid: BevGrid, scale: int = 4, ego: Vehicle = RENAULT_ZOE) -> np.ndarray:
    """Draw annotated vehicles (nx, ny) bool: (nx * scale, ny * scale, 3) uint8 RGB."""
    _check(truth, grid)
    colors = np.where(truth[..., None], np.array(palette.TRUTH, np.uint8), np.array(palette.PANEL, np.uint8))
    return _decorate(_cells(colors, scale), grid, scale, None, None, ego)


def grid_picture(colors: np.ndarray, grid: BevGrid, scale: int = 4, ego: Vehicle = RENAULT_ZOE) -> np.ndarray:
    """Draw cells in colours of their own (nx, ny, 3) uint8: (nx * scale, ny * scale, 3) uint8 RGB."""
    _check(colors[..., 0], grid)
    return _decorate(_cells(colors, scale), grid, scale, None, None, ego)


def bev_pixels(points: np.ndarray, grid: BevGrid, scale: int) -> np.ndarray:
    """Where points (..., 2 or more), metres, base_link, lie in the picture: (..., 2) float64 column, row.

    Whole numbers are the corners of pixels, so the picture spans 0 to its size.
    """
    points = np.asarray(points, dtype=np.float64)
    row = (grid.x_max - points[..., 0]) / grid.resolution * scale
    column = (grid.y_max - points[..., 1]) / grid.resolution * scale
    return np.stack([column, row], axis=-1)


def _check(array: np.ndarray, grid: BevGrid) -> None:
    if array.shape != grid.shape:
        raise EvaluationError(f"a picture of {array.shape} cells cannot be drawn on a grid of {grid.shape}")


def _cells(colors: np.ndarray, scale: int) -> np.ndarray:
    """Colours (nx, ny, 3) of cells as a picture: x up, y left, `scale` pixels a cell."""
    return np.ascontiguousarray(colors[::-1, ::-1].repeat(scale, axis=0).repeat(scale, axis=1))


def _hatch(picture: np.ndarray, cells: np.ndarray, scale: int) -> None:
    """Fill cells (nx, ny) bool with diagonal stripes, a pattern that no probability has."""
    height, width = picture.shape[:2]
    period = max(8, 3 * scale)
    diagonal = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < period // 4
    stripe, plain = np.array(palette.UNKNOWN_STRIPE, np.uint8), np.array(palette.UNKNOWN, np.uint8)
    stripes = np.where(diagonal[..., None], stripe, plain)
    mask = cells[::-1, ::-1].repeat(scale, axis=0).repeat(scale, axis=1)
    picture[mask] = stripes[mask]


def _decorate(
    picture: np.ndarray,
    grid: BevGrid,
    scale: int,
    truth: np.ndarray | None,
    points: np.ndarray | None,
    ego: Vehicle,
) -> np.ndarray:
    """Draw rings every 10 m, dots, outlines of vehicles and the car over a picture, in place."""
    _rings(picture, grid, scale)
    if points is not None:
        column, row = np.floor(bev_pixels(points, grid, scale)).astype(np.int64).T
        inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
        picture[row[inside], column[inside]] = palette.OBSTACLE
    if truth is not None:
        _check(truth, grid)
        mask = truth[::-1, ::-1].astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, palette.TRUTH, max(1, scale // 2), cv2.LINE_8)
    _car(picture, grid, scale, ego)
    return picture


def _rings(picture: np.ndarray, grid: BevGrid, scale: int) -> None:
    overlay = picture.copy()
    center = _fixed(bev_pixels(np.zeros(2), grid, scale))
    reach = max(abs(grid.x_min), abs(grid.x_max), abs(grid.y_min), abs(grid.y_max))
    for radius in np.arange(10.0, reach * 1.5, 10.0):
        pixels = round(radius / grid.resolution * scale * 16)
        cv2.circle(overlay, tuple(center), pixels, palette.RING, 1, cv2.LINE_AA, shift=4)
    cv2.addWeighted(overlay, 0.13, picture, 0.87, 0.0, dst=picture)


def _car(picture: np.ndarray, grid: BevGrid, scale: int, ego: Vehicle) -> None:
    """The footprint, with a windscreen so that one sees which way it looks."""
    outline = ego.outline
    front, half = outline[0]
    glass = np.array([[0.72, 0.7], [0.72, -0.7], [0.48, -0.85], [0.48, 0.85]]) * [front, half]
    cv2.fillPoly(picture, [_fixed(bev_pixels(outline, grid, scale))], palette.EGO, cv2.LINE_AA, shift=4)
    cv2.fillPoly(picture, [_fixed(bev_pixels(glass, grid, scale))], palette.PAGE, cv2.LINE_AA, shift=4)


def _fixed(pixels: np.ndarray) -> np.ndarray:
    """Corner-based pixel positions as OpenCV's fixed point, whose whole numbers are centres of pixels."""
    return np.round((pixels - 0.5) * 16).astype(np.int32)
