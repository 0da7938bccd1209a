"""Whether LiDAR clouds can be read, are in metres, and stand on the road."""

from __future__ import annotations

import numpy as np

from .recording import ERROR, WARN, Cloud, LidarRecord, Problem, Recording

_OFF_GROUND, _TILTED = 0.4, 4.0
"""Metres of the road from base_link, and degrees, from which the LiDAR's mounting is doubted."""


def check_lidars(recording: Recording) -> list[Problem]:
    """What is wrong with LiDARs; there may be none."""
    return [problem for record in recording.lidars for problem in check_lidar(record)]


def check_lidar(record: LidarRecord) -> list[Problem]:
    """What is wrong with one."""
    name = record.topic
    if record.problem:
        text, _, remedy = record.problem.partition("; ")
        return [
            Problem(
                ERROR,
                name,
                text.removeprefix(f"{record.frame}: "),
                remedy or "make its driver publish little-endian fields x, y and z",
                "lidar.fields",
            )
        ]
    clouds = [cloud for cloud in record.clouds if len(cloud.points)]
    if record.clouds and not clouds:
        return [
            Problem(
                WARN,
                name,
                "its clouds are empty",
                "check the driver, its range and its filters",
                "lidar.empty",
            )
        ]
    problems = []
    units = dict(record.fields)
    if any(units.get(axis) not in (None, "float32", "float64") for axis in "xyz"):
        problems.append(
            Problem(
                WARN,
                name,
                f"x, y and z are {', '.join(units.get(axis, '?') for axis in 'xyz')}, not float32 in metres",
                "set the driver's output to metres as float32",
                "lidar.units",
            )
        )
    if not clouds:
        return problems
    ranges = np.concatenate([np.linalg.norm(cloud.points, axis=1) for cloud in clouds])
    far = float(np.percentile(ranges, 95))
    if not problems and (far > 1000.0 or far < 0.5):
        unit = "millimetres" if far > 1000.0 else "kilometres or a raw unit"
        return [
            Problem(
                ERROR,
                name,
                f"its points are up to {far:.3g} m away: they are in {unit}",
                "set the driver's output to metres",
                "lidar.units",
            )
        ]
    lost = sum(cloud.lost for cloud in record.clouds)
    total = lost + sum(len(cloud.points) for cloud in record.clouds)
    if lost > 0.95 * total:
        problems.append(
            Problem(
                WARN,
                name,
                f"{100 * lost / total:.0f} % of its points are not finite",
                "check the driver; the LiDAR may be covered or blinded",
                "lidar.lost",
            )
        )
    if record.pose is not None:
        problems += _ground(record, clouds)
    return problems


def _ground(record: LidarRecord, clouds: list[Cloud]) -> list[Problem]:
    """A road that is not where base_link has it."""
    assert record.pose is not None
    found = [ground_plane(record.pose.apply(cloud.points.astype(np.float64))) for cloud in clouds]
    planes = np.array([plane for plane in found if plane is not None])
    if not len(planes):
        return []
    height = float(np.median(planes[:, 2]))
    slope = np.median(planes[:, :2], axis=0)
    tilt = float(np.rad2deg(np.arctan(np.hypot(*slope))))
    z = float(record.pose.translation[2])
    if tilt > _TILTED and np.rad2deg(np.arctan(np.hypot(*planes[:, :2].T))).min() > _TILTED - 1.0:
        about = "rolled" if abs(slope[1]) > abs(slope[0]) else "pitched"
        return [
            Problem(
                WARN,
                record.topic,
                f"the road is tilted by {tilt:.1f} degrees in base_link: the LiDAR's mounting is {about}",
                f"correct the rotation of frame {record.frame!r}",
                "lidar.tilted",
            )
        ]
    if abs(height) > _OFF_GROUND:
        way = "above" if height > 0 else "below"
        return [
            Problem(
                WARN,
                record.topic,
                f"the road lies {abs(height):.2f} m {way} base_link, and the LiDAR at z {z:.2f} m",
                f"if base_link is not on the road, set base_frame to a frame there (base_footprint); else "
                f"correct z of "
                f"frame {record.frame!r} to {z - height:.2f}",
                "lidar.height",
            )
        ]
    return []


def ground_plane(points: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Find the road around a car by random trials (Fischler and Bolles, "Random sample consensus", 1981).

    Args:
        points: (N, 3), metres, base_link.
        seed: of the trials.

    Returns:
        (3,) slope along x, slope along y, and height in metres at the base_link origin; None without a plane
        that lies below most of what is around it.
    """
    away = np.hypot(points[:, 0], points[:, 1])
    near = points[(away > 3.0) & (away < 20.0)]
    if len(near) < 100:
        return None
    draw = np.random.default_rng(seed)
    near = near[draw.choice(len(near), min(len(near), 3000), replace=False)]
    corners = near[draw.integers(0, len(near), (400, 3))]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    # Steeper than 35 degrees is a wall, whatever is wrong with the mounting.
    level = (length > 1e-6) & (np.abs(normal[:, 2]) > 0.82 * length)
    normal, at = normal[level], corners[level, 0]
    if not len(normal):
        return None
    slope = -normal[:, :2] / normal[:, 2:]
    height = at[:, 2] - (slope * at[:, :2]).sum(axis=1)
    above = near[:, 2] - slope @ near[:, :2].T - height[:, None]
    on, below = (np.abs(above) < 0.12).sum(axis=1), (above < -0.3).sum(axis=1)
    best = int((on - 2.0 * below).argmax())
    if on[best] < max(60, 0.08 * len(near)) or below[best] > 0.3 * on[best]:
        return None
    chosen = near[np.abs(above[best]) < 0.2]
    design = np.column_stack([chosen[:, :2], np.ones(len(chosen))])
    return np.linalg.lstsq(design, chosen[:, 2], rcond=None)[0]
