"""The tree of frames over time: tf2's buffer core.

Each frame keeps its transforms to its parent for as long as the cache is, sorted by time; a static one
holds at every time. A lookup goes from both frames up to their common ancestor.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from tf2_ros.exceptions import ConnectivityException, ExtrapolationException, LookupException
from tf2_ros.rigid_transform import RigidTransform

_MOST_KEPT = 20_000
"""Transforms of one frame: 2 kHz for as long as the cache is."""

_MOST_FRAMES = 10_000
"""Names of frames; no robot has more, and whoever makes them up must not take all memory."""


@dataclass
class _Frame:
    """A frame's parents and transforms to them, by time in ns; one entry at any time where static."""

    is_static: bool
    stamps: list[int] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    transforms: list[RigidTransform] = field(default_factory=list)

    def insert(self, stamp: int, parent: str, transform: RigidTransform, keep: int) -> bool:
        """Keep a transform; False where it is older than all that is kept for `keep` ns."""
        if self.is_static:
            self.stamps, self.parents, self.transforms = [stamp], [parent], [transform]
            return True
        if self.stamps and stamp < self.stamps[-1] - keep:
            return False
        at = bisect.bisect_left(self.stamps, stamp)
        if at < len(self.stamps) and self.stamps[at] == stamp:
            self.parents[at], self.transforms[at] = parent, transform
            return True
        self.stamps.insert(at, stamp)
        self.parents.insert(at, parent)
        self.transforms.insert(at, transform)
        old = max(bisect.bisect_left(self.stamps, self.stamps[-1] - keep), len(self.stamps) - _MOST_KEPT)
        del self.stamps[:old], self.parents[:old], self.transforms[:old]
        return True

    def parent_at(self, stamp: int) -> str:
        """The parent at a time, or the nearest known."""
        if self.is_static or not stamp:
            return self.parents[-1]
        return self.parents[min(bisect.bisect_left(self.stamps, stamp), len(self.parents) - 1)]

    def at(self, stamp: int) -> RigidTransform | None:
        """The transform at a time, between known ones; None outside of them."""
        if self.is_static:
            return self.transforms[0]
        at = bisect.bisect_left(self.stamps, stamp)
        if at < len(self.stamps) and self.stamps[at] == stamp:
            return self.transforms[at]
        if at == 0 or at == len(self.stamps):
            return None
        if self.parents[at - 1] != self.parents[at]:
            return self.transforms[at - 1]
        before, after = self.stamps[at - 1], self.stamps[at]
        ratio = (stamp - before) / (after - before)
        return self.transforms[at - 1].interpolate(self.transforms[at], ratio)


class FrameTree:
    """Frames by name. Times are in ns; 0 means the latest time that all of a lookup's frames have."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._frames: dict[str, _Frame] = {}
        self._names: set[str] = set()

    def insert(self, parent: str, child: str, stamp: int, transform: RigidTransform, is_static: bool) -> bool:
        """Keep a transform of `child` in `parent`; False where it is too old, or one frame too many."""
        frame = self._frames.get(child)
        if len(self._names) >= _MOST_FRAMES and not self._names.issuperset((parent, child)):
            return False
        if frame is None or frame.is_static != is_static:
            frame = self._frames[child] = _Frame(is_static)
        self._names.update((parent, child))
        return frame.insert(stamp, parent, transform, self._keep)

    def clear(self) -> None:
        """Forget all but static transforms, as tf2 does when time jumps back."""
        self._frames = {name: frame for name, frame in self._frames.items() if frame.is_static}

    def names(self) -> list[str]:
        """All frames that were ever named."""
        return sorted(self._names)

    def lookup(self, target: str, source: str, stamp: int) -> tuple[RigidTransform, int]:
        """The transform that takes points from `source` to `target`, and its time; raises as tf2 does."""
        for role, name in (("target_frame", target), ("source_frame", source)):
            if name not in self._names:
                raise LookupException(f'"{name}" passed to lookupTransform argument {role} does not exist. ')
        up, down = self._chains(target, source, stamp)
        if not stamp:
            stamp = self._latest_common_time(up + down)
        to_ancestor = self._compose(up, stamp, target, source)
        from_target = self._compose(down, stamp, target, source)
        return from_target.inverse() @ to_ancestor, stamp

    def _chains(self, target: str, source: str, stamp: int) -> tuple[list[str], list[str]]:
        """Frames from source, and from target, up to but without their common ancestor."""
        path = [source]
        while path[-1] in self._frames and len(path) <= len(self._names):
            path.append(self._frames[path[-1]].parent_at(stamp))
        above: list[str] = []
        name = target
        while name not in path:
            if name not in self._frames or len(above) > len(self._names):
                raise ConnectivityException(
                    f"Could not find a connection between '{target}' and '{source}' because they are not "
                    "part of the same tree. Tf has two or more unconnected trees."
                )
            above.append(name)
            name = self._frames[name].parent_at(stamp)
        return path[: path.index(name)], above

    def _latest_common_time(self, names: list[str]) -> int:
        stamps = [self._frames[name].stamps[-1] for name in names if not self._frames[name].is_static]
        return min(stamps, default=0)

    def _compose(self, names: list[str], stamp: int, target: str, source: str) -> RigidTransform:
        """The transform from the first frame to the parent of the last."""
        result = RigidTransform()
        for name in names:
            transform = self._frames[name].at(stamp)
            if transform is None:
                raise ExtrapolationException(self._extrapolation(name, stamp, target, source))
            result = transform @ result
        return result

    def _extrapolation(self, name: str, stamp: int, target: str, source: str) -> str:
        stamps = self._frames[name].stamps
        ending = f"when looking up transform from frame [{source}] to frame [{target}]"
        requested = f"Requested time {stamp / 1e9:.6f} but the"
        if stamp > stamps[-1]:
            direction, known = "future", f"latest data is at time {stamps[-1] / 1e9:.6f}"
        else:
            direction, known = "past", f"earliest data is at time {stamps[0] / 1e9:.6f}"
        return f"Lookup would require extrapolation into the {direction}. {requested} {known}, {ending}"
