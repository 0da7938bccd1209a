"""Occupancy labels of a world, in the form of Occ3D-nuScenes, and on the grid of the network.

What fills a voxel is told by the surfaces themselves (see `voxels`). Which voxels the sensors know is told by
casting rays through them, as Occ3D does (Tian et al. 2023): the LiDAR knows what the beams of the sample's
scan pass on the way to what they hit, and a camera what it sees up to the first voxel that is filled.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numba import njit

from ..dataset.voxels import BEV_FILE, OCC3D_FILE, OCC3D_GRID, Voxels, voxel_arrays
from ..geometry import BevGrid, Camera, Lens, Pose
from ..geometry.classes import FREE
from .recording import WorldRecorder
from .sensors import HEIGHT, WIDTH, Mount
from .things import THINGS, occupied_classes
from .voxels import lattice, thing_voxels

BEV_GRID = BevGrid()
RAY_ANGLE = math.radians(0.35)
"""Between neighbouring rays of a camera: half a metre apart at the farthest corner of the grid."""
_REACH = 120.0
"""Rays of cameras end so far away, metres, beyond any corner of a grid."""
_NEAR = 90.0
"""What moves is entered up to so far from the car, metres."""


class OccupancyRecorder:
    """Makes and writes the labels of a recording's keyframes.

    Args:
        recording: of the world.
        folder: `gts/<scene>` of the data set.
    """

    def __init__(self, recording: WorldRecorder, folder: Path) -> None:
        self._recording, self._folder = recording, folder
        self._rays = [_rays(recording, mount) for mount in recording.cameras]

    def write(self, token: str, micros: int, returns: np.ndarray) -> None:
        """Write the labels of a sample.

        Args:
            token: of the sample.
            micros: microseconds since the scene's start.
            returns: (N, 3 or more) of its scan, metres, sensor frame.
        """
        folder = self._folder / token
        folder.mkdir(parents=True)
        for name, grid in ((OCC3D_FILE, OCC3D_GRID), (BEV_FILE, BEV_GRID)):
            np.savez_compressed(folder / name, **voxel_arrays(self.labels(micros, returns, grid)))

    def labels(self, micros: int, returns: np.ndarray, grid: BevGrid) -> Voxels:
        """The labels of an instant on a grid; arguments as in `write`."""
        world, time = self._recording.world, micros * 1e-6
        ego = world.ego_pose(time)
        fixed, _ = world.fixed
        moving, _ = world.moving(time, ego.translation[:2], _NEAR)
        things = thing_voxels(
            np.concatenate([fixed.vertices, moving.vertices]),
            np.concatenate([fixed.thing, moving.thing]),
            ego,
            grid,
        )
        semantics = occupied_classes()[things]
        low, size = lattice(grid)
        lidar, cameras = np.zeros(things.shape, np.bool_), np.zeros(things.shape, np.bool_)
        sensor = self._recording.lidar.pose
        hits = sensor.apply(returns[:, :3].astype(np.float64))
        hits = hits[np.isfinite(hits).all(1)]
        cast((sensor.translation - low) / size, (hits - low) / size, semantics != FREE, False, lidar)
        for mount, rays in zip(self._recording.cameras, self._rays, strict=True):
            taken = world.ego_pose(time + mount.offset * 1e-6)
            pose = ego.inverse() @ taken @ mount.pose
            ends = pose.apply(rays * _REACH)
            cast((pose.translation - low) / size, (ends - low) / size, semantics != FREE, True, cameras)
        return Voxels(grid, semantics, lidar, cameras, things, tuple(thing.name for thing in THINGS))


def _rays(recording: WorldRecorder, mount: Mount) -> np.ndarray:
    """(N, 3) unit vectors over a camera's image, optical frame."""
    scaled = mount.scaled(recording.scale)
    width, height = round(WIDTH * recording.scale), round(HEIGHT * recording.scale)
    lens = recording.lenses.get(mount.channel, Lens())
    camera = Camera(mount.channel, scaled.intrinsics, width, height, Pose.identity(), lens)
    step = max(1.0, scaled.camera_lens[0] * RAY_ANGLE)
    u, v = (np.linspace(0, side - 1, math.ceil(side / step)) for side in (width, height))
    rays = camera.rays(np.stack(np.meshgrid(u, v), -1).reshape(-1, 2))
    rays = rays[np.isfinite(rays).all(1)]
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@njit(cache=True, nogil=True)
def cast(origin, ends, filled, stops, known):
    """Mark the voxels that rays pass through (Amanatides and Woo, "A fast voxel traversal algorithm", 1987).

    Args:
        origin: (3,) float64, where rays begin, in voxels from the grid's corner.
        ends: (N, 3) float64, where they end, likewise.
        filled: (nx, ny, nz) bool.
        stops: whether a ray ends in the first voxel that is filled.
        known: (nx, ny, nz) bool, gets True for what rays pass or end in.
    """
    place, step = np.empty(3, np.int64), np.empty(3, np.int64)
    following, between = np.empty(3), np.empty(3)
    for ray in range(len(ends)):
        first, last = 0.0, 1.0
        for axis in range(3):
            way = ends[ray, axis] - origin[axis]
            side = filled.shape[axis]
            if way == 0.0:
                if origin[axis] < 0.0 or origin[axis] >= side:
                    last = -1.0
            else:
                enter, leave = -origin[axis] / way, (side - origin[axis]) / way
                first, last = max(first, min(enter, leave)), min(last, max(enter, leave))
        if first >= last:
            continue
        for axis in range(3):
            way = ends[ray, axis] - origin[axis]
            at = min(max(math.floor(origin[axis] + first * way), 0), filled.shape[axis] - 1)
            place[axis] = at
            step[axis] = 1 if way > 0 else -1
            between[axis] = abs(1.0 / way) if way != 0.0 else math.inf
            edge = at + 1 if way > 0 else at
            following[axis] = (edge - origin[axis]) / way if way != 0.0 else math.inf
        while True:
            known[place[0], place[1], place[2]] = True
            if stops and filled[place[0], place[1], place[2]]:
                break
            axis = 0
            if following[1] < following[axis]:
                axis = 1
            if following[2] < following[axis]:
                axis = 2
            if following[axis] > last:
                break
            place[axis] += step[axis]
            if place[axis] < 0 or place[axis] >= filled.shape[axis]:
                break
            following[axis] += between[axis]
