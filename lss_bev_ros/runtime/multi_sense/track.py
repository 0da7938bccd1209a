"""Where the car was: its poses over the last seconds."""

from __future__ import annotations

import bisect
import threading

import numpy as np

from ...geometry import Pose
from ...geometry.transform_tree import between

KEPT = 4.0
"""Seconds of poses that are kept."""

REACH = 0.25
"""Seconds beyond the newest pose up to which the car is taken to go on as it went."""

FASTEST, QUICKEST = 60.0, 3.0
"""Metres and radians a second: no car moves or turns faster, so its odometry has jumped."""

_BASE = 0.02
"""Seconds between two poses that a velocity is told from, at least."""

_JITTER, _TREMOR = 0.5, 0.3
"""Metres and radians by which an odometry may correct itself at once, besides what the car drives."""

_LATE = 0.5
"""Seconds by which a pose may come behind a newer one, on a link that loses the order. Beyond, time went
back."""


def jump(before: Pose, after: Pose, seconds: float) -> str:
    """How an odometry jumped between two poses, one line with the remedy; empty where a car goes so."""
    moved = float(np.linalg.norm(after.translation - before.translation))
    cosine = (np.trace(before.rotation.T @ after.rotation) - 1.0) / 2.0
    turned = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
    if moved <= FASTEST * seconds + _JITTER and turned <= QUICKEST * seconds + _TREMOR:
        return ""
    far = f"{moved:.1f} m" if moved > FASTEST * seconds + _JITTER else f"{np.degrees(turned):.0f} degrees"
    return (
        f"the odometry jumped by {far} within {seconds:.2f} s: use one that is continuous (REP 105, `odom`), "
        f"not one that is corrected (`map`), from one publisher"
    )


class EgoTrack:
    """Poses by stamp; may be written by one thread and read by another.

    A stamp that goes back starts it anew, as a bag that begins again does, and so does a pose to which no car
    could have gone: between the poses before and after a jump nothing was driven.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamps: list[int] = []
        self._poses: list[Pose] = []

    @property
    def newest(self) -> int | None:
        """Stamp of the newest pose, nanoseconds; None without any."""
        with self._lock:
            return self._stamps[-1] if self._stamps else None

    @property
    def oldest(self) -> int | None:
        """Stamp of the oldest pose that is kept, nanoseconds; None without any."""
        with self._lock:
            return self._stamps[0] if self._stamps else None

    def forget(self) -> None:
        """Start anew, as where another frame is told of."""
        with self._lock:
            self._stamps, self._poses = [], []

    def add(self, stamp: int, pose: Pose) -> str:
        """Take the car's pose in a frame that stands still, at a stamp in nanoseconds.

        Returns:
            Why the poses of before say nothing of this one, one line; empty where they do.
        """
        with self._lock:
            why = ""
            if self._stamps:
                seconds = (stamp - self._stamps[-1]) / 1e9
                if -_LATE <= seconds <= 0.0:
                    return ""
                if seconds < 0.0:
                    why = "the odometry's stamps went back: what publishes it, or a bag, began again"
                else:
                    why = jump(self._poses[-1], pose, seconds)
            if why:
                self._stamps, self._poses = [], []
            self._stamps.append(stamp)
            self._poses.append(pose)
            if (old := bisect.bisect_left(self._stamps, stamp - int(KEPT * 1e9))) > 0:
                del self._stamps[:old], self._poses[:old]
            return why

    def pose(self, stamp: int) -> Pose | None:
        """The pose at a stamp: between two that are known, or up to `REACH` beyond the newest; else None."""
        with self._lock:
            if not self._stamps or stamp < self._stamps[0]:
                return None
            at = bisect.bisect_right(self._stamps, stamp)
            if at < len(self._stamps):
                first, second = self._stamps[at - 1], self._stamps[at]
                share = (stamp - first) / (second - first)
                return between(self._poses[at - 1], self._poses[at], share)
            ahead = (stamp - self._stamps[-1]) / 1e9
            if ahead > REACH:
                return None
            pose, motion = self._poses[-1], self._motion()
            if motion is None:
                return pose
            speed, aside, turn = motion
            middle = turn * ahead / 2
            along = np.array([speed * ahead, aside * ahead])
            cos, sin = np.cos(middle), np.sin(middle)
            moved = (cos * along[0] - sin * along[1], sin * along[0] + cos * along[1], 0.0)
            return pose @ Pose.from_yaw(turn * ahead, moved)

    def motion(self, stamp: int, seconds: float = 0.5) -> tuple[float, float, float, float] | None:
        """How the car has gone until a stamp, as `Moment.motion`: over `seconds`, or what is known of them.

        None where less than a fifth of that is known.
        """
        now = self.pose(stamp)
        with self._lock:
            if now is None or not self._stamps:
                return None
            first = max(stamp - int(seconds * 1e9), self._stamps[0])
        then = self.pose(first)
        if then is None or stamp - first < seconds / 5 * 1e9:
            return None
        moved = then.inverse() @ now
        x, y, _ = map(float, moved.translation)
        return x, y, moved.yaw, (stamp - first) / 1e9

    def _motion(self) -> tuple[float, float, float] | None:
        """Speeds along x and y and the turn between the last two poses that are far enough apart."""
        last = len(self._stamps) - 1
        first = last - 1
        while first >= 0 and self._stamps[last] - self._stamps[first] < _BASE * 1e9:
            first -= 1
        if first < 0:
            return None
        seconds = (self._stamps[last] - self._stamps[first]) / 1e9
        if seconds > 2.0:
            return None
        moved = self._poses[first].inverse() @ self._poses[last]
        cos, sin = np.cos(moved.yaw / 2), np.sin(moved.yaw / 2)
        x, y = moved.translation[:2] / seconds
        return float(cos * x + sin * y), float(cos * y - sin * x), moved.yaw / seconds
