"""Kernels: the voxels that surfaces pass through, as `voxels.surface_voxels` finds them."""

from __future__ import annotations

import math

from numba import cuda, float64

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
            x = int(math.floor(at[0, 0] + u * (at[1, 0] - at[0, 0]) + v * (at[2, 0] - at[0, 0])))
            y = int(math.floor(at[0, 1] + u * (at[1, 1] - at[0, 1]) + v * (at[2, 1] - at[0, 1])))
            z = int(math.floor(at[0, 2] + u * (at[1, 2] - at[0, 2]) + v * (at[2, 2] - at[0, 2])))
            if 0 <= x < nx and 0 <= y < ny and 0 <= z < nz and packed[x, y, z] < value:
                cuda.atomic.max(packed, (x, y, z), value)


@cuda.jit
def fill(
    vertices,
    classes,
    fixed,
    room,
    moving,
    rotations,
    translations,
    low,
    size,
    priority,
    packed,
    queue,
    queued,
):
    """Enter every triangle (threads along x) into the voxels of every sample (blocks along y).

    Args:
        vertices: as in `visibility.draw`, as are `fixed`, `room`, `moving`, `queue` and `queued`.
        classes: (T,) int32 of all rows of `vertices`, below 0 for what fills nothing.
        fixed: as said.
        room: as said.
        moving: as said.
        rotations: (S, 3, 3) float64, world to base_link.
        translations: (S, 3) float64, likewise.
        low: (3,) float64, the voxels' lower bounds, metres, base_link.
        size: (3,) float64 of a voxel, metres.
        priority: (18,) int32 by class.
        packed: (S, nx, ny, nz) int32, zeros to begin with: priority and class.
        queue: gets sample and number.
        queued: as said.
    """
    number = cuda.grid(1)
    sample = cuda.blockIdx.y
    if number >= fixed + moving[sample, 0]:
        return
    row = number
    if number >= fixed:
        row = number + (sample * VIEWS + VIEWS - 1) * room
    if classes[row] < 0:
        return
    at = cuda.local.array((3, 3), float64)
    corner_places(vertices[row], rotations[sample], translations[sample], low, size, at)
    _, nx, ny, nz = packed.shape
    if outside(at, nx, ny, nz):
        return
    if steps_of(at) > SMALL:
        place = cuda.atomic.add(queued, 0, 1)
        if place < queue.shape[1]:
            queue[0, place, 0] = sample
            queue[0, place, 1] = row
            return
    spread(at, (priority[classes[row]] << 8) | (classes[row] + 1), packed[sample], 0, 1)


@cuda.jit
def fill_queued(vertices, classes, rotations, translations, low, size, priority, packed, queue, queued):
    """Enter the queue of `fill`, a block a triangle."""
    at = cuda.local.array((3, 3), float64)
    for place in range(cuda.blockIdx.x, min(queued[0], queue.shape[1]), cuda.gridDim.x):
        sample, row = queue[0, place, 0], queue[0, place, 1]
        corner_places(vertices[row], rotations[sample], translations[sample], low, size, at)
        value = (priority[classes[row]] << 8) | (classes[row] + 1)
        spread(at, value, packed[sample], cuda.threadIdx.x, cuda.blockDim.x)
