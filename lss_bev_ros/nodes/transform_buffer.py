"""A buffer of transforms that one of another time does not silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from geometry_msgs.msg import TransformStamped
from tf2_ros import Buffer

from .. import messages

_REACH = 10.0
"""Seconds that tf2 keeps transforms: what is older than the newest by more is not taken."""

_MOST_FRAMES = 10_000
"""Frames whose stamps are followed; whoever makes names up must not take all memory."""


@dataclass
class _Followed:
    """Where one frame's stamps are.

    Attributes:
        stamp: of the last transform that was taken, nanoseconds.
        came: when it came, seconds of a steady clock.
        apart: stamp of the one before this, if that was refused.
    """

    stamp: int
    came: float
    apart: int | None = None


class TransformBuffer(Buffer):
    """tf2's buffer, which asks for a second message before it believes that a frame's time has jumped.

    tf2 keeps what is newest and drops what is older by 10 s, so that a single transform stamped in the far
    future would hold for ever. Here one that is `_REACH` or more away from where its frame's stamps are is
    refused, and taken only where the next one of that frame comes with it, as after a clock was set or a bag
    began again. All that is not static is forgotten then, for the stamps to begin anew.

    Args:
        refuse: told in one line of each transform that is not taken.
    """

    def __init__(self, refuse: Callable[[str], None]) -> None:
        super().__init__()
        self._refuse = refuse
        self._followed: dict[str, _Followed] = {}

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Keep a transform, unless it is of another time than its frame's others."""
        if self._is_believed(transform):
            super().set_transform(transform, authority)

    def _is_believed(self, transform: TransformStamped) -> bool:
        child = transform.child_frame_id.removeprefix("/")
        stamp, now = messages.from_stamp(transform.header.stamp), time.monotonic()
        known = self._followed.get(child)
        if known is None:
            if len(self._followed) < _MOST_FRAMES:
                self._followed[child] = _Followed(stamp, now)
            return True
        silence = now - known.came
        if _goes_with(stamp, known.stamp, silence):
            self._followed[child] = _Followed(stamp, now)
            return True
        confirmed = known.apart is not None and _goes_with(stamp, known.apart, silence)
        if not confirmed and silence < _REACH:
            known.apart = stamp
            seconds = (stamp - known.stamp) / 1e9
            side = "after" if seconds > 0 else "before"
            self._refuse(
                f"a transform of {child!r} is stamped {abs(seconds):.4g} s {side} the one that came before "
                f"it: publish it by one clock, and from one place"
            )
            return False
        if stamp < known.stamp:
            self.clear()
        self._followed[child] = _Followed(stamp, now)
        return True


def _goes_with(stamp: int, before: int, silence: float) -> bool:
    """Whether a stamp may follow another of so many seconds ago; a bag may stand still, or be played fast."""
    return -_REACH < (stamp - before) / 1e9 < _REACH + 2.0 * silence
