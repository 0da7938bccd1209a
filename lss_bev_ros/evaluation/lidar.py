"""What a LiDAR scan alone says of the bird's-eye-view grid: occupied, free or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid
from ..geometry.ground import Ground, estimate_ground
from ..geometry.vehicle import RENAULT_ZOE, Vehicle

_SECTORS = 720
"""Sectors of half a degree: finer than a 0.5 m cell at 50 m, coarser than the LiDAR's 0.33 degrees."""

_ELEVATIONS = 360
"""Steps of a quarter degree from 45 degrees down to 45 up, finer than the 1.33 degrees between 32 beams."""

_CHECKS = 4
"""Places along the low part of a beam at which its height is compared with the ground's."""

_LOWEST = 0.15
"""Metres above ground below which no LiDAR sits. A scan with such an origin was put together from several and
moved to base_link, as T4's LIDAR_CONCAT; where its beams went is not known, so nothing is seen to be free."""

_EGO_MARGIN = 0.2
"""Metres around the ego vehicle in which returns are its own: mirrors, roof rack, calibration."""


@dataclass(frozen=True, eq=False)
class LidarGrid:
    """One scan on the grid.

    Attributes:
        occupied: (nx, ny) bool, a return came from obstacle height.
        free: (nx, ny) bool, a beam passed low and nothing was hit; never where occupied. The rest is unknown.
        heights: (M,) float64, metres above ground of the returns used.
        points: (M, 3), metres, base_link, the returns used: finite, not of the ego vehicle.
        ground: the estimated surface.
    """

    occupied: np.ndarray
    free: np.ndarray
    heights: np.ndarray
    points: np.ndarray
    ground: Ground


