"""Frames that hang on each other, over time."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

import numpy as np

from ..errors import GeometryError
from .pose import Pose


@dataclass
class _Frame:
    """A frame's parents and poses in them, by time in nanoseconds; one entry where it never moves."""

    is_static: bool
    stamps: list[int] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)

    def insert(self, stamp: int, parent: str, pose: Pose) -> None:
        if self.is_static:
            self.stamps, self.parents, self.poses = [stamp], [parent], [pose]
            return
        at = bisect.bisect_left(self.stamps, stamp)
        if at < len(self.stamps) and self.stamps[at] == stamp:
            self.parents[at], self.poses[at] = parent, pose
            return
        self.stamps.insert(at, stamp)
        self.parents.insert(at, parent)
        self.poses.insert(at, pose)

    def parent_at(self, stamp: int | None) -> str:
        if self.is_static or stamp is None:
            return self.parents[-1]
        return self.parents[min(bisect.bisect_left(self.stamps, stamp), len(self.parents) - 1)]

    def pose_at(self, stamp: int | None) -> Pose:
        if self.is_static or stamp is None:
            return self.poses[-1]
        at = bisect.bisect_left(self.stamps, stamp)
        if at == len(self.stamps):
            return self.poses[-1]
        if at == 0 or self.stamps[at] == stamp or self.parents[at - 1] != self.parents[at]:
            return self.poses[at]
        before, after = self.stamps[at - 1], self.stamps[at]
        return between(self.poses[at - 1], self.poses[at], (stamp - before) / (after - before))


class TransformTree:
    """Where frames are, as ROS's transforms tell it (REP 105): each frame has one parent.

    Names may begin with a slash, as those of ROS 1 did; it means nothing.
    """

    def __init__(self) -> None:
        self._frames: dict[str, _Frame] = {}
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._names

    @property
    def names(self) -> list[str]:
        """All frames, sorted."""
        return sorted(self._names)

    def insert(self, parent: str, child: str, pose: Pose, stamp: int | None = None) -> None:
        """Take a transform.

        Args:
            parent: frame in which the child is.
            child: the frame.
            pose: takes points of the child to the parent.
            stamp: nanoseconds at which it holds; None where it holds always, and then the newest counts.
        """
        parent, child = _plain(parent), _plain(child)
        frame = self._frames.get(child)
        if frame is None or frame.is_static != (stamp is None):
            frame = self._frames[child] = _Frame(stamp is None)
        self._names.update((parent, child))
        frame.insert(stamp or 0, parent, pose)

    def lookup(self, target: str, source: str, stamp: int | None = None) -> Pose:
        """The pose that takes points of `source` to `target`, over as many frames as there are between.

        Between two known times a frame is interpolated; before the first and after the last it stays there.

        Args:
            target: frame to go to.
            source: frame to come from.
            stamp: nanoseconds, None for the newest transforms.

        Raises:
            GeometryError: nothing connects the two; names where the connection ends.
        """
        target, source = _plain(target), _plain(source)
        if target == source:
            return Pose.identity()
        problem = f"no transform from {source!r} to {target!r}: "
        for name in (source, target):
            if name not in self._names:
                raise GeometryError(f"{problem}no transform names a frame {name!r}")
        up, down = self._path(source, stamp, problem), self._path(target, stamp, problem)
        common = next((name for name in up if name in down), None)
        if common is None:
            raise GeometryError(
                f"{problem}{source!r} hangs on {up[-1]!r}, {target!r} on {down[-1]!r}, and nothing connects "
                f"{up[-1]!r} with {down[-1]!r}; publish that transform"
            )
        to_common = self._compose(up[: up.index(common)], stamp)
        return self._compose(down[: down.index(common)], stamp).inverse() @ to_common

    def times(self, target: str, source: str) -> list[int]:
        """Stamps, ascending, at which any frame between the two was told; none where all of them stand still.

        Args:
            target: frame to go to.
            source: frame to come from.

        Raises:
            GeometryError: as `lookup`.
        """
        target, source = _plain(target), _plain(source)
        self.lookup(target, source)
        up, down = self._path(source, None, ""), self._path(target, None, "")
        between_them = set(up) ^ set(down)
        moving = (self._frames[name] for name in between_them if name in self._frames)
        return sorted({stamp for frame in moving if not frame.is_static for stamp in frame.stamps})

    def _path(self, name: str, stamp: int | None, problem: str) -> list[str]:
        """A frame, its parent, and on to the one without parent."""
        path = [name]
        while path[-1] in self._frames:
            parent = self._frames[path[-1]].parent_at(stamp)
            if parent in path:
                circle = " -> ".join((*path[path.index(parent) :], parent))
                raise GeometryError(f"{problem}the transforms form a loop, {circle}")
            path.append(parent)
        return path

    def _compose(self, names: list[str], stamp: int | None) -> Pose:
        """The pose of the first frame in the parent of the last."""
        pose = Pose.identity()
        for name in names:
            pose = self._frames[name].pose_at(stamp) @ pose
        return pose


def between(before: Pose, after: Pose, ratio: float) -> Pose:
    """A pose on the way: straight in translation, along the great arc in rotation.

    Args:
        before: where the way begins.
        after: where it ends.
        ratio: share of the way, 0 to 1.

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    first, second = before.quaternion, after.quaternion
    cosine = float(first @ second)
    if cosine < 0.0:  # the same rotation, the shorter way
        cosine, second = -cosine, -second
    angle = np.arccos(min(1.0, cosine))
    if angle < 1e-6:
        mixed = first + ratio * (second - first)
    else:
        mixed = (np.sin((1.0 - ratio) * angle) * first + np.sin(ratio * angle) * second) / np.sin(angle)
    return Pose.from_quaternion(mixed, before.translation + ratio * (after.translation - before.translation))


def _plain(name: str) -> str:
    return name.lstrip("/")
