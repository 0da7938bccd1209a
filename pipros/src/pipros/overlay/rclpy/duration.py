"""Durations, as rclpy.duration."""

from __future__ import annotations

from functools import total_ordering

from builtin_interfaces.msg import Duration as DurationMessage

S_TO_NS = 10**9


@total_ordering
class Duration:
    """A span of time in whole nanoseconds, perhaps negative."""

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -(2**63) <= total < 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C duration.")
        self._nanoseconds = total

    @property
    def nanoseconds(self) -> int:
        """The span in ns."""
        return self._nanoseconds

    def to_msg(self) -> DurationMessage:
        """As a builtin_interfaces/Duration."""
        seconds, nanoseconds = divmod(self._nanoseconds, S_TO_NS)
        return DurationMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: DurationMessage) -> Duration:
        """From a builtin_interfaces/Duration."""
        if not isinstance(msg, DurationMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Duration object")
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec)

    def __eq__(self, other: object) -> bool:
        return self._nanoseconds == other._nanoseconds if isinstance(other, Duration) else NotImplemented

    def __lt__(self, other: Duration) -> bool:
        return self._nanoseconds < other._nanoseconds if isinstance(other, Duration) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self._nanoseconds})"

    def __str__(self) -> str:
        return "Infinite" if self == Infinite else f"{self._nanoseconds} nanoseconds"


Infinite = Duration(nanoseconds=2**63 - 1)
