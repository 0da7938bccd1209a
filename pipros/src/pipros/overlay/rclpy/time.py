"""Points in time, as rclpy.time."""

from __future__ import annotations

from functools import total_ordering

from builtin_interfaces.msg import Time as TimeMessage

from rclpy.clock_type import ClockType
from rclpy.duration import S_TO_NS, Duration


@total_ordering
class Time:
    """A point in time of one clock, in whole nanoseconds since its epoch; never negative.

    Times of different clocks cannot be compared or subtracted (TypeError).
    """

    def __init__(
        self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        if seconds < 0:
            raise ValueError("Seconds value must not be negative")
        if nanoseconds < 0:
            raise ValueError("Nanoseconds value must not be negative")
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")
        self._nanoseconds = total
        self._clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since the clock's epoch."""
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        """The kind of clock."""
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds, and the nanoseconds beyond them."""
        return divmod(self._nanoseconds, S_TO_NS)

    def to_msg(self) -> TimeMessage:
        """As a builtin_interfaces/Time, for message headers."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return TimeMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: TimeMessage, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """From a builtin_interfaces/Time."""
        if not isinstance(msg, TimeMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Time object")
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self._nanoseconds + other.nanoseconds, clock_type=self._clock_type)

    def __radd__(self, other: Duration) -> Time:
        return self.__add__(other)

    def __sub__(self, other: Time | Duration) -> Duration | Time:
        if isinstance(other, Time):
            self._check_same_clock(other, "subtract")
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        if isinstance(other, Duration):
            return Time(nanoseconds=self._nanoseconds - other.nanoseconds, clock_type=self._clock_type)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._check_same_clock(other, "compare")
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: Time) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._check_same_clock(other, "compare")
        return self._nanoseconds < other._nanoseconds

    def __hash__(self) -> int:
        return hash((self._nanoseconds, self._clock_type))

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self._nanoseconds}, clock_type={self._clock_type.name})"

    def _check_same_clock(self, other: Time, verb: str) -> None:
        if self._clock_type != other._clock_type:
            raise TypeError(f"Can't {verb} times with different clock types")
