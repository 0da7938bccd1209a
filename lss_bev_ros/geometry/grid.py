"""The bird's-eye-view grid in base_link."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import GeometryError


@dataclass(frozen=True)
class BevGrid:
    """A square-celled grid on the xy plane of base_link; arrays over it are indexed [x, y].

    Cell (i, j) covers x from `x_min + i * resolution` and y from `y_min + j * resolution`. The default is
    the grid of Lift-Splat-Shoot (Philion and Fidler 2020, section 5): 200 x 200 cells of 0.5 m.

    Attributes:
        x_min, x_max, y_min, y_max: bounds, metres, base_link.
        resolution: side of a cell, metres.
    """

    x_min: float = -50.0
    x_max: float = 50.0
    y_min: float = -50.0
    y_max: float = 50.0
    resolution: float = 0.5

    def __post_init__(self) -> None:
        sides = (self.x_max - self.x_min, self.y_max - self.y_min)
        if not self.resolution > 0 or not all(0 < side < math.inf for side in sides):
            raise GeometryError(f"a grid needs a positive resolution and max above min, got {self}")
        cells = [side / self.resolution for side in sides]
        if any(round(count) < 1 or abs(count - round(count)) > 1e-6 * count for count in cells):
            raise GeometryError(f"a grid's sides must be whole multiples of its resolution, got {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells along x and y."""
        return (
            round((self.x_max - self.x_min) / self.resolution),
            round((self.y_max - self.y_min) / self.resolution),
        )

    def cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the cells of points.

        Args:
            points: (..., 2 or more), metres, base_link; only x and y are read.

        Returns:
            index: (..., 2) int64 cell indices [i, j]; outside the grid they are out of range.
            inside: (...,) bool.
        """
        origin = np.array([self.x_min, self.y_min])
        position = np.floor((np.asarray(points)[..., :2] - origin) / self.resolution)
        # NaN, infinity and what overflows an integer lie outside, wherever the cast would put them.
        position = np.nan_to_num(np.clip(position, -1e9, 1e9), nan=-1.0)
        index = position.astype(np.int64)
        inside = ((index >= 0) & (index < np.array(self.shape))).all(axis=-1)
        return index, inside

    def centers(self) -> np.ndarray:
        """(nx, ny, 2) float64: x and y of every cell's centre, metres, base_link."""
        nx, ny = self.shape
        x = self.x_min + (np.arange(nx) + 0.5) * self.resolution
        y = self.y_min + (np.arange(ny) + 0.5) * self.resolution
        return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
