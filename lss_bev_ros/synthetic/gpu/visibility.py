"""Kernels: triangles to a buffer that says which one each sample of a picture shows.

A buffer element holds depth and triangle in one integer, so that the nearest triangle is an atomic maximum
and the result does not depend on the order of threads: `key * KEY_SCALE` above, the triangle below, counted
down so that of two equally near ones the first wins. The rules of coverage are those of `rasterizer`.

Small triangles are drawn by one thread each. Larger ones go to one of two queues, whose triangles are drawn
by a block, or by many blocks, each.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, float64

from ..noise import whole
from ..rasterizer import edges, project, set_up
from .place import VIEWS

KEY_SCALE = float(1 << 36)
"""Steps of depth in 1 / metres."""
NUMBERS = 1 << 22
"""Triangles that a view may have."""
SMALL = 96
"""Up to so many elements around a triangle are drawn by one thread."""
HUGE = 8192
"""Beyond so many, many blocks draw it."""
WARP = 32


@cuda.jit(device=True)
def span_fill(x0, y0, k0, x1, y1, k1, x2, y2, k2, number, buffer, lane, lanes, wide):
    """Draw one projected triangle into a buffer (H, W) int64; threads share rows, and columns by `wide`."""
    height, width = buffer.shape
    x0, y0, k0, x1, y1, x2, y2, area, slope_x, slope_y = set_up(x0, y0, k0, x1, y1, k1, x2, y2, k2)
    if area == 0.0:
        return
    first = max(0, -whole(-max(y0, -1.0)))
    last = min(height - 1, -whole(-min(y2, height + 1.0)) - 1)
    for row in range(first + lane // wide, last + 1, lanes // wide):
        low, high = edges(row, x0, y0, x1, y1, x2, y2)
        left = max(0, -whole(-max(low, -1.0)))
        right = min(width - 1, -whole(-min(high, width + 1.0)) - 1)
        key = k0 + (row - y0) * slope_y
        for column in range(left + lane % wide, right + 1, wide):
            depth = key + (column - x0) * slope_x
            if depth > 0.0:
                packed = (whole(depth * KEY_SCALE) << 22) | np.int64(NUMBERS - 1 - number)
                if packed > buffer[row, column]:
                    cuda.atomic.max(buffer, (row, column), packed)


@cuda.jit(device=True)
def fill(count, polygon, number, buffer, lane, lanes, wide):
    """Draw a projected polygon as a fan."""
    for k in range(1, count - 1):
        span_fill(
            polygon[0, 0], polygon[0, 1], polygon[0, 2],
            polygon[k, 0], polygon[k, 1], polygon[k, 2],
            polygon[k + 1, 0], polygon[k + 1, 1], polygon[k + 1, 2],
            number, buffer, lane, lanes, wide,
        )  # fmt: skip


@cuda.jit(device=True)
def extent(count, polygon, width, height):
    """Elements of the buffer in the rectangle around a polygon."""
    x0, x1, y0, y1 = polygon[0, 0], polygon[0, 0], polygon[0, 1], polygon[0, 1]
    for k in range(1, count):
        x0, x1 = min(x0, polygon[k, 0]), max(x1, polygon[k, 0])
        y0, y1 = min(y0, polygon[k, 1]), max(y1, polygon[k, 1])
    across = min(x1, width + 0.0) - max(x0, 0.0) + 1.0
    return max(across, 0.0) * max(min(y1, height + 0.0) - max(y0, 0.0) + 1.0, 0.0)


@cuda.jit
def draw(vertices, fixed, room, moving, rotations, origins, lenses, buffers, queue, queued):
    """Draw every triangle (threads along x) in every picture (blocks along y).

    Args:
        vertices: (T, 3, 3) float32, rows as in `place`.
        fixed: triangles that stand still.
        room: moving triangles a view has room for.
        moving: (S, 2) int32, as in `Parcel`.
        rotations: (P, 3, 3) float64, pictures sample by sample.
        origins: (P, 3) float64.
        lenses: (P, 4) float64, of the buffers.
        buffers: (P, H, W) int64, zeros to begin with.
        queue: (2, Q, 2) int32, gets picture and number of large and of huge triangles.
        queued: (2,) int32, their counts, which may pass Q: those beyond are drawn here.
    """
    number = cuda.grid(1)
    picture = cuda.blockIdx.y
    sample = picture // (VIEWS - 1)
    if number >= fixed + moving[sample, 0]:
        return
    row = number
    if number >= fixed:
        row = number + (sample * VIEWS + picture % (VIEWS - 1)) * room
    corners = cuda.local.array((3, 3), float64)
    polygon = cuda.local.array((4, 3), float64)
    buffer = buffers[picture]
    height, width = buffer.shape
    count = project(
        row, vertices, rotations[picture], origins[picture], lenses[picture], width, height, corners, polygon
    )
    if count < 3:
        return
    area = extent(count, polygon, width, height)
    if area > SMALL:
        level = 1 if area > HUGE else 0
        at = cuda.atomic.add(queued, level, 1)
        if at < queue.shape[1]:
            queue[level, at, 0] = picture
            queue[level, at, 1] = number
            return
    fill(count, polygon, number, buffer, 0, 1, 1)


@cuda.jit
def draw_queued(vertices, fixed, room, rotations, origins, lenses, buffers, queue, queued, level):
    """Draw a queue of `draw`: each triangle by a column of blocks."""
    lane = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    lanes = cuda.blockDim.x * cuda.gridDim.y
    corners = cuda.local.array((3, 3), float64)
    polygon = cuda.local.array((4, 3), float64)
    for at in range(cuda.blockIdx.x, min(queued[level], queue.shape[1]), cuda.gridDim.x):
        picture, number = queue[level, at, 0], queue[level, at, 1]
        row = number
        if number >= fixed:
            row = number + (picture // (VIEWS - 1) * VIEWS + picture % (VIEWS - 1)) * room
        buffer = buffers[picture]
        height, width = buffer.shape
        count = project(
            row, vertices, rotations[picture], origins[picture], lenses[picture],
            width, height, corners, polygon,
        )  # fmt: skip
        fill(count, polygon, number, buffer, lane, lanes, WARP)


@cuda.jit(device=True)
def shown(packed, fixed, base):
    """The row of the triangle that a buffer element shows, -1 for the sky."""
    if packed == 0:
        return -1
    number = NUMBERS - 1 - (packed & (NUMBERS - 1))
    return number if number < fixed else number + base


@cuda.jit
def depths(buffers, stride, result):
    """Read depth maps off the buffers: (P, h, w) uint8 in quarters of a metre, 255 for beyond or sky."""
    column, row = cuda.grid(2)
    picture = cuda.blockIdx.z
    if row < result.shape[1] and column < result.shape[2]:
        packed = buffers[picture, row * stride + stride // 2, column * stride + stride // 2]
        quarters = 255.0
        if packed > 0:
            quarters = 4.0 * KEY_SCALE / float(packed >> 22)
        # As numpy rounds: the error of a tie is of no account here.
        result[picture, row, column] = np.uint8(min(math.floor(quarters + 0.5), 255.0))
