"""Kernels: what a LiDAR revolution hits and where, as `lidar.scan` finds it.

What moves goes straight at its speed of the moment during the 50 ms of a revolution; `scan` follows its
track and turns it too. Which of a few far returns exist may differ, as it does with `scan`'s own noise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, float64

from ..lidar import (
    _RISE,
    _STEP,
    COLUMNS,
    LAST_AZIMUTH,
    LOWEST,
    MAX_RANGE,
    MIN_RANGE,
    OWN_REFLECTANCE,
    RANGE_NOISE,
    RINGS,
    SPECKLE,
    THROUGH_GLASS,
    _column_bounds,
    _ring_bounds,
    _struck,
)
from ..material import GLASS
from ..noise import hashed
from ..sensors import LIDAR_PERIOD
from .place import VIEWS

PERIOD = LIDAR_PERIOD * 1e-6
REACH = 84.0
"""What lies farther from the car hides no vehicle of a sample, metres."""
SMALL = 64
DISTANCE_STEPS = float(1 << 24)
NUMBERS = 1 << 32
MISS = (1 << 62) - 1


@cuda.jit(device=True)
def lead(column):
    """Seconds from a column's firing to the end of the revolution, negative."""
    return (column / (COLUMNS - 1.0) - 1.0) * PERIOD * (COLUMNS - 1.0) / COLUMNS


@cuda.jit(device=True)
def bounds(row, vertices, vx, vy, vz, sensor, slack, p):
    """First column, columns, first and last ring that a triangle may be in; no columns where it is out of
    reach. `p` (3, 3) float64 is scratch.
    """
    for k in range(3):
        column = COLUMNS // 2
        for _ in range(2):
            m = sensor[column]
            late = lead(column)
            dx = vertices[row, k, 0] + vx * late - m[0, 3]
            dy = vertices[row, k, 1] + vy * late - m[1, 3]
            dz = vertices[row, k, 2] + vz * late - m[2, 3]
            if dx * dx + dy * dy > 300.0**2:
                return 0, 0, 0, 0
            for axis in range(3):
                p[k, axis] = m[0, axis] * dx + m[1, axis] * dy + m[2, axis] * dz
            where = (LAST_AZIMUTH - math.atan2(p[k, 1], p[k, 0])) / _STEP + COLUMNS - 1
            column = int(where - math.floor(where / COLUMNS) * COLUMNS)
            column = min(max(column, 0), COLUMNS - 1)
    start, count, near, far = _column_bounds(p, slack)
    if near - slack > REACH or near - slack > MAX_RANGE:
        return 0, 0, 0, 0
    top = max(p[0, 2], max(p[1, 2], p[2, 2]))
    bottom = min(p[0, 2], min(p[1, 2], p[2, 2]))
    ring0, ring1 = _ring_bounds(bottom, top, near, far)
    return start, count, ring0, ring1


