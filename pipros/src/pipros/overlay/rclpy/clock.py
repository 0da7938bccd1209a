"""Clocks, as rclpy.clock. A ROS clock follows /clock once a time source has switched it to."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock_type import ClockType
from rclpy.time import Time

__all__ = ["Clock", "ClockType", "ROSClock"]


class Clock:
    """A clock of a fixed kind; `Clock(clock_type=ClockType.ROS_TIME)` makes a `ROSClock`."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        """Make a `ROSClock` where the type is ROS_TIME."""
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        return super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self._clock_type = clock_type

    @property
    def clock_type(self) -> ClockType:
        """The kind of clock."""
        return self._clock_type

    def now(self) -> Time:
        """The time now."""
        return Time(nanoseconds=self._pipros_nanoseconds(), clock_type=self._clock_type)

    def _pipros_nanoseconds(self) -> int:
        """The time now as a plain number."""
        return time.monotonic_ns() if self._clock_type is ClockType.STEADY_TIME else time.time_ns()

    def _pipros_is_simulated(self) -> bool:
        return False


class ROSClock(Clock):
    """The clock of a node: the system's, or what /clock says while `ros_time_is_active`."""

    def __new__(cls) -> ROSClock:
        """Make one, whatever the base class would."""
        return object.__new__(cls)

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self._pipros_simulated: int | None = None
        self._pipros_latest = (
            0  # what /clock said last, which holds again where simulated time is switched on again
        )
        self._pipros_watchers: list[Callable[[], None]] = []

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock follows /clock."""
        return self._pipros_simulated is not None

    def _pipros_nanoseconds(self) -> int:
        """The time now as a plain number."""
        return time.time_ns() if self._pipros_simulated is None else self._pipros_simulated

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        if enabled != self.ros_time_is_active:
            self._pipros_simulated = self._pipros_latest if enabled else None
            self._pipros_tell_watchers()

    def set_ros_time_override(self, time_point: Time) -> None:
        """Set the simulated time; timers on this clock are looked at again."""
        if not isinstance(time_point, Time):
            raise TypeError("Time must be specified as rclpy.time.Time. Received type: {type(time_point)}")
        if self._pipros_simulated is not None:
            self._pipros_simulated = self._pipros_latest = time_point.nanoseconds
            self._pipros_tell_watchers()

    def _pipros_is_simulated(self) -> bool:
        return self._pipros_simulated is not None

    def _pipros_watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the simulated time moves; returns what ends it."""
        self._pipros_watchers.append(callback)
        return lambda: self._pipros_watchers.remove(callback)

    def _pipros_tell_watchers(self) -> None:
        for watcher in list(self._pipros_watchers):
            watcher()
