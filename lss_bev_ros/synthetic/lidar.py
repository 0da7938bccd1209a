"""A spinning LiDAR with 32 beams, as nuScenes' Velodyne HDL-32E.

The beams turn clockwise seen from above. Every column of beams is fired at its own time from where the
car is then, and hits things where they are then; points are given in the sensor's frame at the end of the
revolution, with the car's own motion taken out, as nuScenes does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from ..geometry import Pose
from .camera import ego_mesh
from .material import GLASS, REFLECTANCE
from .noise import whole
from .sensors import LIDAR_PERIOD, Mount
from .world import World

COLUMNS = 1085
RINGS = 32
LOWEST, HIGHEST = math.radians(-30.67), math.radians(10.67)
"""Elevations of the beams (HDL-32E data sheet)."""
LAST_AZIMUTH = math.radians(196.4)
"""Where a revolution ends, sensor frame (x right, y forward): just past CAM_BACK_LEFT, see `sensors.py`."""
MAX_RANGE = 100.0
MIN_RANGE = 0.35
RANGE_NOISE = 0.012
"""Standard deviation of a range, metres."""
SPECKLE = 0.25
"""Standard deviation of the logarithm of an intensity."""
OWN_REFLECTANCE = 0.25
"""Share of the LiDAR's light that the ego car sends back."""
THROUGH_GLASS = 0.35
"""Share of the echoes that glass gives; it sends nearly all light elsewhere."""

_STEP = 2 * math.pi / COLUMNS
_RISE = (HIGHEST - LOWEST) / (RINGS - 1)


@dataclass(frozen=True, eq=False)
class Scan:
    """One revolution.

    Attributes:
        points: (N, 5) float32 x, y, z, intensity (0 to 255), ring (0 lowest), sensor frame at its end.
        instance: (N,) int32, actor that was hit, 0 for the fixed world, -1 for the ego car.
        column: (N,) int32, place of the beam's column in the order of firing.
    """

    points: np.ndarray
    instance: np.ndarray
    column: np.ndarray


def azimuths() -> np.ndarray:
    """(COLUMNS,) float64 azimuth of every column in the order of firing, radians, sensor frame."""
    return LAST_AZIMUTH + _STEP * (COLUMNS - 1 - np.arange(COLUMNS))


def elevations() -> np.ndarray:
    """(RINGS,) float64 elevation of every beam, lowest first, radians."""
    return LOWEST + _RISE * np.arange(RINGS)


@njit(cache=True, nogil=True, fastmath=True)
def _column_bounds(p, slack):
    """First column and number of columns that a triangle (3, 3) of the sensor frame may be in, and its
    smallest and largest distance from the axis.
    """
    near, far = 1e18, 0.0
    inside = True
    for k in range(3):
        j = (k + 1) % 3
        ex, ey = p[j, 0] - p[k, 0], p[j, 1] - p[k, 1]
        t = -(p[k, 0] * ex + p[k, 1] * ey) / (ex * ex + ey * ey + 1e-18)
        t = min(1.0, max(0.0, t))
        x, y = p[k, 0] + t * ex, p[k, 1] + t * ey
        near = min(near, x * x + y * y)
        far = max(far, p[k, 0] ** 2 + p[k, 1] ** 2)
    turn = 0.0
    for k in range(3):
        j = (k + 1) % 3
        side = p[k, 0] * p[j, 1] - p[k, 1] * p[j, 0]
        if turn == 0.0:
            turn = side
        if side * turn <= 0.0:
            inside = False
    near, far = math.sqrt(near), math.sqrt(far)
    if inside or near < 0.05:
        return 0, COLUMNS, 0.0, far
    first = math.atan2(p[0, 1], p[0, 0])
    low, high = 0.0, 0.0
    for k in range(1, 3):
        delta = math.atan2(p[k, 1], p[k, 0]) - first
        delta -= 2 * math.pi * whole((delta + math.pi) / (2 * math.pi))
        low, high = min(low, delta), max(high, delta)
    margin = 2.0 * _STEP
    # Columns fall as the azimuth grows.
    start = (LAST_AZIMUTH - first - high) / _STEP + COLUMNS - 1
    stop = (LAST_AZIMUTH - first - low) / _STEP + COLUMNS - 1
    turned = whole(start / COLUMNS) * COLUMNS
    start, stop = start - turned, stop - turned
    reach = slack / max(near, 0.3) / _STEP
    if start < reach + 2 or stop > COLUMNS - reach - 2:
        # At the seam of the revolution one direction is looked at twice, 50 ms apart.
        margin += reach * _STEP
    margin_columns = -whole(-margin / _STEP)
    count = -whole(-stop) - whole(start) + 1 + 2 * margin_columns
    if count >= COLUMNS:
        return 0, COLUMNS, near, far
    return whole(start) - margin_columns, count, near, far


