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
        axes: (3, 3) float64, right, down and sunwards in the world.
        near_offset, far_offset: (2,) float64, corners of the two maps along right and down, metres.
        near_scale, far_scale: elements a metre.
        near, far: (MAP_SIZE, MAP_SIZE) float32, greatest height sunwards, metres.
        contact: (N, N) float32, share of the sky hidden just above the ground.
        contact_offset: (2,) float64, world x and y of its corner.
    """

    axes: np.ndarray
    near_offset: np.ndarray
    near_scale: float
    near: np.ndarray
    far_offset: np.ndarray
    far_scale: float
    far: np.ndarray
    contact: np.ndarray
    contact_offset: np.ndarray


def sun_axes(sun: np.ndarray) -> np.ndarray:
    """(3, 3) float64 axes of a shadow map for a unit vector towards the sun."""
    right = np.cross([0.0, 0.0, 1.0], sun)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(sun, right), sun])


def _blank(axes: np.ndarray, center: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, float]:
    scale = MAP_SIZE / (2 * radius)
    # Snapped to whole elements so that a static map does not crawl from frame to frame.
    offset = np.floor((axes[:2] @ center - radius) * scale) / scale
    return np.full((MAP_SIZE, MAP_SIZE), -1e6, np.float32), offset, scale


def static_shadows(vertices: np.ndarray, sun: np.ndarray, center: np.ndarray) -> Shadows:
    """Shadow maps of what does not move, around a place (3,) of the world."""
    axes = sun_axes(sun)
    near, near_offset, near_scale = _blank(axes, center, NEAR_RADIUS)
    far, far_offset, far_scale = _blank(axes, center, FAR_RADIUS)
    draw_flat(vertices, axes, near_offset, near_scale, near)
    draw_flat(vertices, axes, far_offset, far_scale, far)
    size = int(2 * CONTACT_RADIUS * CONTACT_SCALE)
    contact = np.zeros((size, size), np.float32)
    return Shadows(axes, near_offset, near_scale, near, far_offset, far_scale, far, contact, center[:2] - CONTACT_RADIUS)


def with_moving(shadows: Shadows, vertices: np.ndarray, outlines: list[np.ndarray]) -> Shadows:
    """The maps with moving things added.

    Args:
        shadows: maps of what stands still; left unchanged.
        vertices: (T, 3, 3) float32, moving triangles, world.
        outlines: (4, 2) each: footprints of all things that stand low over the ground, world.
    """
    near, far = shadows.near.copy(), shadows.far.copy()
    draw_flat(vertices, shadows.axes, shadows.near_offset, shadows.near_scale, near)
    draw_flat(vertices, shadows.axes, shadows.far_offset, shadows.far_scale, far)
    contact = np.zeros_like(shadows.contact)
    for outline in outlines:
        corners = (outline - shadows.contact_offset) * CONTACT_SCALE
        cv2.fillConvexPoly(contact, np.round(corners * 16).astype(np.int32), 1.0, shift=4)
    contact = 0.55 * cv2.blur(cv2.blur(contact, (7, 7)), (5, 5)) + 0.3 * cv2.blur(cv2.blur(contact, (17, 17)), (11, 11))
    return shadows._replace(near=near, far=far, contact=contact)


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
def sunlit(x, y, z, shadows):
    """Share of the sun that reaches a place of the world, 0 to 1."""
    axes = shadows.axes
    right = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
    down = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
    key = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
    u = (right - shadows.near_offset[0]) * shadows.near_scale - 0.5
    v = (down - shadows.near_offset[1]) * shadows.near_scale - 0.5
    size = shadows.near.shape[0]
    if 1 < u < size - 3 and 1 < v < size - 3:
        total = _compare(shadows.near, u, v, key + 0.06) * 2.0
        total += _compare(shadows.near, u + 0.9, v + 0.4, key + 0.06) + _compare(shadows.near, u - 0.9, v - 0.4, key + 0.06)
        return 0.25 * total
    u = (right - shadows.far_offset[0]) * shadows.far_scale - 0.5
    v = (down - shadows.far_offset[1]) * shadows.far_scale - 0.5
    if 0 < u < size - 2 and 0 < v < size - 2:
        return _compare(shadows.far, u, v, key + 0.25)
    return 1.0


@njit(cache=True, nogil=True, fastmath=True)
def openness(x, y, shadows):
    """Share of the sky that the ground at world x and y sees beside parked cars and the like."""
    u = (x - shadows.contact_offset[0]) * CONTACT_SCALE - 0.5
    v = (y - shadows.contact_offset[1]) * CONTACT_SCALE - 0.5
    size = shadows.contact.shape[0]
    if not (0 < u < size - 2 and 0 < v < size - 2):
        return 1.0
    j, i = int(u), int(v)
    fx, fy = u - j, v - i
    top = shadows.contact[i, j] * (1 - fx) + shadows.contact[i, j + 1] * fx
    bottom = shadows.contact[i + 1, j] * (1 - fx) + shadows.contact[i + 1, j + 1] * fx
    return 1.0 - (top * (1 - fy) + bottom * fy)
