"""The tree of transforms, and what is wrong with it as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..geometry import Pose


def plain(frame: str) -> str:
    """A frame's name without the leading slash of ROS 1."""
    return frame.removeprefix("/")


@dataclass(eq=False)
class Edge:
    """One transform, as it was told.

    Attributes:
        parent, child: frames, without leading slashes.
        pose: of the child in the parent, the newest; None where it was no rigid transform.
        static: whether it came on /tf_static.
        count: how often it was told.
        first, last: when.
        moved: metres between any pose and the first, at most.
        turned: degrees, likewise.
        problem: what is wrong with its numbers.
    """

    parent: str
    child: str
    pose: Pose | None
    static: bool
    count: int = 0
    first: int = 0
    last: int = 0
    moved: float = 0.0
    turned: float = 0.0
    problem: str = ""
    _begin: Pose | None = None

    def tell(self, pose: Pose | None, time: int, problem: str = "") -> None:
        """Take one more message of it."""
        if not self.count:
            self.first = time
        self.count += 1
        self.last = time
        self.problem = self.problem or problem
        if pose is None:
            return
        if self._begin is None:
            self._begin = pose
        self.pose = pose
        self.moved = max(self.moved, float(np.linalg.norm(pose.translation - self._begin.translation)))
        self.turned = max(self.turned, angle_between(pose.rotation, self._begin.rotation))


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between two rotations."""
    # The chord is exact for small angles, where the arc cosine of the trace is not.
    return float(np.rad2deg(2.0 * np.arcsin(min(1.0, np.linalg.norm(a - b) / np.sqrt(8.0)))))


@dataclass(eq=False)
class FrameGraph:
    """Transforms between frames.

    Attributes:
        edges: by parent and child.
        slashed: frames that were named with a leading slash.
    """

    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)
    slashed: set[str] = field(default_factory=set)

    def tell(
        self, parent: str, child: str, pose: Pose | None, static: bool, time: int = 0, problem: str = ""
    ) -> None:
        """Take one transform: the pose of `child` in `parent`."""
        self.slashed |= {frame for frame in (parent, child) if frame.startswith("/")}
        key = plain(parent), plain(child)
        if key not in self.edges:
            self.edges[key] = Edge(*key, None, static)
        self.edges[key].static |= static
        self.edges[key].tell(pose, time, problem)

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames, sorted."""
        return tuple(sorted({frame for key in self.edges for frame in key}))

    def parents(self, child: str) -> tuple[str, ...]:
        """Who claims to be a frame's parent."""
        return tuple(sorted(edge.parent for edge in self.edges.values() if edge.child == child))

    def children(self, parent: str) -> tuple[str, ...]:
        """Frames whose parent it is."""
        return tuple(sorted(edge.child for edge in self.edges.values() if edge.parent == parent))

    def connected(self, frame: str) -> set[str]:
        """Frames that can be reached from one, itself included where it exists."""
        frame = plain(frame)
        found, front = set(), {frame} & set(self.frames)
        while front:
            found |= front
            front = {
                other
                for edge in self.edges.values()
                if edge.pose is not None
                for one, other in ((edge.parent, edge.child), (edge.child, edge.parent))
                if one in front
            } - found
        return found

    def path(self, base: str, frame: str) -> tuple[Edge, ...] | None:
        """The transforms between two frames, none where they are the same; None without a path."""
        base, frame = plain(base), plain(frame)
        if base == frame:
            return ()
        came: dict[str, Edge] = {}
        front, seen = [base], {base}
        while front:
            following = []
            for one in front:
                for edge in self.edges.values():
                    if edge.pose is None or one not in (edge.parent, edge.child):
                        continue
                    other = edge.child if edge.parent == one else edge.parent
                    if other not in seen:
                        seen.add(other)
                        came[other] = edge
                        following.append(other)
            front = following
        if frame not in came:
            return None
        edges, at = [], frame
        while at != base:
            edge = came[at]
            edges.append(edge)
            at = edge.parent if edge.child == at else edge.child
        return tuple(reversed(edges))

    def lookup(self, base: str, frame: str) -> Pose | None:
        """The pose of a frame in another, None without a path."""
        edges = self.path(base, frame)
        if edges is None:
            return None
        pose, at = Pose.identity(), plain(base)
        for edge in edges:
            assert edge.pose is not None
            forward = edge.parent == at
            pose = pose @ (edge.pose if forward else edge.pose.inverse())
            at = edge.child if forward else edge.parent
        return pose

    def cycles(self) -> list[tuple[str, ...]]:
        """Frames that are their own ancestors, each cycle once."""
        found: dict[frozenset[str], tuple[str, ...]] = {}

        def climb(trail: tuple[str, ...]) -> None:
            for parent in self.parents(trail[-1]):
                if parent in trail:
                    cycle = trail[trail.index(parent) :]
                    found.setdefault(frozenset(cycle), cycle)
                elif len(trail) < 64:
                    climb((*trail, parent))

        for start in self.frames:
            climb((start,))
        return list(found.values())

    def lines(self) -> list[str]:
        """The tree as text, roots first, children indented."""
        roots = [frame for frame in self.frames if not self.parents(frame)]
        hanging = set().union(*(self.connected(root) for root in roots))
        roots += [min(cycle) for cycle in self.cycles() if not hanging & set(cycle)]
        lines: list[str] = []

        def write(frame: str, depth: int, above: tuple[str, ...]) -> None:
            lines.append("  " * depth + frame)
            for child in self.children(frame):
                if child not in (*above, frame):
                    write(child, depth + 1, (*above, frame))

        for root in roots:
            write(root, 0, ())
        return lines


def nearest(frame: str, frames: Iterable[str]) -> str:
    """The frame whose name is most like one, empty where none is like it."""
    import difflib

    wanted, frames = plain(frame), [other for other in frames if other != frame]
    last = wanted.rpartition("/")[2]
    for same in (
        lambda other: other.rpartition("/")[2] == last,
        lambda other: other.lower() == wanted.lower(),
        lambda other: other.removesuffix("_optical_frame").removesuffix("_link") == _bare(wanted),
        lambda other: _bare(other) == _bare(wanted),
    ):
        for other in frames:
            if same(other):
                return other
    return next(iter(difflib.get_close_matches(wanted, frames, 1, 0.75)), "")


def _bare(frame: str) -> str:
    """A camera's name in a frame's."""
    bare = frame.rpartition("/")[2].lower()
    for end in ("_frame", "_optical", "_link", "_sensor"):
        bare = bare.removesuffix(end)
    return bare
