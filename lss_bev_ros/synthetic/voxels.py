"""What fills the space around the car: every surface's class, voxel by voxel.

A triangle is sampled densely enough that no voxel between its corners is missed, and a voxel that several
surfaces pass through has the class that matters most to a driver: who moves before what stands before the
ground. Voxels inside of closed things stay free, as they do where LiDAR is the truth (Occ3D).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..geometry import BevGrid, Pose
from .material import ASPHALT, BARK, CHECKER, FOLIAGE, GRASS, KERB, MARKING, PAVING, Materials
from .mesh import Mesh

FREE = 17
"""Occ3D's number for free space."""
UNSEEN = -1
"""Class of a triangle that fills no voxel."""

_GROUND = {ASPHALT: 11, MARKING: 11, PAVING: 13, KERB: 13, GRASS: 14, FOLIAGE: 16, BARK: 16, CHECKER: 15}
_MANMADE = 15
_PAINT_HEIGHT = 0.02
_ACTORS = (
    ("movable_object.barrier", 1),
    ("vehicle.bicycle", 2),
    ("vehicle.bus", 3),
    ("vehicle.car", 4),
    ("vehicle.emergency", 4),
    ("vehicle.construction", 5),
    ("vehicle.motorcycle", 6),
    ("human.pedestrian", 7),
    ("movable_object.trafficcone", 8),
    ("vehicle.trailer", 9),
    ("vehicle.truck", 10),
)
PRIORITY = np.array([9, 8, 13, 10, 10, 10, 13, 14, 12, 10, 10, 2, 2, 3, 4, 6, 5, 0], np.int32)
"""Of the 18 classes: where two meet in a voxel, the larger one's class counts."""


def class_of_category(category: str) -> int:
    """Occ3D's class of a nuScenes category; `others` (0) for what has none of its own."""
    return next((number for name, number in _ACTORS if category.startswith(name)), 0)


def class_of_kind() -> np.ndarray:
    """(K,) int32: Occ3D's class of each kind of material, for what is no actor."""
    return np.array([_GROUND.get(kind, _MANMADE) for kind in range(20)], np.int32)


def triangle_classes(
    mesh: Mesh, owners: np.ndarray, materials: Materials, categories: dict[int, str]
) -> np.ndarray:
    """(T,) int32 classes of triangles, as `fill_voxels` takes them.

    Args:
        mesh: T triangles.
        owners: (T,) actor numbers, 0 for none.
        materials: that the mesh names.
        categories: of the actors by number.
    """
    of_actor = np.zeros(max(categories, default=0) + 1, np.int32)
    for number, category in categories.items():
        of_actor[number] = class_of_category(category)
    fixed = class_of_kind()[materials.kind[mesh.material]]
    # Manhole covers and drains lie in the road.
    fixed = np.where((fixed == _MANMADE) & (mesh.vertices[..., 2].max(1) < _PAINT_HEIGHT), 11, fixed)
    # The country around a street plan lies below its roads and lots too.
    fixed = np.where(mesh.vertices[..., 2].max(1) < 0, UNSEEN, fixed)
    return np.where(owners > 0, of_actor[np.maximum(owners, 0)], fixed).astype(np.int32)


def surface_voxels(
    vertices: np.ndarray,
    classes: np.ndarray,
    ego: Pose,
    grid: BevGrid,
    z_min: float = -1.0,
    z_max: float = 5.4,
    heights: int = 16,
) -> np.ndarray:
    """Fill voxels.

    Args:
        vertices: (T, 3, 3) float32 triangles, metres, world.
        classes: (T,) int32 from `triangle_classes`; one with `UNSEEN` fills nothing.
        ego: base_link in the world.
        grid: cells of the plane, base_link.
        z_min, z_max: bounds of the voxels, metres, base_link.
        heights: layers.

    Returns:
        (nx, ny, heights) uint8, Occ3D's class or `FREE`.
    """
    inverse = ego.inverse()
    packed = np.zeros((*grid.shape, heights), np.int32)
    size = np.array([grid.resolution, grid.resolution, (z_max - z_min) / heights])
    low = np.array([grid.x_min, grid.y_min, z_min])
    _fill(vertices, classes, PRIORITY, inverse.rotation, inverse.translation, low, size, packed)
    return np.where(packed > 0, (packed & 255) - 1, FREE).astype(np.uint8)


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
    return int(math.ceil(2.0 * longest)) + 1


@njit(cache=True, nogil=True)
def outside(at, nx, ny, nz):
    """Whether the bounds of a triangle (3, 3), in voxels, miss the grid."""
    return (
        max(at[0, 0], at[1, 0], at[2, 0]) < 0
        or max(at[0, 1], at[1, 1], at[2, 1]) < 0
        or max(at[0, 2], at[1, 2], at[2, 2]) < 0
        or min(at[0, 0], at[1, 0], at[2, 0]) >= nx
        or min(at[0, 1], at[1, 1], at[2, 1]) >= ny
        or min(at[0, 2], at[1, 2], at[2, 2]) >= nz
    )


@njit(cache=True, nogil=True)
def _fill(vertices, classes, priority, rotation, translation, low, size, packed):
    nx, ny, nz = packed.shape
    at = np.empty((3, 3))
    for t in range(len(vertices)):
        corner_places(vertices[t], rotation, translation, low, size, at)
        if classes[t] < 0 or outside(at, nx, ny, nz):
            continue
        steps = steps_of(at)
        value = (priority[classes[t]] << 8) | (classes[t] + 1)
        for i in range(steps + 1):
            for j in range(steps + 1 - i):
                u, v = i / steps, j / steps
                x = int(math.floor(at[0, 0] + u * (at[1, 0] - at[0, 0]) + v * (at[2, 0] - at[0, 0])))
                y = int(math.floor(at[0, 1] + u * (at[1, 1] - at[0, 1]) + v * (at[2, 1] - at[0, 1])))
                z = int(math.floor(at[0, 2] + u * (at[1, 2] - at[0, 2]) + v * (at[2, 2] - at[0, 2])))
                if 0 <= x < nx and 0 <= y < ny and 0 <= z < nz and packed[x, y, z] < value:
                    packed[x, y, z] = value