@njit(cache=True, nogil=True, fastmath=True)
def _ring_bounds(bottom, top, near, far):
    """First and last ring that may touch what lies between two heights and two distances, sensor frame."""
    closest, farthest = max(near - 0.02, 0.01), far + 0.02
    high = math.atan2(top, closest if top > 0 else farthest)
    low = math.atan2(bottom, farthest if bottom > 0 else closest)
    first = max(0, whole((low - LOWEST) / _RISE) - 1)
    return first, min(RINGS - 1, -whole(-(high - LOWEST) / _RISE) + 1)


@njit(cache=True, nogil=True, fastmath=True)
def _struck(ox, oy, oz, dx, dy, dz, e1x, e1y, e1z, e2x, e2y, e2z):
    """Distance along a beam from o, measured from a triangle's first corner, to the triangle of two edges;
    -1 where it misses (Moeller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997).
    """
    px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
    det = e1x * px + e1y * py + e1z * pz
    if abs(det) < 1e-14:
        return -1.0
    u = (ox * px + oy * py + oz * pz) / det
    if u < 0.0 or u > 1.0:
        return -1.0
    qx, qy, qz = oy * e1z - oz * e1y, oz * e1x - ox * e1z, ox * e1y - oy * e1x
    v = (dx * qx + dy * qy + dz * qz) / det
    if v < 0.0 or u + v > 1.0:
        return -1.0
    return (e2x * qx + e2y * qy + e2z * qz) / det


@njit(cache=True, nogil=True, fastmath=True)
def _cast(vertices, to_body, from_body, slack, first_index, azimuth, elevation, ranges, hits):
    """Intersect the beams with triangles of one rigid body, exactly.

    Args:
        vertices: (T, 3, 3) float32, body frame.
        to_body: (COLUMNS, 3, 4) float64, sensor to body at each column's time.
        from_body: the inverse.
        slack: metres that body and sensor move against each other in a revolution.
        first_index: added to a triangle's index in `hits`.
        azimuth: (COLUMNS,) float64, of the beams.
        elevation: (RINGS,) float64.
        ranges: (COLUMNS, RINGS) float64, nearest so far.
        hits: (COLUMNS, RINGS) int64, the triangle.
    """
    p = np.empty((3, 3))
    for t in range(len(vertices)):
        for k in range(3):
            column = COLUMNS // 2
            for _ in range(2):
                m = from_body[column]
                for axis in range(3):
                    p[k, axis] = (
                        m[axis, 0] * vertices[t, k, 0]
                        + m[axis, 1] * vertices[t, k, 1]
                        + m[axis, 2] * vertices[t, k, 2]
                        + m[axis, 3]
                    )
                if p[k, 0] ** 2 + p[k, 1] ** 2 > 300.0**2:
                    break
                where = (LAST_AZIMUTH - math.atan2(p[k, 1], p[k, 0])) / _STEP + COLUMNS - 1
                column = int(where - math.floor(where / COLUMNS) * COLUMNS)
                column = min(max(column, 0), COLUMNS - 1)
        start, count, near, far = _column_bounds(p, slack)
        if near - slack > MAX_RANGE:
            continue
        top = max(p[0, 2], p[1, 2], p[2, 2])
        bottom = min(p[0, 2], p[1, 2], p[2, 2])
        ring0, ring1 = _ring_bounds(bottom, top, near, far)
        if ring0 > ring1:
            continue
        ax, ay, az = vertices[t, 0, 0], vertices[t, 0, 1], vertices[t, 0, 2]
        e1x, e1y, e1z = vertices[t, 1, 0] - ax, vertices[t, 1, 1] - ay, vertices[t, 1, 2] - az
        e2x, e2y, e2z = vertices[t, 2, 0] - ax, vertices[t, 2, 1] - ay, vertices[t, 2, 2] - az
        for step in range(count):
            column = (start + step) % COLUMNS
            m = to_body[column]
            ca, sa = math.cos(azimuth[column]), math.sin(azimuth[column])
            ox, oy, oz = m[0, 3] - ax, m[1, 3] - ay, m[2, 3] - az
            for ring in range(ring0, ring1 + 1):
                ce, se = math.cos(elevation[ring]), math.sin(elevation[ring])
                sx, sy, sz = ce * ca, ce * sa, se
                dx = m[0, 0] * sx + m[0, 1] * sy + m[0, 2] * sz
                dy = m[1, 0] * sx + m[1, 1] * sy + m[1, 2] * sz
                dz = m[2, 0] * sx + m[2, 1] * sy + m[2, 2] * sz
                distance = _struck(ox, oy, oz, dx, dy, dz, e1x, e1y, e1z, e2x, e2y, e2z)
                if MIN_RANGE < distance < ranges[column, ring]:
                    ranges[column, ring] = distance
                    hits[column, ring] = first_index + t


