"""What fills the space around the car: every surface's kind of thing, voxel by voxel.

A triangle is sampled densely enough that no voxel between its corners is missed, and a voxel that several
surfaces pass through has the thing that matters most to a driver: who moves before what stands before the
ground. Voxels inside of closed things stay free, as they do where LiDAR is the truth (Occ3D).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..geometry import BevGrid, Pose
from .noise import whole
from .things import occupied_classes, priorities

Z_MIN, Z_MAX, HEIGHTS = -1.0, 5.4, 16
"""Bounds of the voxels, metres, base_link, and their layers: those of Occ3D-nuScenes."""
PRIORITY_STEP = 256
"""A voxel holds a thing's priority times this, and its number."""


def thing_voxels(
    vertices: np.ndarray,
    things: np.ndarray,
    ego: Pose,
    grid: BevGrid,
    z_min: float = Z_MIN,
    z_max: float = Z_MAX,
    heights: int = HEIGHTS,
) -> np.ndarray:
    """Fill voxels with things.

    Args:
        vertices: (T, 3, 3) float32 triangles, metres, world.
        things: (T,) numbers in `THINGS`, as in `Mesh.thing`; of 0 fills nothing.
        ego: base_link in the world.
        grid: cells of the plane, base_link.
        z_min: lower bound of the voxels, metres, base_link.
        z_max: upper bound.
        heights: layers.

    Returns:
        (nx, ny, heights) uint8, numbers in `THINGS`, 0 where it is free.
    """
    inverse = ego.inverse()
    packed = np.zeros((*grid.shape, heights), np.int32)
    low, size = lattice(grid, z_min, z_max, heights)
    values = values_of(things)
    _fill(vertices, values, inverse.rotation, inverse.translation, low, size, packed)
    return (packed % PRIORITY_STEP).astype(np.uint8)


def surface_voxels(
    vertices: np.ndarray,
    things: np.ndarray,
    ego: Pose,
    grid: BevGrid,
    z_min: float = Z_MIN,
    z_max: float = Z_MAX,
    heights: int = HEIGHTS,
) -> np.ndarray:
    """As `thing_voxels`, but in Occ3D's classes: (nx, ny, heights) uint8, indices in `model.OCCUPIED`."""
    return occupied_classes()[thing_voxels(vertices, things, ego, grid, z_min, z_max, heights)]


def lattice(
    grid: BevGrid, z_min: float = Z_MIN, z_max: float = Z_MAX, heights: int = HEIGHTS
) -> tuple[np.ndarray, np.ndarray]:
    """The voxels' lower bounds and sides, (3,) float64 metres each, base_link."""
    low = np.array([grid.x_min, grid.y_min, z_min])
    return low, np.array([grid.resolution, grid.resolution, (z_max - z_min) / heights])


def values_of(things: np.ndarray) -> np.ndarray:
    """(T,) int32: what a thing leaves in a voxel if nothing larger does, 0 for nothing."""
    things = things.astype(np.int32)
    return np.where(things > 0, priorities()[things] * PRIORITY_STEP + things, 0).astype(np.int32)


@njit(cache=True, nogil=True)
def corner_places(triangle, rotation, translation, low, size, at):
    """A triangle's corners (3, 3) in voxels into `at`; whether its bounds meet `shape` is for the caller."""
    for k in range(3):
        for axis in range(3):
            value = translation[axis]
            for other in range(3):
                value += rotation[axis, other] * triangle[k, other]
            at[k, axis] = (value - low[axis]) / size[axis]


@njit(cache=True, nogil=True)
def steps_of(at):
    """Into how many steps each side of a triangle (3, 3), in voxels, is divided: half a voxel at most."""
    longest = 0.0
    for k in range(3):
        other = (k + 1) % 3
        for axis in range(3):
            longest = max(longest, abs(at[k, axis] - at[other, axis]))
    return 1 - whole(-2.0 * longest)


@njit(cache=True, nogil=True)
def outside(at, nx, ny, nz):
    """Whether the bounds of a triangle (3, 3), in voxels, miss the grid."""
    for axis in range(3):
        low = min(at[0, axis], at[1, axis], at[2, axis])
        high = max(at[0, axis], at[1, axis], at[2, axis])
        count = nx if axis == 0 else ny if axis == 1 else nz
        if high < 0 or low >= count:
            return True
    return False


@njit(cache=True, nogil=True)
def _fill(vertices, values, rotation, translation, low, size, packed):
    nx, ny, nz = packed.shape
    at = np.empty((3, 3))
    for t in range(len(vertices)):
        value = values[t]
        if value == 0:
            continue
        corner_places(vertices[t], rotation, translation, low, size, at)
        if outside(at, nx, ny, nz):
            continue
        steps = steps_of(at)
        for i in range(steps + 1):
            for j in range(steps + 1 - i):
                u, v = i / steps, j / steps
                x = whole(at[0, 0] + u * (at[1, 0] - at[0, 0]) + v * (at[2, 0] - at[0, 0]))
                y = whole(at[0, 1] + u * (at[1, 1] - at[0, 1]) + v * (at[2, 1] - at[0, 1]))
                z = whole(at[0, 2] + u * (at[1, 2] - at[0, 2]) + v * (at[2, 2] - at[0, 2]))
                if 0 <= x < nx and 0 <= y < ny and 0 <= z < nz and packed[x, y, z] < value:
                    packed[x, y, z] = value
