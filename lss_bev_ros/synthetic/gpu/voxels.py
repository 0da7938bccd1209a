"""Kernels: the voxels that surfaces pass through, as `voxels.thing_voxels` finds them."""

from __future__ import annotations

from numba import cuda, float64

from ..noise import whole
from ..voxels import corner_places, outside, steps_of
from .place import VIEWS

SMALL = 48
"""Triangles with more steps a side are left to a block each."""


@cuda.jit(device=True)
def spread(at, value, packed, lane, lanes):
    """Mark the voxels of a triangle (3, 3), in voxels; `lane` of `lanes` threads that share it."""
    nx, ny, nz = packed.shape
    steps = steps_of(at)
    for i in range(lane, steps + 1, lanes):
        u = i / steps
        for j in range(steps + 1 - i):
            v = j / steps
            x = whole(at[0, 0] + u * (at[1, 0] - at[0, 0]) + v * (at[2, 0] - at[0, 0]))
            y = whole(at[0, 1] + u * (at[1, 1] - at[0, 1]) + v * (at[2, 1] - at[0, 1]))
            z = whole(at[0, 2] + u * (at[1, 2] - at[0, 2]) + v * (at[2, 2] - at[0, 2]))
            if 0 <= x < nx and 0 <= y < ny and 0 <= z < nz and packed[x, y, z] < value:
                cuda.atomic.max(packed, (x, y, z), value)


@cuda.jit
def fill(vertices, values, fixed, room, moving, samples, to_ego, low, size, packed, queue, queued):
    """Enter every triangle (threads along x) into the voxels of some samples (blocks along y).

    Args:
        vertices: as in `visibility.draw`, as are `fixed`, `room`, `moving`, `queue` and `queued`.
        values: (T,) int32 of all rows of `vertices`, see `voxels.values_of`.
        fixed: as said.
        room: as said.
        moving: as said.
        samples: (F,) int32, the samples whose voxels are filled.
        to_ego: (S, 3, 4) float64, world to base_link.
        low: (3,) float64, the voxels' lower bounds, metres, base_link.
        size: (3,) float64 of a voxel, metres.
        packed: (F, nx, ny, nz) int32, zeros to begin with, gets the largest value.
        queue: gets the place in `samples` and the row.
        queued: as said.
    """
    number = cuda.grid(1)
    filled = cuda.blockIdx.y
    sample = samples[filled]
    if number >= fixed + moving[sample, 0]:
        return
    row = number
    if number >= fixed:
        row = number + (sample * VIEWS + VIEWS - 1) * room
    if values[row] == 0:
        return
    at = cuda.local.array((3, 3), float64)
    place = to_ego[sample]
    corner_places(vertices[row], place, place[:, 3], low, size, at)
    _, nx, ny, nz = packed.shape
    if outside(at, nx, ny, nz):
        return
    if steps_of(at) > SMALL:
        where = cuda.atomic.add(queued, 0, 1)
        if where < queue.shape[1]:
            queue[0, where, 0] = filled
            queue[0, where, 1] = row
            return
    spread(at, values[row], packed[filled], 0, 1)


@cuda.jit
def fill_queued(vertices, values, samples, to_ego, low, size, packed, queue, queued):
    """Enter the queue of `fill`, a block a triangle."""
    at = cuda.local.array((3, 3), float64)
    for where in range(cuda.blockIdx.x, min(queued[0], queue.shape[1]), cuda.gridDim.x):
        filled, row = queue[0, where, 0], queue[0, where, 1]
        place = to_ego[samples[filled]]
        corner_places(vertices[row], place, place[:, 3], low, size, at)
        spread(at, values[row], packed[filled], cuda.threadIdx.x, cuda.blockDim.x)
