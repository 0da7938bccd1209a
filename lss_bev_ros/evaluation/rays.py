"""Rays of a LiDAR through voxels: where each first meets something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid, Pose

MOST_ORIGINS = 8
"""Places of the car in a scene from which rays are cast through one frame's voxels, as in SparseOcc."""

_MARGIN = 1.0
"""Metres from the border of the voxels within which no ray starts, as in SparseOcc."""

_STEEPEST, _HIGHEST = 10, 0.21
_OUTSIDE = np.uint8(128)


@dataclass(frozen=True)
class VoxelGrid:
    """Layers of cells above one another.

    Attributes:
        plane: cells of a layer, base_link.
        z_min, z_max: bounds, metres, base_link.
        heights: layers.
    """

    plane: BevGrid = field(default_factory=BevGrid)
    z_min: float = -1.0
    z_max: float = 5.4
    heights: int = 16

    def __post_init__(self) -> None:
        if self.heights < 1 or not self.z_max > self.z_min:
            raise EvaluationError(
                f"voxels need at least one layer and z_max above z_min, not {self.heights}, "
                f"{self.z_min} and {self.z_max}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along x, y and z."""
        return (*self.plane.shape, self.heights)

    @property
    def low(self) -> np.ndarray:
        """(3,) float64 lower corner, metres."""
        return np.array([self.plane.x_min, self.plane.y_min, self.z_min])

    @property
    def size(self) -> np.ndarray:
        """(3,) float64 sides of a voxel, metres."""
        side = self.plane.resolution
        return np.array([side, side, (self.z_max - self.z_min) / self.heights])


def lidar_directions() -> np.ndarray:
    """(14040, 3) float64 unit vectors: the rays of RayIoU (Liu et al., "SparseOcc", ECCV 2024, section 4.2).

    Their elevations meet even ground at 1, 2 ... 10 times the LiDAR's height, and go on in the last step's
    width up to 0.21 radians; there are 360 of each. (Comments in its code speak of 15840, which it never
    had.)
    """
    elevations = [-math.pi / 2 + math.atan(k + 1) for k in range(_STEEPEST)]
    step = elevations[-1] - elevations[-2]
    while elevations[-1] < _HIGHEST:
        elevations.append(elevations[-1] + step)
    elevation, azimuth = np.meshgrid(elevations, np.deg2rad(np.arange(360)), indexing="ij")
    across = np.cos(elevation)
    rays = np.stack([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)], -1)
    directions: np.ndarray = rays.reshape(-1, 3)
    return directions


def ray_origins(grid: VoxelGrid, lidar: Pose, egos: Sequence[Pose], now: int) -> np.ndarray:
    """Where the LiDAR was and will be in a scene, in base_link now.

    What only a later LiDAR sees behind a car counts too, so a hull of surfaces is not enough.

    Args:
        grid: voxels; origins lie in it, a metre from its sides.
        lidar: to base_link.
        egos: base_link to map at each frame of the scene.
        now: the frame.

    Returns:
        (O, 3) float64 metres, at most `MOST_ORIGINS`, evenly spread over time.
    """
    back = egos[now].inverse()
    places = np.array([(back @ ego @ lidar).translation for ego in egos])
    plane = grid.plane
    low = np.array([plane.x_min, plane.y_min]) + _MARGIN
    high = np.array([plane.x_max, plane.y_max]) - _MARGIN
    near = ((places[:, :2] > low) & (places[:, :2] < high)).all(1)
    near &= (places[:, 2] > grid.z_min) & (places[:, 2] < grid.z_max)
    kept: np.ndarray = places[near]
    if len(kept) > MOST_ORIGINS:
        kept = kept[np.round(np.linspace(0, len(kept) - 1, MOST_ORIGINS)).astype(np.int64)]
    return kept


@dataclass(frozen=True, eq=False)
class RayHits:
    """Where rays first meet something in one volume.

    Attributes:
        voxel: (R,) int64 place in the raveled volume of what was met, or of the last voxel before the
            border.
        depth: (R,) float64 metres from the origin to where the ray leaves that voxel.
        hit: (R,) bool.
    """

    voxel: np.ndarray
    depth: np.ndarray
    hit: np.ndarray


