"""Kernels: shadow maps and the sky that the ground sees, as in `shadow`."""

from __future__ import annotations

import math

from numba import cuda

from ..noise import whole
from ..rasterizer import edges, set_up
from ..shadow import CONTACT_SCALE
from .place import VIEWS

SMALL, HUGE, WARP = 96, 8192, 32
STEPS = 65536.0
"""Steps of height in a metre: the hardware finds the greatest of whole numbers by itself."""
BELOW = -(1 << 31) + 1


@cuda.jit(device=True)
def raise_keys(t, vertices, axes, offset, scale, keys, lane, lanes, wide, limit):
    """Draw a triangle's heights towards the sun into a map (size, size) int32, in `STEPS`. With one lane and
    more than `limit` elements around it, nothing is drawn, and their number is returned; else 0.
    """
    size = keys.shape[0]
    x0, x1, x2 = 0.0, 0.0, 0.0
    y0, y1, y2 = 0.0, 0.0, 0.0
    k0, k1, k2 = 0.0, 0.0, 0.0
    for k in range(3):
        x, y, z = vertices[t, k, 0], vertices[t, k, 1], vertices[t, k, 2]
        u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - offset[0]) * scale - 0.5
        v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - offset[1]) * scale - 0.5
        w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        if k == 0:
            x0, y0, k0 = u, v, w
        elif k == 1:
            x1, y1, k1 = u, v, w
        else:
            x2, y2, k2 = u, v, w
    low_x, high_x = min(x0, min(x1, x2)), max(x0, max(x1, x2))
    low_y, high_y = min(y0, min(y1, y2)), max(y0, max(y1, y2))
    if low_x > size or high_x < 0 or low_y > size or high_y < 0:
        return 0.0
    across = min(high_x, size + 0.0) - max(low_x, 0.0) + 1.0
    around = across * (min(high_y, size + 0.0) - max(low_y, 0.0) + 1.0)
    if lanes == 1 and around > limit:
        return around
    x0, y0, k0, x1, y1, x2, y2, area, slope_x, slope_y = set_up(x0, y0, k0, x1, y1, k1, x2, y2, k2)
    if area == 0.0:
        return 0.0
    first = max(0, -whole(-max(y0, -1.0)))
    last = min(size - 1, -whole(-min(y2, size + 1.0)) - 1)
    for row in range(first + lane // wide, last + 1, lanes // wide):
        low, high = edges(row, x0, y0, x1, y1, x2, y2)
        left = max(0, -whole(-max(low, -1.0)))
        right = min(size - 1, -whole(-min(high, size + 1.0)) - 1)
        key = k0 + (row - y0) * slope_y
        for column in range(left + lane % wide, right + 1, wide):
            height = whole((key + (column - x0) * slope_x) * STEPS + 0.5)
            if height > keys[row, column]:
                cuda.atomic.max(keys, (row, column), height)
    return 0.0


@cuda.jit
def cast_shadows(vertices, fixed, room, moving, axes, offsets, scales, maps, queue, queued):
    """Draw every triangle (threads along x) into both maps of every sample (blocks along y).

    Args:
        vertices: as in `visibility.draw`, as are `fixed`, `room`, `moving`, `queue` and `queued`.
        fixed: as said.
        room: as said.
        moving: as said.
        axes: (S, 3, 3) float64.
        offsets: (S, 2, 2) float64, corners of the near and the far map.
        scales: (2,) float64, elements a metre.
        maps: (S, 2, size, size) int32 heights in `STEPS`, `BELOW` to begin with.
        queue: gets map and row.
        queued: as said.
    """
    number = cuda.grid(1)
    which = cuda.blockIdx.y
    sample, k = which // 2, which % 2
    if number >= fixed + moving[sample, 1]:
        return
    row = number
    if number >= fixed:
        row = number + (sample * VIEWS + VIEWS - 1) * room
    around = raise_keys(
        row, vertices, axes[sample], offsets[sample, k], scales[k], maps[sample, k], 0, 1, 1, SMALL
    )
    if around > 0.0:
        level = 1 if around > HUGE else 0
        at = cuda.atomic.add(queued, level, 1)
        if at < queue.shape[1]:
            queue[level, at, 0] = which
            queue[level, at, 1] = row
        else:
            raise_keys(
                row, vertices, axes[sample], offsets[sample, k], scales[k], maps[sample, k], 0, 1, 1, 1e12
            )


@cuda.jit
def cast_queued(vertices, axes, offsets, scales, maps, queue, queued, level):
    """Draw a queue of `cast_shadows`: each triangle by a column of blocks."""
    lane = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    lanes = cuda.blockDim.x * cuda.gridDim.y
    for at in range(cuda.blockIdx.x, min(queued[level], queue.shape[1]), cuda.gridDim.x):
        sample, k = queue[level, at, 0] // 2, queue[level, at, 0] % 2
        raise_keys(
            queue[level, at, 1], vertices, axes[sample], offsets[sample, k], scales[k], maps[sample, k],
            lane, lanes, WARP, 1e12,
        )  # fmt: skip


@cuda.jit
def footprints(outlines, first, corners, result):
    """Fill the footprints of vehicles: (S, size, size) float32, 1 inside, around corners (S, 2), world."""
    column, row = cuda.grid(2)
    sample = cuda.blockIdx.z
    size = result.shape[1]
    if row >= size or column >= size:
        return
    x = corners[sample, 0] + column / CONTACT_SCALE
    y = corners[sample, 1] + row / CONTACT_SCALE
    # OpenCV's filled polygon holds every element that its border touches.
    margin = 0.5 / CONTACT_SCALE
    value = 0.0
    for o in range(first[sample], first[sample + 1]):
        turn = 0.0
        for k in range(4):
            j = (k + 1) % 4
            turn += outlines[o, k, 0] * outlines[o, j, 1] - outlines[o, j, 0] * outlines[o, k, 1]
        inside = True
        for k in range(4):
            j = (k + 1) % 4
            ex, ey = outlines[o, j, 0] - outlines[o, k, 0], outlines[o, j, 1] - outlines[o, k, 1]
            side = ex * (y - outlines[o, k, 1]) - ey * (x - outlines[o, k, 0])
            if turn < 0.0:
                side = -side
            if side < -margin * math.sqrt(ex * ex + ey * ey):
                inside = False
        if inside:
            value = 1.0
    result[sample, row, column] = value