def _poses(samples: list[Pose], fractions: np.ndarray) -> np.ndarray:
    """(COLUMNS, 3, 4) poses between a few, linear in place, yaw and the little that they lean."""
    knots = np.linspace(0, 1, len(samples))
    place = np.stack([p.translation for p in samples])
    yaw = np.unwrap([p.yaw for p in samples])
    angle = np.interp(fractions, knots, yaw)
    result = np.zeros((len(fractions), 3, 4))
    result[:, 0, 0] = result[:, 1, 1] = np.cos(angle)
    result[:, 1, 0] = np.sin(angle)
    result[:, 0, 1] = -result[:, 1, 0]
    result[:, 2, 2] = 1.0
    result[:, :, 3] = np.stack([np.interp(fractions, knots, place[:, k]) for k in range(3)], -1)
    if any(p.rotation[2, 2] != 1.0 for p in samples):
        leaning = np.stack([Pose.from_yaw(p.yaw).rotation.T @ p.rotation for p in samples])
        leaning = np.stack(
            [[np.interp(fractions, knots, leaning[:, i, j]) for j in range(3)] for i in range(3)]
        )
        result[:, :, :3] = result[:, :, :3] @ np.moveaxis(leaning, -1, 0)
    return result


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of (..., 3, 4) rigid transforms."""
    rotation = a[..., :3] @ b[..., :3]
    place = a[..., :3] @ b[..., 3:] + a[..., 3:]
    return np.concatenate([rotation, place], -1)


def _back(a: np.ndarray) -> np.ndarray:
    """Inverse of (..., 3, 4) rigid transforms."""
    rotation = np.swapaxes(a[..., :3], -1, -2)
    return np.concatenate([rotation, -rotation @ a[..., 3:]], -1)


def ages() -> np.ndarray:
    """(COLUMNS,) float64 seconds from the firing of each column to the end of the revolution."""
    period = LIDAR_PERIOD * 1e-6
    return period * (COLUMNS - 1 - np.arange(COLUMNS)) / COLUMNS


def scan(world: World, mount: Mount, time: float, rng: np.random.Generator) -> Scan:
    """One revolution that ends at `time` seconds.

    Args:
        world: the scene.
        mount: the LiDAR.
        time: seconds.
        rng: draws noise and lost returns.
    """
    period = LIDAR_PERIOD * 1e-6
    moments = np.linspace(time - period * (COLUMNS - 1) / COLUMNS, time, 6)
    fractions = np.arange(COLUMNS) / (COLUMNS - 1)
    ego = [world.ego_pose(t) for t in moments]
    on_car = mount.pose.matrix[None, :3]
    sensor = _times(_poses(ego, fractions), on_car)
    travelled = (
        float(np.linalg.norm(ego[-1].translation - ego[0].translation)) + abs(ego[-1].yaw - ego[0].yaw) * 2
    )
    azimuth, elevation = azimuths(), elevations()
    ranges = np.full((COLUMNS, RINGS), MAX_RANGE)
    hits = np.full((COLUMNS, RINGS), -1, np.int64)
    fixed, owners = world.fixed
    keep = _within(fixed.vertices, ego[-1].translation, MAX_RANGE + 3)
    bodies = [(fixed.vertices[keep], sensor, travelled)]
    material, owner = [fixed.material[keep]], [owners[keep]]
    for actor in world.movers:
        poses = [actor.pose(t) for t in moments]
        if np.hypot(*(poses[-1].translation - ego[-1].translation)[:2]) > MAX_RANGE + 8:
            continue
        mesh = actor.mesh(time - period / 2)
        way = travelled + float(np.linalg.norm(poses[-1].translation - poses[0].translation)) + 0.1
        bodies.append((mesh.vertices, _times(_back(_poses(poses, fractions)), sensor), way))
        material.append(mesh.material)
        owner.append(np.full(len(mesh), actor.number, np.int32))
    own = ego_mesh()
    bodies.append((own.vertices, np.broadcast_to(on_car, (COLUMNS, 3, 4)).copy(), 0.0))
    material.append(np.zeros(len(own), np.int32))
    owner.append(np.full(len(own), -1, np.int32))
    first, normals = 0, []
    for vertices, to_body, slack in bodies:
        _cast(vertices, to_body, _back(to_body), slack, first, azimuth, elevation, ranges, hits)
        first += len(vertices)
        normal = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
        normals.append(normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12))
    starts = np.cumsum([0] + [len(b[0]) for b in bodies])
    column, ring = np.nonzero(hits >= 0)
    hit, distance = hits[column, ring], ranges[column, ring]
    body = np.searchsorted(starts, hit, side="right") - 1
    ce = np.cos(elevation[ring])
    beam = np.stack([ce * np.cos(azimuth[column]), ce * np.sin(azimuth[column]), np.sin(elevation[ring])], -1)
    turned = np.empty_like(beam)
    for k, (_, to_body, _) in enumerate(bodies):
        mine = body == k
        turned[mine] = np.einsum("nij,nj->ni", to_body[column[mine], :, :3], beam[mine])
    slant = np.abs((turned * np.concatenate(normals)[hit]).sum(-1))
    stuff, whose = np.concatenate(material)[hit], np.concatenate(owner)[hit]
    kind = world.materials(time).kind[stuff]
    bright = world.materials(time).colour[stuff].mean(-1)
    own_car = whose == -1
    reflectance = REFLECTANCE[kind] * (0.55 + 0.9 * bright)
    reflectance[own_car] = OWN_REFLECTANCE
    chance = _echo(reflectance, slant, distance) * np.where((kind == GLASS) & ~own_car, THROUGH_GLASS, 1.0)
    kept = rng.random(len(hit)) < chance
    measured = distance + rng.normal(0, RANGE_NOISE, len(hit))
    strength = 255.0 * 0.42 * reflectance * (0.25 + 0.75 * slant) * np.exp(-distance / 140.0)
    intensity = np.clip(np.round(strength * rng.lognormal(0, SPECKLE, len(hit))), 0, 255)
    compensate = _times(_back(sensor[-1]), sensor)[column]
    points = np.einsum("nij,nj->ni", compensate[:, :, :3], beam * measured[:, None]) + compensate[:, :, 3]
    table = np.concatenate([points, intensity[:, None], ring[:, None]], 1).astype(np.float32)
    return Scan(table[kept], whose[kept].astype(np.int32), column[kept].astype(np.int32))


def _echo(reflectance, slant, distance) -> np.ndarray:
    """Probability that an echo is strong enough."""
    limit = 24.0 + 105.0 * np.sqrt(reflectance * np.minimum(slant + 0.01, 1.0))
    return np.clip((limit - distance) / 12.0 + 0.5, 0, 0.985)


@njit(cache=True, nogil=True, fastmath=True)
def _within(vertices, center, radius):
    """Indices of the triangles that may come within `radius` metres of a place in the plane."""
    keep = np.empty(len(vertices), np.int64)
    count = 0
    for t in range(len(vertices)):
        x0 = min(vertices[t, 0, 0], vertices[t, 1, 0], vertices[t, 2, 0])
        x1 = max(vertices[t, 0, 0], vertices[t, 1, 0], vertices[t, 2, 0])
        y0 = min(vertices[t, 0, 1], vertices[t, 1, 1], vertices[t, 2, 1])
        y1 = max(vertices[t, 0, 1], vertices[t, 1, 1], vertices[t, 2, 1])
        if (
            x0 < center[0] + radius
            and x1 > center[0] - radius
            and y0 < center[1] + radius
            and y1 > center[1] - radius
        ):
            keep[count] = t
            count += 1
    return keep[:count].copy()
