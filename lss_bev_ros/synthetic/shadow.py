"""Shadows: what the sun does not reach, and how little of the sky a place near the ground sees."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from .rasterizer import draw_flat

NEAR_RADIUS, FAR_RADIUS = 48.0, 180.0
MAP_SIZE = 2048
CONTACT_RADIUS, CONTACT_SCALE = 60.0, 5.0
"""The contact map covers so many metres each way, with so many elements a metre."""


class Shadows(NamedTuple):
    """Maps that a shader looks up.

    Attributes:
        axes: right, down and sunwards in the world, nine numbers.
        near_offset, far_offset: corners of the two maps along right and down, metres.
        near_scale, far_scale: elements a metre.
        near, far: (MAP_SIZE, MAP_SIZE) float32, greatest height sunwards, metres.
        contact: (N, N) float32, share of the sky hidden just above the ground.
        contact_offset: world x and y of its corner.
    """

    axes: tuple[float, ...]
    near_offset: tuple[float, float]
    near_scale: float
    near: np.ndarray
    far_offset: tuple[float, float]
    far_scale: float
    far: np.ndarray
    contact: np.ndarray
    contact_offset: tuple[float, float]


def sun_axes(sun: np.ndarray) -> np.ndarray:
    """(3, 3) float64 axes of a shadow map for a unit vector towards the sun."""
    right = np.cross([0.0, 0.0, 1.0], sun)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(sun, right), sun])


def blank_map(
    axes: np.ndarray, center: np.ndarray, radius: float, size: int = MAP_SIZE
) -> tuple[np.ndarray, np.ndarray, float]:
    """Heights (size, size) float32 around a place (3,) of the world, the map's corner (2,), and its scale."""
    scale = size / (2 * radius)
    # Snapped to whole elements so that a static map does not crawl from frame to frame.
    offset = np.floor((axes[:2] @ center - radius) * scale) / scale
    return np.full((size, size), -1e6, np.float32), offset, scale


def contact_corner(center: np.ndarray) -> tuple[float, float]:
    """World x and y of the corner of the contact map around a place."""
    return float(center[0] - CONTACT_RADIUS), float(center[1] - CONTACT_RADIUS)


def contact_map(corner: tuple[float, float], outlines: list[np.ndarray]) -> np.ndarray:
    """(N, N) float32 share of the sky hidden by things with these footprints (4, 2), world."""
    size = int(2 * CONTACT_RADIUS * CONTACT_SCALE)
    contact = np.zeros((size, size), np.float32)
    for outline in outlines:
        corners = (outline - corner) * CONTACT_SCALE
        cv2.fillConvexPoly(contact, np.round(corners * 16).astype(np.int32), (1.0,), shift=4)
    near, far = cv2.blur(cv2.blur(contact, (7, 7)), (5, 5)), cv2.blur(cv2.blur(contact, (17, 17)), (11, 11))
    return 0.55 * near + 0.3 * far


def static_shadows(vertices: np.ndarray, sun: np.ndarray, center: np.ndarray) -> Shadows:
    """Shadow maps of what does not move, around a place (3,) of the world."""
    axes = sun_axes(sun)
    near, near_offset, near_scale = blank_map(axes, center, NEAR_RADIUS)
    far, far_offset, far_scale = blank_map(axes, center, FAR_RADIUS)
    draw_flat(vertices, axes, near_offset, near_scale, near)
    draw_flat(vertices, axes, far_offset, far_scale, far)
    corner = contact_corner(center)
    flat = tuple(float(v) for v in axes.ravel())
    return Shadows(
        flat,
        tuple(near_offset.tolist()),
        near_scale,
        near,
        tuple(far_offset.tolist()),
        far_scale,
        far,
        contact_map(corner, []),
        corner,
    )


def with_moving(shadows: Shadows, vertices: np.ndarray, outlines: list[np.ndarray]) -> Shadows:
    """The maps with moving things added.

    Args:
        shadows: maps of what stands still; left unchanged.
        vertices: (T, 3, 3) float32, moving triangles, world.
        outlines: (4, 2) each: footprints of all things that stand low over the ground, world.
    """
    near, far = shadows.near.copy(), shadows.far.copy()
    axes = np.array(shadows.axes).reshape(3, 3)
    draw_flat(vertices, axes, np.array(shadows.near_offset), shadows.near_scale, near)
    draw_flat(vertices, axes, np.array(shadows.far_offset), shadows.far_scale, far)
    return shadows._replace(near=near, far=far, contact=contact_map(shadows.contact_offset, outlines))


@njit(cache=True, nogil=True, fastmath=True)
def _compare(keys, x, y, key):
    """Share of the four nearest elements that lie no nearer to the sun, weighted as in bilinear lookup."""
    j, i = int(x), int(y)
    fx, fy = x - j, y - i
    a = 1.0 if keys[i, j] <= key else 0.0
    b = 1.0 if keys[i, j + 1] <= key else 0.0
    c = 1.0 if keys[i + 1, j] <= key else 0.0
    d = 1.0 if keys[i + 1, j + 1] <= key else 0.0
    return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy


@njit(cache=True, nogil=True, fastmath=True)
def sunlit(x, y, z, axes, near, near_offset, near_scale, far, far_offset, far_scale):
    """Share of the sun that reaches a place of the world, 0 to 1; the maps as in `Shadows`."""
    right = axes[0] * x + axes[1] * y + axes[2] * z
    down = axes[3] * x + axes[4] * y + axes[5] * z
    key = axes[6] * x + axes[7] * y + axes[8] * z
    u = (right - near_offset[0]) * near_scale - 0.5
    v = (down - near_offset[1]) * near_scale - 0.5
    size = near.shape[0]
    if 2 < u < size - 4 and 2 < v < size - 4:
        middle = _compare(near, u, v, key + 0.06)
        if middle == 0.0 or middle == 1.0:
            return middle
        sides = _compare(near, u + 0.9, v + 0.4, key + 0.06) + _compare(near, u - 0.9, v - 0.4, key + 0.06)
        return 0.5 * middle + 0.25 * sides
    u = (right - far_offset[0]) * far_scale - 0.5
    v = (down - far_offset[1]) * far_scale - 0.5
    if 0 < u < size - 2 and 0 < v < size - 2:
        return _compare(far, u, v, key + 0.25)
    return 1.0


@njit(cache=True, nogil=True, fastmath=True)
def openness(x, y, contact, contact_offset):
    """Share of the sky that the ground at world x and y sees beside parked cars and the like."""
    u = (x - contact_offset[0]) * CONTACT_SCALE - 0.5
    v = (y - contact_offset[1]) * CONTACT_SCALE - 0.5
    size = contact.shape[0]
    if not (0 < u < size - 2 and 0 < v < size - 2):
        return 1.0
    j, i = int(u), int(v)
    fx, fy = u - j, v - i
    top = contact[i, j] * (1 - fx) + contact[i, j + 1] * fx
    bottom = contact[i + 1, j] * (1 - fx) + contact[i + 1, j + 1] * fx
    return 1.0 - (top * (1 - fy) + bottom * fy)
