"""What the doctor's checks say of the cameras while the node runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..doctor import ERROR, Problem
from ..doctor.watch import check_rig
from ..geometry import Rig
from .calibration import RigReading

_OF_ALL = ("mount.mirrored", "mount.swapped")
"""Kinds of problems that say nothing of one camera by itself: rather the names may be wrong."""


@dataclass(frozen=True, eq=False)
class RigVerdict:
    """A rig and what is wrong with it.

    Attributes:
        rig: the cameras that can be right; the same object while the reading's is.
        problems: camera name to one line, of the cameras that were left out.
        warnings: one line each, of what may be wrong with those that were not.
        hopeless: whether that is an error of most cameras, so that no grid can be right.
    """

    rig: Rig
    problems: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hopeless: bool = False


class RigWatch:
    """Leaves out cameras whose mounting cannot be right, so that they do not spoil what the others see.

    Args:
        leave_out: whether to; otherwise they are warned of alone.
    """

    def __init__(self, leave_out: bool = True):
        self._leave_out = leave_out
        self._seen: Rig | None = None
        self._verdict = RigVerdict(Rig(()))

    def __call__(self, reading: RigReading) -> RigVerdict:
        """The verdict on a reading; computed when its rig is new, which takes some 20 ms a camera."""
        if reading.rig is not self._seen:
            found = check_rig(reading.rig.cameras, reading.mounts, reading.frames)
            self._verdict = self._judge(reading.rig, found)
            self._seen = reading.rig
        return self._verdict

    def _judge(self, rig: Rig, found: list[Problem]) -> RigVerdict:
        out: dict[str, str] = {}
        for problem in found:
            names = [name.strip() for name in problem.subject.split(",")]
            if problem.level == ERROR and problem.code not in _OF_ALL:
                out |= {name: str(problem) for name in names if name in rig.names}
        # Where most cameras seem wrong, what they are held against may be: their names, or the car's frame.
        most = 2 * len(out) > len(rig)
        if most or not self._leave_out:
            out = {}
        left = rig if not out else rig.subset(name for name in rig.names if name not in out)
        # That a body frame is read as one is a note of the reading already.
        others = [problem for problem in found if problem.code != "mount.body-frame"]
        warnings = tuple(str(problem) for problem in others if str(problem) not in out.values())
        return RigVerdict(left, out, warnings, most and self._leave_out)
