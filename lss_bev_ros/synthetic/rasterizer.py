"""Triangles to pixels: a z-buffer rasteriser.

A sample lies at the centre of its buffer element. Depth is kept as a key that grows towards the viewer
(1 / z in a camera, height towards the sun in a shadow map), which is linear over a projected triangle.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

NEAR = 0.08
"""Nearest distance that a camera draws, metres along its axis."""


@njit(cache=True, nogil=True, fastmath=True)
def set_up(x0, y0, k0, x1, y1, k1, x2, y2, k2):
    """Sort a projected triangle's corners from top to bottom.

    Returns:
        x0, y0, k0, x1, y1, x2, y2 of the sorted corners; twice the area, 0 for triangles that are too thin to
        draw; how much the key grows a column and a row.
    """
    if y1 < y0:
        x0, y0, k0, x1, y1, k1 = x1, y1, k1, x0, y0, k0
    if y2 < y1:
        x1, y1, k1, x2, y2, k2 = x2, y2, k2, x1, y1, k1
        if y1 < y0:
            x0, y0, k0, x1, y1, k1 = x1, y1, k1, x0, y0, k0
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if abs(area) < 1e-9:
        return x0, y0, k0, x1, y1, x2, y2, 0.0, 0.0, 0.0
    slope_x = ((k1 - k0) * (y2 - y0) - (k2 - k0) * (y1 - y0)) / area
    slope_y = ((k2 - k0) * (x1 - x0) - (k1 - k0) * (x2 - x0)) / area
    return x0, y0, k0, x1, y1, x2, y2, area, slope_x, slope_y


@njit(cache=True, nogil=True, fastmath=True)
def edges(row, x0, y0, x1, y1, x2, y2):
    """The least and the greatest x of a sorted triangle in a row."""
    long_x = x0 + (row - y0) * ((x2 - x0) / (y2 - y0))
    # The one of the two shorter sides that the row crosses.
    a, b, c, d = (x0, y0, x1, y1) if row < y1 else (x1, y1, x2, y2)
    short_x = a + (row - b) * (c - a) / (d - b)
    return min(long_x, short_x), max(long_x, short_x)


@njit(cache=True, nogil=True, fastmath=True)
def _span_fill(x0, y0, k0, x1, y1, k1, x2, y2, k2, index, keys, ids):
    """Draw one projected triangle into `keys`, and into `ids` where it is as large."""
    height, width = keys.shape
    with_ids = ids.shape[0] == height
    x0, y0, k0, x1, y1, x2, y2, area, slope_x, slope_y = set_up(x0, y0, k0, x1, y1, k1, x2, y2, k2)
    if area == 0.0:
        return
    first, last = max(0, math.ceil(y0)), min(height - 1, math.ceil(y2) - 1)
    for row in range(first, last + 1):
        low, high = edges(row, x0, y0, x1, y1, x2, y2)
        left, right = max(0, math.ceil(low)), min(width - 1, math.ceil(high) - 1)
        key = k0 + (row - y0) * slope_y + (left - x0) * slope_x
        for column in range(left, right + 1):
            if key > keys[row, column]:
                keys[row, column] = key
                if with_ids:
                    ids[row, column] = index
            key += slope_x


@njit(cache=True, nogil=True, fastmath=True)
def _clipped(corners, count, polygon):
    """Cut a triangle (3, 3) in camera coordinates at NEAR: corners go to `polygon`; returns their number."""
    count = 0
    for a in range(3):
        b = (a + 1) % 3
        za, zb = corners[a, 2], corners[b, 2]
        if za >= NEAR:
            for axis in range(3):
                polygon[count, axis] = corners[a, axis]
            count += 1
        if (za >= NEAR) != (zb >= NEAR):
            t = (NEAR - za) / (zb - za)
            for axis in range(3):
                polygon[count, axis] = corners[a, axis] + t * (corners[b, axis] - corners[a, axis])
            count += 1
    return count


@njit(cache=True, nogil=True, fastmath=True)
def visible(vertices, rotation, origin, lens, width, height, far):
    """Which triangles may touch an image: their indices, int64.

    Args:
        vertices: (T, 3, 3) float32, world.
        rotation: (3, 3) float64, world to camera (x right, y down, z forward).
        origin: (3,) float64, the camera in the world.
        lens: (4,) float64 fx, fy, cx, cy in pixels.
        width: of the image, pixels.
        height: of the image, pixels.
        far: farthest distance drawn, metres.
    """
    keep = np.empty(len(vertices), np.int64)
    count = 0
    left, right = (-1.0 - lens[2]) / lens[0], (width + 1.0 - lens[2]) / lens[0]
    top, bottom = (-1.0 - lens[3]) / lens[1], (height + 1.0 - lens[3]) / lens[1]
    for t in range(len(vertices)):
        out = 63
        for k in range(3):
            dx = vertices[t, k, 0] - origin[0]
            dy = vertices[t, k, 1] - origin[1]
            dz = vertices[t, k, 2] - origin[2]
            x = rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz
            y = rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz
            z = rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz
            code = 0
            if z < NEAR:
                code |= 1
            if z > far:
                code |= 2
            if x < left * z:
                code |= 4
            if x > right * z:
                code |= 8
            if y < top * z:
                code |= 16
            if y > bottom * z:
                code |= 32
            out &= code
            if out == 0:
                break
        if out == 0:
            keep[count] = t
            count += 1
    return keep[:count].copy()


@njit(cache=True, nogil=True, fastmath=True)
def to_camera(t, vertices, rotation, origin, corners):
    """Bring a triangle into camera coordinates: `corners` (3, 3) gets them."""
    for k in range(3):
        dx = vertices[t, k, 0] - origin[0]
        dy = vertices[t, k, 1] - origin[1]
        dz = vertices[t, k, 2] - origin[2]
        for axis in range(3):
            corners[k, axis] = rotation[axis, 0] * dx + rotation[axis, 1] * dy + rotation[axis, 2] * dz


@njit(cache=True, nogil=True, fastmath=True)
def project(t, vertices, rotation, origin, lens, width, height, corners, polygon):
    """Clip a triangle into `polygon` (4, 3), which gets x, y and key; returns its corners' number, 0 where
    nothing of it can be seen.
    """
    left, right = (-1.0 - lens[2]) / lens[0], (width - lens[2]) / lens[0]
    top, bottom = (-1.0 - lens[3]) / lens[1], (height - lens[3]) / lens[1]
    to_camera(t, vertices, rotation, origin, corners)
    out = 31
    for k in range(3):
        x, y, z = corners[k, 0], corners[k, 1], corners[k, 2]
        code = 0
        if z < NEAR:
            code |= 1
        if x < left * z:
            code |= 2
        if x > right * z:
            code |= 4
        if y < top * z:
            code |= 8
        if y > bottom * z:
            code |= 16
        out &= code
    if out != 0:
        return 0
    count = _clipped(corners, 0, polygon)
    for k in range(count):
        key = 1.0 / polygon[k, 2]
        polygon[k, 0] = lens[0] * polygon[k, 0] * key + lens[2]
        polygon[k, 1] = lens[1] * polygon[k, 1] * key + lens[3]
        polygon[k, 2] = key
    return count


@njit(cache=True, nogil=True, fastmath=True)
def draw(vertices, rotation, origin, lens, keys, ids):
    """Draw triangles as a pinhole camera sees them.

    Args:
        vertices: as in `visible`.
        rotation: as in `visible`.
        origin: as in `visible`.
        lens: (4,) float64 fx, fy, cx, cy in elements of the buffers.
        keys: (H, W) float32, nearest 1 / z so far; zeros to begin with.
        ids: (H, W) int32, index of the nearest triangle; -1 to begin with.
    """
    draw_ranges(vertices, np.zeros(1, np.int64), np.full(1, len(vertices)), rotation, origin, lens, keys, ids)


@njit(cache=True, nogil=True, fastmath=True)
def draw_ranges(vertices, starts, stops, rotation, origin, lens, keys, ids):
    """`draw` of the triangles from starts[k] to stops[k]; `ids` gets their indices."""
    corners, polygon = np.empty((3, 3)), np.empty((4, 3))
    height, width = keys.shape
    for block in range(len(starts)):
        for t in range(starts[block], stops[block]):
            count = project(t, vertices, rotation, origin, lens, width, height, corners, polygon)
            for k in range(1, count - 1):
                _span_fill(
                    polygon[0, 0], polygon[0, 1], polygon[0, 2],
                    polygon[k, 0], polygon[k, 1], polygon[k, 2],
                    polygon[k + 1, 0], polygon[k + 1, 1], polygon[k + 1, 2],
                    t, keys, ids,
                )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=True)
def draw_flat(vertices, axes, offset, scale, keys):
    """Draw the heights of triangles as an orthographic view sees them: a shadow map.

    Args:
        vertices: (T, 3, 3) float32, world.
        axes: (3, 3) float64, rows: right, down and towards the light, unit vectors in the world.
        offset: (2,) float64, right and down of the map's corner, metres.
        scale: elements a metre.
        keys: (H, W) float32, greatest height towards the light so far, metres; very low to begin with.
    """
    ids = np.empty((0, 0), np.int32)
    xs, ys, ks = np.empty(3), np.empty(3), np.empty(3)
    height, width = keys.shape
    for t in range(len(vertices)):
        for k in range(3):
            x, y, z = vertices[t, k, 0], vertices[t, k, 1], vertices[t, k, 2]
            xs[k] = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - offset[0]) * scale - 0.5
            ys[k] = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - offset[1]) * scale - 0.5
            ks[k] = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        if min(xs[0], xs[1], xs[2]) > width or max(xs[0], xs[1], xs[2]) < 0:
            continue
        if min(ys[0], ys[1], ys[2]) > height or max(ys[0], ys[1], ys[2]) < 0:
            continue
        _span_fill(xs[0], ys[0], ks[0], xs[1], ys[1], ks[1], xs[2], ys[2], ks[2], t, keys, ids)


@njit(cache=True, nogil=True, fastmath=True)
def footprint(vertices, instance, rotation, origin, lens, stamp, counts):
    """Count the samples that each object would fill if nothing stood before it.

    Args:
        vertices: as in `visible`.
        rotation: as in `visible`.
        origin: as in `visible`.
        instance: (T,) int32; the triangles of one object follow each other; 0 and below are left out.
        lens: as in `draw`, for the stamp buffer.
        stamp: (H, W) int32, zeros: scratch.
        counts: (I,) int64, added to.
    """
    corners, polygon = np.empty((3, 3)), np.empty((4, 3))
    xs, ys = np.empty(4), np.empty(4)
    height, width = stamp.shape
    for t in range(len(vertices)):
        owner = instance[t]
        if owner <= 0:
            continue
        to_camera(t, vertices, rotation, origin, corners)
        count = _clipped(corners, 0, polygon)
        for k in range(count):
            xs[k] = lens[0] * polygon[k, 0] / polygon[k, 2] + lens[2]
            ys[k] = lens[1] * polygon[k, 1] / polygon[k, 2] + lens[3]
        if count < 3:
            continue
        low, high = ys[:count].min(), ys[:count].max()
        for row in range(max(0, math.ceil(low)), min(height - 1, math.ceil(high) - 1) + 1):
            left, right = 1e9, -1e9
            for a in range(count):
                b = (a + 1) % count
                if (ys[a] <= row) != (ys[b] <= row):
                    x = xs[a] + (row - ys[a]) * (xs[b] - xs[a]) / (ys[b] - ys[a])
                    left, right = min(left, x), max(right, x)
            for column in range(max(0, math.ceil(left)), min(width - 1, math.ceil(right) - 1) + 1):
                if stamp[row, column] != owner:
                    stamp[row, column] = owner
                    counts[owner] += 1
