"""What the senses give of one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import RuntimeBackendError
from ...geometry import Pose
from ..frame_set import FrameSet

MOST_POINTS = 300_000
"""LiDAR returns that are read of one instant: more than a sweep of 128 beams has. Of more, so many are taken
evenly, so that no cloud takes an engine's time away."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What the senses give of one instant; any of it may be missing.

    Attributes:
        stamp: nanoseconds; every answer carries it.
        cameras: images with their rig, or None.
        points: (N, 5) float32 LiDAR returns: x, y, z in metres, base_link at the stamp; intensity 0 to 1, NaN
            where it is not known; age in seconds. (N, 4) has no ages, (N, 3) no intensity either. None
            without LiDAR.
        pose: base_link in a frame that stands still (`odom`), at the stamp; without it nothing can be
            remembered.
        motion: of the car over about the last half second: x, y in metres and yaw in radians of base_link
            now in base_link then, and the seconds between; None where unknown. A plan goes on from it.
    """

    stamp: int
    cameras: FrameSet | None = None
    points: np.ndarray | None = None
    pose: Pose | None = None
    motion: tuple[float, float, float, float] | None = None


def returns(points: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """LiDAR returns as the network takes them: (N, 5) float32, finite places, `most` at most.

    Args:
        points: (N, 3), (N, 4) or (N, 5), as in `Moment`.
        most: returns to keep.

    Raises:
        RuntimeBackendError: an array of another shape.
    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] not in (3, 4, 5):
        raise RuntimeBackendError(
            f"LiDAR returns are (N, 3 to 5): x, y, z, intensity, age; not {points.shape}: select these "
            f"columns"
        )
    if len(points) > most:
        points = points[np.arange(most) * len(points) // most]
    full = np.zeros((len(points), 5), np.float32)
    full[:, 3] = np.nan
    full[:, : points.shape[1]] = points
    full[:, 4] = np.clip(np.nan_to_num(full[:, 4]), 0.0, None)
    finite = np.isfinite(full[:, :3]).all(1)
    return full if finite.all() else full[finite]