def cast(
    volumes: Sequence[np.ndarray], grid: VoxelGrid, origin: np.ndarray, directions: np.ndarray
) -> list[RayHits]:
    """Follow rays voxel by voxel (Amanatides and Woo, "A fast voxel traversal algorithm", 1987), all at once.

    Args:
        volumes: up to seven of (nx, ny, nz) bool, what is occupied. Several cost hardly more than one.
        grid: of the volumes.
        origin: (3,) metres, inside of the grid.
        directions: (R, 3), not all zero.

    Returns:
        A list of `RayHits`, one a volume.

    Raises:
        EvaluationError: a volume of another shape, or an origin outside.
    """
    for volume in volumes:
        if volume.shape != grid.shape:
            raise EvaluationError(f"voxels have shape {volume.shape} but the grid has {grid.shape}")
    start = np.floor((np.asarray(origin, np.float64) - grid.low) / grid.size).astype(np.int64)
    if not ((start >= 0) & (start < grid.shape)).all():
        raise EvaluationError(f"rays from {np.round(origin, 2).tolist()} start outside of the voxels")
    # A rim around the volumes says "outside", and a bit each what is occupied.
    code = np.full([n + 2 for n in grid.shape], _OUTSIDE)
    code[1:-1, 1:-1, 1:-1] = sum(volume.astype(np.uint8) << k for k, volume in enumerate(volumes))
    return _walk(code, len(volumes), grid, np.asarray(origin, np.float64), start, directions)


def _walk(
    code: np.ndarray,
    count: int,
    grid: VoxelGrid,
    origin: np.ndarray,
    start: np.ndarray,
    directions: np.ndarray,
) -> list[RayHits]:
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    forward = directions >= 0
    # Metres to the next border of each axis, and from one to the next; never where nothing moves along it.
    still = directions == 0
    safe = np.where(still, 1.0, directions)
    border = grid.low + (start + forward) * grid.size
    to_x, to_y, to_z = np.where(still, 1e30, (border - origin) / safe).T.copy()
    by_x, by_y, by_z = np.where(still, 1e30, grid.size / np.abs(safe)).T.copy()
    strides = np.array(code.strides) // code.itemsize
    move_x, move_y, move_z = (np.where(forward, 1, -1) * strides).astype(np.int32).T.copy()
    flat = code.ravel()
    place = np.full(len(directions), int((start + 1) @ strides), np.int32)
    before, left = place, np.zeros(len(directions))
    ray = np.arange(len(directions))
    todo = np.full(len(directions), (1 << count) - 1, np.uint8)
    voxel = np.zeros((count, len(directions)), np.int32)
    depth = np.zeros((count, len(directions)))
    hit = np.zeros((count, len(directions)), bool)
    while len(ray):
        here = flat[place]
        xy = np.minimum(to_x, to_y)
        leave = np.minimum(xy, to_z)
        found = here & (todo | _OUTSIDE)
        if found.any():
            for k in range(count):
                met = np.flatnonzero(found & np.uint8(1 << k))
                voxel[k, ray[met]], depth[k, ray[met]], hit[k, ray[met]] = place[met], leave[met], True
                lost = np.flatnonzero((found == _OUTSIDE) & (todo & np.uint8(1 << k) != 0))
                voxel[k, ray[lost]], depth[k, ray[lost]] = before[lost], left[lost]
            todo = np.where(found == _OUTSIDE, 0, todo & ~found).astype(np.uint8)
            on = np.flatnonzero(todo)
            if len(on) < len(ray):
                ray, todo, place, leave, xy = ray[on], todo[on], place[on], leave[on], xy[on]
                to_x, to_y, to_z, by_x, by_y, by_z, move_x, move_y, move_z = (
                    each[on] for each in (to_x, to_y, to_z, by_x, by_y, by_z, move_x, move_y, move_z)
                )
        # Through an edge, z goes before y before x, as in SparseOcc.
        go_z = to_z <= xy
        go_y = ~go_z & (to_y <= to_x)
        go_x = ~(go_z | go_y)
        before, left = place, leave
        place = place + np.where(go_z, move_z, np.where(go_y, move_y, move_x))
        to_x, to_y, to_z = to_x + by_x * go_x, to_y + by_y * go_y, to_z + by_z * go_z
    inner = np.array(np.unravel_index(voxel, code.shape)) - 1
    voxel = np.ravel_multi_index(tuple(inner), grid.shape)
    return [RayHits(voxel[k], depth[k], hit[k]) for k in range(count)]
