"""Cameras of other cars than the recorded one: how many, how high, how they look, and through which lens."""

from __future__ import annotations

import numpy as np

from ..geometry import Pose
from .config import WorldConfig
from .realism import RigRanges
from .sensors import CAMERA_CHANNELS, HEIGHT, WIDTH, Mount, mounts

MORE_CHANNELS = ("CAM_SIDE_LEFT", "CAM_SIDE_RIGHT")
"""Of the seventh and the eighth camera."""
FIRING = 45_000
"""The cameras fire one after another within so many microseconds before the end of a revolution."""


def draw_rig(
    ranges: RigRanges, rng: np.random.Generator, most: int = len(CAMERA_CHANNELS) + len(MORE_CHANNELS)
) -> tuple[Mount, ...] | None:
    """The cameras of a car, in the order in which they fire; None where it has nuScenes'.

    Args:
        ranges: what may vary.
        rng: draws; every call without a rig takes one draw.
        most: cameras that whoever asks can take.
    """
    if rng.random() >= ranges.chance:
        return None
    low, high = ranges.cameras
    count = int(rng.integers(min(low, most), min(high, most) + 1))
    height, pitch, wide = rng.uniform(*ranges.height), rng.uniform(*ranges.pitch), rng.uniform(*ranges.view)
    # The roof carries high cameras, bonnet, mirrors and boot carry low ones.
    reach = np.interp(height, (1.0, 2.2), (1.0, 0.6))
    mounts = []
    for k, channel in enumerate(_channels(count)):
        azimuth = 2 * np.pi * k / count + np.radians(rng.uniform(-ranges.turn, ranges.turn))
        tilt = np.radians(pitch + rng.uniform(-1.5, 1.5))
        roll = np.radians(rng.uniform(-ranges.roll, ranges.roll))
        place = np.array(
            [
                1.3 + 1.5 * reach * np.cos(azimuth),
                0.75 * reach * np.sin(azimuth),
                height + rng.uniform(-ranges.spread, ranges.spread),
            ]
        )
        # Few cameras have wide lenses, or they would see next to nothing.
        view = np.radians(np.clip(wide * rng.uniform(0.85, 1.15) * (6 / count) ** 0.35, 45.0, 125.0))
        focal = WIDTH / 2 / np.tan(view / 2)
        lens = np.array([focal, focal, WIDTH / 2 + rng.uniform(-25, 25), HEIGHT / 2 + rng.uniform(-35, 35)])
        mounts.append(
            Mount(channel, Pose(_looking(azimuth, tilt, roll), place), lens, -int(FIRING * k / count))
        )
    return tuple(mounts)


def mounted(
    config: WorldConfig, rng: np.random.Generator, most: int = len(CAMERA_CHANNELS) + len(MORE_CHANNELS)
) -> tuple[tuple[Mount, ...], Mount]:
    """The cameras, `most` at most, and the LiDAR of a car: `sensors.mounts`, or those of another car."""
    cameras, lidar = mounts(config, rng)
    ranges = config.realism.rigs
    if ranges.chance > 0.0:
        extra = rng.spawn(1)[0]
        drawn, height = draw_rig(ranges, extra, most), float(extra.uniform(*ranges.lidar))
        if drawn is not None:
            place = np.array([*lidar.pose.translation[:2], height])
            cameras, lidar = drawn, Mount(lidar.channel, Pose(lidar.pose.rotation, place))
    return cameras, lidar


def _channels(count: int) -> tuple[str, ...]:
    """Names of cameras that look around evenly, the first ahead, going to the left."""
    names = {
        4: ("CAM_FRONT", "CAM_FRONT_LEFT", "CAM_BACK", "CAM_FRONT_RIGHT"),
        5: ("CAM_FRONT", "CAM_FRONT_LEFT", "CAM_BACK_LEFT", "CAM_BACK_RIGHT", "CAM_FRONT_RIGHT"),
        6: (
            "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT", "CAM_FRONT_RIGHT",
        ),
        7: (
            "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_SIDE_LEFT", "CAM_BACK_LEFT", "CAM_BACK_RIGHT",
            "CAM_SIDE_RIGHT", "CAM_FRONT_RIGHT",
        ),
        8: (
            "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_SIDE_LEFT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT",
            "CAM_SIDE_RIGHT", "CAM_FRONT_RIGHT",
        ),
    }  # fmt: skip
    return names.get(count, names[8][:count])


def _looking(azimuth: float, tilt: float, roll: float) -> np.ndarray:
    """(3, 3) optical frame to base_link of a camera that looks at an azimuth, down by a tilt."""
    forward = np.array([np.cos(azimuth) * np.cos(tilt), np.sin(azimuth) * np.cos(tilt), -np.sin(tilt)])
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, -s * right + c * down, forward], 1)
