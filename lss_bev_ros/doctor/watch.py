"""Checks that are cheap enough to be made while driving, for a node's diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..geometry import Camera, Pose
from .alignment import NARROW
from .cameras import check_camera
from .coverage import check_cells
from .examination import merged
from .fitting import FitMonitor, Instant, heights_above_road
from .mounting import check_mounts
from .recording import CameraRecord, Problem


def check_rig(
    cameras: Iterable[Camera],
    mounts: Mapping[str, Pose] | None = None,
    frames: Mapping[str, str] | None = None,
) -> list[Problem]:
    """What is wrong with a rig by itself: to be asked whenever a calibration changes (about 20 ms a camera).

    Args:
        cameras: as they are used.
        mounts: the pose of each camera's frame in base_link as tf2 tells it, before anything was assumed of
            it; the camera's pose where it is not given.
        frames: the name of that frame, for the remedy.

    Returns:
        problems whose `subject` are cameras, separated by commas.
    """
    mounts, frames = mounts or {}, frames or {}
    records = [
        CameraRecord(
            camera.name,
            frame=frames.get(camera.name, camera.name),
            camera=camera,
            mount=mounts.get(camera.name, camera.pose),
            mounted=True,
        )
        for camera in cameras
    ]
    found = [problem for record in records for problem in check_camera(record)] + check_mounts(records)
    blamed = {problem.subject for problem in found}
    return merged([*found, *(one for one in check_cells(records) if one.subject not in blamed)])


class FitWatch:
    """Compares LiDAR and pictures now and then, and forgets what is old.

    Args:
        period: seconds between two comparisons.
        window: comparisons after which a verdict is made anew; one of three or more is trusted.
    """

    def __init__(self, period: float = 3.0, window: int = 10) -> None:
        self._period = period
        self._window = window
        self._last = -np.inf
        self._rig: tuple[str, ...] = ()
        self._monitor: FitMonitor | None = None
        self._count = 0
        self._verdict: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """The newest verdict; nothing before the third comparison."""
        return list(self._verdict)

    def is_due(self, now: float) -> bool:
        """Whether it is time for a comparison, at `now` steady seconds; the first three come soon."""
        soon = self._monitor is None or self._count < 3
        return now - self._last >= (min(self._period, 0.5) if soon else self._period)

    def compare(
        self,
        now: float,
        cameras: Iterable[Camera],
        points: np.ndarray,
        grays: Mapping[str, np.ndarray],
        apart: Mapping[str, float],
    ) -> None:
        """Compare one scan with the pictures of its time, on any thread but one at once.

        It takes about 15 ms a camera, and about half a second when a verdict is made: after the third, the
        sixth and the last comparison of a window.

        Args:
            now: steady seconds.
            cameras: the rig; another one than before begins anew.
            points: (N, 3), metres, base_link, of one scan.
            grays: (h, w) uint8 by camera, of about 350 to 800 pixels across.
            apart: seconds between the stamps of each picture and of the scan, 0.1 at most: the farther they
                are apart, the more of what is near is left out, since the car may have moved.
        """
        cameras = list(cameras)
        rig = tuple(camera.fingerprint for camera in cameras)
        self._last = now
        if rig != self._rig:
            self._rig, self._verdict, self._monitor = rig, [], None
        if self._monitor is None or self._count >= self._window:
            self._monitor, self._count = FitMonitor({camera.name: camera for camera in cameras}, NARROW, 6), 0
        points = np.asarray(points, dtype=np.float64)[:, :3]
        grays = {name: gray for name, gray in grays.items() if abs(apart.get(name, 0.0)) <= 0.1}
        self._monitor.add(Instant(dict.fromkeys(grays, points), heights_above_road(points), grays, apart))
        self._count += 1
        # Swapped cameras are looked for seldom: that takes ten times as long as the comparison.
        if self._count in (3, 6, self._window):
            self._verdict = merged(self._monitor.problems(flips=False))
