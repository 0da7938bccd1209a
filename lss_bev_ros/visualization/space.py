"""Voxels as one sees them from behind the car and above."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import palette

_NEAR = 0.5
"""Metres in front of the eye at which nothing is drawn any more."""

_FACES = (
    # Direction in which a face looks, and its corners in shares of a voxel.
    ((0, 0, 1), ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)), 1.0),
    ((0, 0, -1), ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)), 0.45),
    ((-1, 0, 0), ((0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)), 0.78),
    ((1, 0, 0), ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)), 0.6),
    ((0, -1, 0), ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)), 0.68),
    ((0, 1, 0), ((0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)), 0.68),
)
"""With how bright each is: light comes from above and behind."""

_SAME = 0.01
"""Metres: places that are nearer are one, since a cloud's numbers are rounded."""

_FIXED = 4
"""Bits of a pixel's fraction in OpenCV's fixed point."""


@dataclass(frozen=True)
class View:
    """From where to look.

    Attributes:
        eye, target: x, y, z in metres, base_link.
        field: degrees from the left edge to the right one.
    """

    eye: tuple[float, float, float] = (-26.0, 0.0, 20.0)
    target: tuple[float, float, float] = (10.0, 0.0, 0.0)
    field: float = 70.0

    def project(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Column, row in pixels and depth in metres (..., 3) of points (..., 3), metres, base_link."""
        forward = np.subtract(self.target, self.eye)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        seen = (points - np.array(self.eye)) @ np.stack([right, down, forward], axis=1)
        focal = size[0] / 2 / np.tan(np.radians(self.field) / 2)
        depth = seen[..., 2:]
        pixels = seen[..., :2] / np.maximum(depth, _NEAR) * focal + np.array(size) / 2
        return np.concatenate([pixels, depth], axis=-1)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Places on a lattice.

    Attributes:
        cells: (M, 3) int64, indices along x, y and z from 0.
        low: the corner at which they begin, metres.
        size: sides of a cell, metres.
    """

    cells: np.ndarray
    low: tuple[float, float, float]
    size: tuple[float, float, float]


def lattice(centers: np.ndarray) -> Lattice:
    """The cells of which finite places (M, 3), metres, are the middles."""
    if not len(centers):
        return Lattice(np.empty((0, 3), np.int64), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    centers = centers.astype(np.float64)
    first = centers.min(axis=0)
    size = np.array([_spacing(column) for column in centers.T])
    x, y, z = (first - size / 2).tolist()
    length, width, height = size.tolist()
    cells = np.round((centers - first) / size).astype(np.int64)
    return Lattice(cells, (x, y, z), (length, width, height))


def _spacing(values: np.ndarray) -> float:
    """Metres between neighbours of a lattice along one axis; 1 where all are in one place."""
    places = np.unique(values)
    steps = np.diff(places)
    steps = steps[steps > _SAME]
    if not len(steps):
        return 1.0
    whole = float(places[-1] - places[0])
    return whole / max(1, round(whole / float(steps.min())))


def voxel_image(
    cells: np.ndarray,
    colors: np.ndarray,
    low: tuple[float, float, float],
    voxel: tuple[float, float, float],
    size: tuple[int, int] = (960, 540),
    view: View | None = None,
) -> np.ndarray:
    """Draw occupied voxels, the farthest first; faces between two of them are left out.

    Args:
        cells: (M, 3) integers, indices along x, y and z, none below 0.
        colors: (M, 3) uint8 RGB.
        low: the corner at which indices begin, metres, base_link.
        voxel: sides of one, metres.
        size: width and height in pixels.
        view: from where to look.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    view = view or View()
    picture = np.full((size[1], size[0], 3), palette.PAGE, np.uint8)
    if not len(cells):
        return picture
    cells = np.asarray(cells, np.int64)
    full = np.zeros(cells.max(axis=0) + 3, bool)
    full[tuple((cells + 1).T)] = True
    quads, shades = [], []
    for toward, corners, light in _FACES:
        bare = ~full[tuple((cells + 1 + toward).T)]
        middle = np.array(low) + (cells[bare] + 0.5 + np.array(toward) / 2) * np.array(voxel)
        faced = ((np.array(view.eye) - middle) * toward).sum(axis=1) > 0
        shown = np.flatnonzero(bare)[faced]
        quads.append(np.array(low) + (cells[shown, None] + np.array(corners)) * np.array(voxel))
        shades.append(colors[shown].astype(np.float32) * light)
    pixels = view.project(np.concatenate(quads), size)
    shade = np.concatenate(shades)
    inside = (pixels[..., 2] > _NEAR).all(axis=1)
    inside &= ((pixels[..., :2] >= 0) & (pixels[..., :2] <= size)).any(axis=1).all(axis=1)
    pixels, shade = pixels[inside], shade[inside]
    order = np.argsort(-pixels[..., 2].mean(axis=1))
    outlines = np.round((pixels[order, :, :2] - 0.5) * (1 << _FIXED)).astype(np.int32)
    for outline, color in zip(outlines, shade[order].tolist(), strict=True):
        cv2.fillConvexPoly(picture, outline, color, cv2.LINE_8, _FIXED)
    return picture