@cuda.jit(device=True)
def sweep(row, vertices, vx, vy, vz, sensor, start, count, ring0, ring1, number, nearest, lane, lanes):
    """Cast the beams of a range of columns and rings at a triangle; `nearest` is (COLUMNS, RINGS) int64."""
    ax, ay, az = vertices[row, 0, 0] + 0.0, vertices[row, 0, 1] + 0.0, vertices[row, 0, 2] + 0.0
    e1x, e1y, e1z = vertices[row, 1, 0] - ax, vertices[row, 1, 1] - ay, vertices[row, 1, 2] - az
    e2x, e2y, e2z = vertices[row, 2, 0] - ax, vertices[row, 2, 1] - ay, vertices[row, 2, 2] - az
    rings = ring1 - ring0 + 1
    for at in range(lane, count * rings, lanes):
        column, ring = (start + at // rings + COLUMNS) % COLUMNS, ring0 + at % rings
        m = sensor[column]
        late = lead(column)
        azimuth = LAST_AZIMUTH + _STEP * (COLUMNS - 1 - column)
        elevation = LOWEST + _RISE * ring
        ce = math.cos(elevation)
        sx, sy, sz = ce * math.cos(azimuth), ce * math.sin(azimuth), math.sin(elevation)
        distance = _struck(
            m[0, 3] - vx * late - ax, m[1, 3] - vy * late - ay, m[2, 3] - vz * late - az,
            m[0, 0] * sx + m[0, 1] * sy + m[0, 2] * sz,
            m[1, 0] * sx + m[1, 1] * sy + m[1, 2] * sz,
            m[2, 0] * sx + m[2, 1] * sy + m[2, 2] * sz,
            e1x, e1y, e1z, e2x, e2y, e2z,
        )  # fmt: skip
        if MIN_RANGE < distance < MAX_RANGE:
            packed = (int(distance * DISTANCE_STEPS) << 32) | np.int64(number)
            if packed < nearest[column, ring]:
                cuda.atomic.min(nearest, (column, ring), packed)


@cuda.jit
def fire(
    vertices, fixed, room, moving, body, velocities, travelled, places, sensors, slack, nearest, queue, queued
):
    """Cast the beams of every sample (blocks along y) at every triangle (threads along x).

    Args:
        vertices: as in `visibility.draw`, as are the next three, `queue` and `queued`.
        fixed: as said.
        room: as said.
        moving: as said.
        body: (S, room) int32, the instance of each moving triangle.
        velocities: (I, 3) float32.
        travelled: (I,) float64, metres that an instance moves in a revolution.
        places: (S, 3) float64, the car.
        sensors: (S, COLUMNS, 3, 4) float64.
        slack: (S,) float64.
        nearest: (S, COLUMNS, RINGS) int64, `MISS` to begin with.
        queue: gets sample and number.
        queued: as said.
    """
    number = cuda.grid(1)
    sample = cuda.blockIdx.y
    if number >= fixed + moving[sample, 1]:
        return
    row, vx, vy, vz, loose = number, 0.0, 0.0, 0.0, slack[sample]
    if number >= fixed:
        row = number + (sample * VIEWS + VIEWS - 1) * room
        i = body[sample, number - fixed]
        vx, vy, vz = velocities[i, 0] + 0.0, velocities[i, 1] + 0.0, velocities[i, 2] + 0.0
        loose += travelled[i]
    p = cuda.local.array((3, 3), float64)
    start, count, ring0, ring1 = bounds(row, vertices, vx, vy, vz, sensors[sample], loose, p)
    if count == 0 or ring0 > ring1:
        return
    if count * (ring1 - ring0 + 1) > SMALL:
        at = cuda.atomic.add(queued, 0, 1)
        if at < queue.shape[1]:
            queue[0, at, 0] = sample
            queue[0, at, 1] = number
            return
    sweep(
        row, vertices, vx, vy, vz, sensors[sample], start, count, ring0, ring1,
        number, nearest[sample], 0, 1,
    )  # fmt: skip


@cuda.jit
def fire_queued(vertices, fixed, room, body, velocities, travelled, sensors, slack, nearest, queue, queued):
    """Cast at the queue of `fire`, a block a triangle."""
    p = cuda.local.array((3, 3), float64)
    for at in range(cuda.blockIdx.x, min(queued[0], queue.shape[1]), cuda.gridDim.x):
        sample, number = queue[0, at, 0], queue[0, at, 1]
        row, vx, vy, vz, loose = number, 0.0, 0.0, 0.0, slack[sample]
        if number >= fixed:
            row = number + (sample * VIEWS + VIEWS - 1) * room
            i = body[sample, number - fixed]
            vx, vy, vz = velocities[i, 0] + 0.0, velocities[i, 1] + 0.0, velocities[i, 2] + 0.0
            loose += travelled[i]
        start, count, ring0, ring1 = bounds(row, vertices, vx, vy, vz, sensors[sample], loose, p)
        sweep(
            row, vertices, vx, vy, vz, sensors[sample], start, count, ring0, ring1,
            number, nearest[sample], cuda.threadIdx.x, cuda.blockDim.x,
        )  # fmt: skip


@cuda.jit
def echoes(
    nearest, vertices, fixed, room, material, owner, kind, bright, reflectance, sensors, to_ego, seeds,
    hits, points,
):  # fmt: skip
    """Which beams (threads along x) of samples (blocks along y) come back, from whom and from where.

    Args:
        nearest: as in `fire`, as are the next three.
        vertices: as said.
        fixed: as said.
        room: as said.
        material: (T,) int32, rows as in `place`, as is the next.
        owner: (T,) int32.
        kind: (M,) int32, as in `Parcel`, as is the next.
        bright: (M,) float32.
        reflectance: `material.REFLECTANCE`.
        sensors: (S, COLUMNS, 3, 4) float64.
        to_ego: (S, 3, 4) float64, the world to base_link at the samples' times.
        seeds: (S,) int64.
        hits: (S, A) int32, zeros to begin with, gets the returns of each actor.
        points: (S, COLUMNS * RINGS, 4) float32, NaN to begin with, gets x, y, z in metres, base_link at the
            sample's time, and intensity, 0 to 1, of each beam that comes back.
    """
    ray = cuda.grid(1)
    sample = cuda.blockIdx.y
    if ray >= COLUMNS * RINGS:
        return
    column, ring = ray // RINGS, ray % RINGS
    packed = nearest[sample, column, ring]
    if packed == MISS:
        return
    number = packed & (NUMBERS - 1)
    row = number
    if number >= fixed:
        row = number + (sample * VIEWS + VIEWS - 1) * room
    distance = float(packed >> 32) / DISTANCE_STEPS
    m = sensors[sample, column]
    azimuth = LAST_AZIMUTH + _STEP * (COLUMNS - 1 - column)
    elevation = LOWEST + _RISE * ring
    ce = math.cos(elevation)
    sx, sy, sz = ce * math.cos(azimuth), ce * math.sin(azimuth), math.sin(elevation)
    dx = m[0, 0] * sx + m[0, 1] * sy + m[0, 2] * sz
    dy = m[1, 0] * sx + m[1, 1] * sy + m[1, 2] * sz
    dz = m[2, 0] * sx + m[2, 1] * sy + m[2, 2] * sz
    ax, ay, az = vertices[row, 0, 0], vertices[row, 0, 1], vertices[row, 0, 2]
    e1x, e1y, e1z = vertices[row, 1, 0] - ax, vertices[row, 1, 1] - ay, vertices[row, 1, 2] - az
    e2x, e2y, e2z = vertices[row, 2, 0] - ax, vertices[row, 2, 1] - ay, vertices[row, 2, 2] - az
    nx, ny, nz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
    size = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    slant = abs(nx * dx + ny * dy + nz * dz) / size
    m_index = material[row]
    sent = reflectance[kind[m_index]] * (0.55 + 0.9 * bright[m_index])
    through = kind[m_index] == GLASS
    if owner[row] < 0:
        sent = OWN_REFLECTANCE
        through = False
    limit = 24.0 + 105.0 * math.sqrt(sent * min(slant + 0.01, 1.0))
    chance = min(max((limit - distance) / 12.0 + 0.5, 0.0), 0.985)
    if through:
        chance *= THROUGH_GLASS
    seed = seeds[sample]
    if hashed(column, ring, seed) >= chance:
        return
    if owner[row] > 0:
        cuda.atomic.add(hits, (sample, owner[row]), 1)
    # Two normal numbers of two even ones (Box and Muller, "A note on the generation of random normal
    # deviates", 1958).
    radius = math.sqrt(-2.0 * math.log(1.0 - hashed(column + COLUMNS, ring, seed)))
    turn = 2.0 * math.pi * hashed(column + 2 * COLUMNS, ring, seed)
    measured = distance + RANGE_NOISE * radius * math.cos(turn)
    strength = 0.42 * sent * (0.25 + 0.75 * slant) * math.exp(-distance / 140.0)
    strength *= math.exp(SPECKLE * radius * math.sin(turn))
    x, y, z = m[0, 3] + dx * measured, m[1, 3] + dy * measured, m[2, 3] + dz * measured
    e = to_ego[sample]
    for axis in range(3):
        points[sample, ray, axis] = e[axis, 0] * x + e[axis, 1] * y + e[axis, 2] * z + e[axis, 3]
    points[sample, ray, 3] = math.floor(min(strength, 1.0) * 255.0 + 0.5) / 255.0


@cuda.jit
def mark(cells, cell_owner, cell_sample, hits, raster):
    """Enter vehicles into (S, nx * ny) int32 rasters of zeros, as `training.sample.Sample.raster`."""
    at = cuda.grid(1)
    if at < cells.shape[0]:
        sample = cell_sample[at]
        returns = min(hits[sample, cell_owner[at]], 127)
        cuda.atomic.max(raster, (sample, cells[at]), 128 + returns)
