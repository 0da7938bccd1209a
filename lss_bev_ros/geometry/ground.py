"""The ground below a LiDAR scan."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_LOW_SHARE = 0.1
"""Share of a patch's returns that may lie below its ground height: mirror images in glass and wet roads."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A ground surface: a plane, and what is added to it on a square lattice, interpolated bilinearly.

    Attributes:
        plane: (3,) float64 slope along x, slope along y, and height in metres at the base_link origin.
        correction: (n, n) float64, metres above the plane, [x, y]; beyond it the border's goes on.
        half: half the side of the lattice's square, metres.
        spacing: metres between lattice points.
    """

    plane: np.ndarray
    correction: np.ndarray
    half: float
    spacing: float

    def height(self, xy: np.ndarray) -> np.ndarray:
        """Ground height (N,) in metres, base_link, at points (N, 2 or more) of base_link."""
        top = len(self.correction) - 1.001
        position = np.clip((xy[:, :2] + self.half) / self.spacing - 0.5, 0.0, top)
        i, j = position.T.astype(np.int64)
        u, v = position[:, 0] - i, position[:, 1] - j
        c = self.correction
        near = c[i, j] + v * (c[i, j + 1] - c[i, j])
        far = c[i + 1, j] + v * (c[i + 1, j + 1] - c[i + 1, j])
        height: np.ndarray = xy[:, :2] @ self.plane[:2] + self.plane[2] + near + u * (far - near)
        return height


def estimate_ground(points: np.ndarray, half: float = 60.0, spacing: float = 2.0) -> Ground:
    """Find the ground below a scan.

    The car stands on it, so it passes near the base_link origin; real streets slope, bend and have kerbs.
    First the low returns of every 2 m patch are gathered. A plane is fitted to them that follows the low
    ones (least squares, reweighted so that a patch above the plane counts little and one far above nothing:
    it shows a roof, not the road). Then the remainder, up to half a metre, is averaged over the patches
    around, first widely and then narrowly.

    Args:
        points: (N, 3 or more), metres, base_link, the ego vehicle's own returns removed.
        half: half the side of the square to cover, metres.
        spacing: side of a patch, metres.

    Returns:
        The surface; level through the origin where there are too few returns.
    """
    count = round(2 * half / spacing)
    low = _low_returns(points, half, spacing, count)
    if len(low) < 3:
        return Ground(np.zeros(3), np.zeros((count, count)), half, spacing)
    plane = _fit_plane(low[:, :3])
    correction = np.zeros((count, count))
    i, j = low[:, 3].astype(np.int64), low[:, 4].astype(np.int64)
    # Each round trusts patches nearer to the surface of the round before, and averages over fewer of them.
    for width, trust in ((9, 0.5), (5, 0.3), (3, 0.2)):
        # Heights are compared at the return, not at the patch's centre: on a slope that is centimetres apart.
        above = low[:, 2] - Ground(plane, correction, half, spacing).height(low)
        weight = np.zeros((count, count))
        weight[i, j] = np.where((above > -2 * trust) & (above < trust), 1.0, 0.0)
        total = np.zeros((count, count))
        total[i, j] = weight[i, j] * above
        correction = correction + _sum_around(total, width) / (_sum_around(weight, width) + 1.0)
    return Ground(plane, correction, half, spacing)


def _sum_around(values: np.ndarray, width: int) -> np.ndarray:
    """The sum over the square of so many patches around each patch."""
    return cv2.boxFilter(values, -1, (width, width), normalize=False, borderType=cv2.BORDER_CONSTANT)


def _low_returns(points: np.ndarray, half: float, spacing: float, count: int) -> np.ndarray:
    """(M, 5) x, y, z, i, j of one low return a patch, the lowest but a tenth."""
    index = np.floor((points[:, :2] + half) / spacing).astype(np.int64)
    inside = ((index >= 0) & (index < count)).all(axis=1)
    # Far below or above the road through the car, even on a steep hill, nothing is ground.
    inside &= np.abs(points[:, 2]) < 2.0 + 0.15 * np.abs(points[:, :2]).max(axis=1, initial=0.0)
    patch = (index[:, 0] * count + index[:, 1])[inside]
    candidates = points[inside, :3]
    order = np.lexsort((candidates[:, 2], patch))
    patch = patch[order]
    if not len(patch):
        return np.empty((0, 5))
    first = np.flatnonzero(np.r_[True, patch[1:] != patch[:-1]])
    size = np.diff(np.r_[first, len(patch)])
    chosen = first + (size * _LOW_SHARE).astype(np.int64)
    low = candidates[order[chosen]]
    return np.column_stack([low, patch[first] // count, patch[first] % count])


def _fit_plane(low: np.ndarray) -> np.ndarray:
    """Slope along x, slope along y and height at the origin of the plane through the low ones of (M, 3)."""
    design = np.column_stack([low[:, :2], np.ones(len(low))])
    distance = np.linalg.norm(low[:, :2], axis=1)
    # The wheels stand on the ground, so it starts level through the origin.
    plane = np.zeros(3)
    for scale in (1.0, 0.5, 0.3, 0.2, 0.15, 0.15):
        above = low[:, 2] - design @ plane
        # Far patches are let in with the slope they may have before the slope is known.
        allowed = scale + (0.05 * distance if scale > 0.5 else 0.0)
        weight = np.exp(-np.square(np.maximum(above, 0.3 * above) / allowed).clip(max=50.0))
        weighted = design * weight[:, None]
        normal = weighted.T @ design
        # A mild prior keeps the fit defined where returns lie on one line.
        normal += np.diag([1e-3, 1e-3, 1e-3])
        plane = np.linalg.solve(normal, weighted.T @ low[:, 2])
    return plane
