"""What the network remembers, and when that is worth nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...geometry import Pose
from .track import jump

WANTED = 0.5
"""Age in seconds that a memory should have: that of training."""

YOUNGEST, OLDEST = 0.2, 2.0
"""Ages in seconds that a memory may have."""

SPACING = 0.1
"""Seconds between two maps that are kept, at least: they are large."""

MOST = 8
"""Maps kept at most."""


@dataclass(frozen=True, eq=False)
class Memory:
    """A remembered map, and where the car has gone since.

    Attributes:
        bev: (1, C, nx, ny), as the network gave it.
        reached: (1, 1, nx, ny) float, 1 where a sense reached then.
        motion: (x, y, yaw) of base_link now in base_link then, metres and radians.
        age: seconds.
    """

    bev: torch.Tensor
    reached: torch.Tensor
    motion: tuple[float, float, float]
    age: float


@dataclass(frozen=True, eq=False)
class _Kept:
    stamp: int
    pose: Pose
    bev: torch.Tensor
    reached: torch.Tensor


class MemoryKeeper:
    """Keeps the maps of the last two seconds with the car's poses, for one thread.

    Attributes:
        resets: how often all was forgotten since the start.
        reason: why it was the last time, one line; empty where it never was.
    """

    def __init__(self) -> None:
        self.resets = 0
        self.reason = ""
        self._kept: list[_Kept] = []
        self._last: tuple[int, Pose] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def forget(self, reason: str) -> None:
        """Start anew, for a reason that is told."""
        if self._kept:
            self.resets += 1
            self.reason = reason
        self._kept = []
        self._last = None

    def recall(self, stamp: int, pose: Pose | None) -> Memory | None:
        """The map that is nearest to half a second old, if one is of an age that says something.

        Everything is forgotten where the time goes back or stands still for long, and where the car's pose
        jumps: an odometry that was reset, a bag that begins again.

        Args:
            stamp: of now, nanoseconds.
            pose: of the car now, in the frame of the poses that were given to `keep`; None where nobody
                knows, and then there is no memory for now, but it is kept.
        """
        if pose is None:
            if self._last is not None and stamp < self._last[0]:
                self.forget("the stamps went back: a bag or a clock restarted")
            return None
        self._look(stamp, pose)
        self._last = (stamp, pose)
        self._kept = [each for each in self._kept if stamp - each.stamp <= OLDEST * 1e9]
        old = [each for each in self._kept if stamp - each.stamp >= YOUNGEST * 1e9]
        if not old:
            return None
        best = min(old, key=lambda each: abs(stamp - each.stamp - WANTED * 1e9))
        moved = best.pose.inverse() @ pose
        motion = (float(moved.translation[0]), float(moved.translation[1]), moved.yaw)
        return Memory(best.bev, best.reached, motion, (stamp - best.stamp) / 1e9)

    def keep(self, stamp: int, pose: Pose | None, bev: torch.Tensor, reached: torch.Tensor) -> None:
        """Remember what was sensed now; without a pose it could never be placed, and is not kept.

        Args:
            stamp: nanoseconds, as given to `recall` before.
            pose: likewise.
            bev: (1, C, nx, ny) from the network.
            reached: (nx, ny) bool, where a sense reached.
        """
        if pose is None or (self._kept and stamp - self._kept[-1].stamp < SPACING * 1e9):
            return
        self._kept.append(_Kept(stamp, pose, bev.detach(), reached[None, None].float()))
        del self._kept[:-MOST]

    def _look(self, stamp: int, pose: Pose) -> None:
        """Forget what this instant cannot go on from."""
        if self._last is None:
            return
        before, there = self._last
        seconds = (stamp - before) / 1e9
        if seconds < 0:
            self.forget("the stamps went back: a bag or a clock restarted")
        elif seconds > OLDEST:
            self.forget(f"{seconds:.1f} s passed between two frames")
        elif why := jump(there, pose, seconds):
            self.forget(why)