class LidarReference:
    """Turns scans into occupied, free and unknown cells.

    Occupied are cells with returns between `min_height` and `max_height` above ground. Free are cells that
    a beam crossed less than `free_height` above ground before it hit something: lower than the bonnet of a
    car, because a beam that passes at roof height says nothing of what stands below it.
    """

    def __init__(
        self,
        grid: BevGrid,
        min_height: float = 0.3,
        max_height: float = 2.5,
        free_height: float = 0.8,
        min_returns: int = 1,
        ego: Vehicle = RENAULT_ZOE,
    ) -> None:
        """Prepare for a grid.

        Args:
            grid: cells to fill.
            min_height: metres above ground below which a return is ground, kerb or grass.
            max_height: metres above ground above which it is a bridge or the crown of a tree.
            free_height: metres above ground below which a passing beam shows that no vehicle is there.
            min_returns: returns that make a cell occupied.
            ego: outline of the car that carries the LiDAR; returns on it are left out.
        """
        if not 0.0 < min_height < max_height:
            raise EvaluationError(
                f"min_height {min_height} must be above 0 and below max_height {max_height}"
            )
        if not free_height > 0.0:
            raise EvaluationError(f"free_height {free_height} must be above 0")
        if min_returns < 1:
            raise EvaluationError(f"min_returns {min_returns} must be at least 1")
        self.grid = grid
        self.min_height = min_height
        self.max_height = max_height
        self.free_height = free_height
        self.min_returns = min_returns
        self.ego = ego
        self._reach = float(np.abs([grid.x_min, grid.x_max, grid.y_min, grid.y_max]).max())
        self._polar = lru_cache(maxsize=2)(self._polar_cells)

    def observe(self, points: np.ndarray, origin: np.ndarray) -> LidarGrid:
        """Sort the cells by one scan.

        Args:
            points: (N, 3 or more), metres, base_link; only x, y and z are read.
            origin: (3,) the LiDAR in base_link, metres.

        Returns:
            Occupied and free cells.
        """
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] < 3:
            raise EvaluationError(f"a scan has shape {points.shape}; it must be (N, 3) or wider: x, y, z")
        points = points[:, :3].astype(np.float64)
        keep = np.isfinite(points).all(axis=1) & ~self.ego.covers(points, _EGO_MARGIN)
        points = points[keep]
        # Patches of 2 m or more, enough of them that the lattice reaches past the grid.
        half = max(20.0, 2.0 * np.ceil(self._reach * 1.2 / 2.0))
        ground = estimate_ground(points, half)
        heights = points[:, 2] - ground.height(points)
        occupied = self._occupied(points, heights)
        free = self._free(points, heights, np.asarray(origin, dtype=np.float64), ground) & ~occupied
        return LidarGrid(occupied, free, heights, points, ground)

    def _occupied(self, points: np.ndarray, heights: np.ndarray) -> np.ndarray:
        obstacle = (heights >= self.min_height) & (heights <= self.max_height)
        index, inside = self.grid.cells(points[obstacle])
        nx, ny = self.grid.shape
        returns = np.bincount(index[inside] @ np.array([ny, 1]), minlength=nx * ny)
        return returns.reshape(nx, ny) >= self.min_returns

    def _free(
        self, points: np.ndarray, heights: np.ndarray, origin: np.ndarray, ground: Ground
    ) -> np.ndarray:
        """Cells below the low part of a beam, found in polar coordinates around the LiDAR.

        Along a beam its height above ground falls from the LiDAR's own to the return's. So it is low from
        one distance to another, an interval in its sector; the union of a sector's intervals comes from
        counting starts and ends, which costs nothing per cell crossed.
        """
        blocked = self._blocked_from(points, heights, origin)
        # Returns from below ground are mirror images: their beams did not go where they seem to.
        low = (heights < self.free_height) & (heights > -0.5)
        points, heights, blocked = points[low], heights[low], blocked[low]
        if float(origin[2] - ground.height(origin[None])[0]) < _LOWEST:
            return np.zeros(self.grid.shape, dtype=bool)
        offset = points[:, :2] - origin[:2]
        distance = np.hypot(offset[:, 0], offset[:, 1])
        fall = self._low_from(points, heights, origin, ground)
        step = self.grid.resolution
        rings = int(np.ceil(2.0 * self._reach / step)) + 2
        begin = np.ceil(fall * distance / step).astype(np.int64)
        # The cell of an obstacle's return, and the one before it that may hold its edge, are not free.
        end = np.floor(distance / step - (heights >= self.min_height)).astype(np.int64)
        end = np.minimum(end, np.floor(blocked / step).astype(np.int64) - 1)
        crossed = (end >= begin) & (begin < rings)
        begin, end = begin[crossed], np.minimum(end[crossed], rings - 1)
        sector = _sector(offset[crossed])
        size = _SECTORS * (rings + 1)
        edges = np.bincount(sector * (rings + 1) + begin, minlength=size)
        edges = edges - np.bincount(sector * (rings + 1) + end + 1, minlength=size)
        swept = np.cumsum(edges.reshape(_SECTORS, rings + 1), axis=1) > 0
        seen: np.ndarray = swept.ravel()[self._polar(float(origin[0]), float(origin[1]), rings)]
        return seen

    def _blocked_from(self, points: np.ndarray, heights: np.ndarray, origin: np.ndarray) -> np.ndarray:
        """(N,) metres from the LiDAR at which a beam passes below an obstacle that a higher beam hit.

        LiDAR sees the road below cars and trucks; what it sees there is not free. Never is 1e6.
        """
        offset = points - origin
        distance = np.hypot(offset[:, 0], offset[:, 1])
        elevation = np.arctan2(offset[:, 2], distance)
        sector = _sector(offset)
        step = np.clip(
            ((elevation + np.pi / 4) * (_ELEVATIONS / (np.pi / 2))).astype(np.int64), 0, _ELEVATIONS - 1
        )
        obstacle = (heights >= self.min_height) & (heights <= self.max_height)
        nearest = np.full((_SECTORS, _ELEVATIONS + 1), 1e6)
        np.minimum.at(nearest, (sector[obstacle], step[obstacle]), distance[obstacle])
        nearest = np.minimum.accumulate(nearest[:, ::-1], axis=1)[:, ::-1]
        blocked: np.ndarray = nearest[sector, step + 1]
        return blocked

    def _low_from(
        self, points: np.ndarray, heights: np.ndarray, origin: np.ndarray, ground: Ground
    ) -> np.ndarray:
        """(N,) share of the way from LiDAR to return after which a beam stays below free_height."""
        start_height = float(origin[2] - ground.height(origin[None])[0])
        if start_height <= self.free_height:
            return np.zeros(len(points))
        fall = (start_height - self.free_height) / (start_height - heights)
        # That holds on even ground. Where the road rises further on, the beam is higher over its middle.
        begin = fall.copy()
        for k in range(_CHECKS):
            share = fall + (1.0 - fall) * k / _CHECKS
            beam = origin + share[:, None] * (points - origin)
            high = beam[:, 2] - ground.height(beam) > self.free_height + 0.02
            begin[high] = (fall + (1.0 - fall) * (k + 1) / _CHECKS)[high]
        return begin

    def _polar_cells(self, x: float, y: float, rings: int) -> np.ndarray:
        """(nx, ny) index into the flattened (sectors, rings + 1) table of every cell's centre."""
        offset = self.grid.centers() - np.array([x, y])
        ring = np.floor(np.hypot(offset[..., 0], offset[..., 1]) / self.grid.resolution).astype(np.int64)
        index: np.ndarray = _sector(offset) * (rings + 1) + np.minimum(ring, rings)
        return index


def _sector(offset: np.ndarray) -> np.ndarray:
    """(...,) sector of the direction of (..., 2 or more) x and y."""
    angle = np.arctan2(offset[..., 1], offset[..., 0])
    sector: np.ndarray = np.floor(angle * (_SECTORS / (2 * np.pi))).astype(np.int64) % _SECTORS
    return sector
