"""Timers, as rclpy.timer: callbacks at a fixed period of a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ROSClock


class Timer:
    """Calls back every `timer_period_ns` of its clock. Periods that were missed altogether are skipped."""

    source = None  # nothing for a wait set: executors compute how long to wait

    def __init__(
        self,
        callback: Callable[[], object],
        callback_group: CallbackGroup | None,
        timer_period_ns: int,
        clock: Clock,
        *,
        context: object = None,
        autostart: bool = True,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        if timer_period_ns < 0:
            raise RCLError("failed to create timer: timer period must be non-negative")
        self.callback = callback
        self.callback_group = callback_group
        self.executor_event = False
        self._clock = clock
        self._period = int(timer_period_ns)
        self._wake = wake
        self._lock = threading.Lock()
        self._is_canceled = not autostart
        self._last = clock.nanoseconds()
        self._next = self._last + self._period
        self._stop_watching = clock._watch(self._clock_moved) if isinstance(clock, ROSClock) else lambda: None

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """The period in ns of the clock."""
        return self._period

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        self._period = int(value)

    def is_ready(self) -> bool:
        """Whether the callback is due."""
        return not self._is_canceled and self._clock.nanoseconds() >= self._next

    def is_canceled(self) -> bool:
        """Whether it is stopped."""
        return self._is_canceled

    def cancel(self) -> None:
        """Stop until `reset`."""
        self._is_canceled = True

    def reset(self) -> None:
        """Start again with a full period from now."""
        with self._lock:
            self._last = self._clock.nanoseconds()
            self._next = self._last + self._period
            self._is_canceled = False
        self._wake()

    def time_until_next_call(self) -> int | None:
        """Nanoseconds of the clock until the callback is due; None where stopped."""
        return None if self._is_canceled else self._next - self._clock.nanoseconds()

    def wait_time(self) -> int | None:
        """How long to wait for it in real time; None for ever (stopped, or simulated time that stands).

        Not part of rclpy.
        """
        left = self.time_until_next_call()
        if left is not None and left > 0 and self._clock._is_simulated():
            return None
        return left

    def take(self) -> Callable[[], object] | None:
        """What the executor is to run; not part of rclpy."""
        with self._lock:
            now = self._clock.nanoseconds()
            if self._is_canceled or now < self._next:
                return None
            self._last = now
            self._next += self._period
            if self._next < now:
                missed = (now - self._next) // self._period + 1 if self._period else 0
                self._next = self._next + missed * self._period if self._period else now
        return self.callback

    def destroy(self) -> None:
        """Stop for good."""
        self._is_canceled = True
        self._stop_watching()
        self._stop_watching = lambda: None

    def _clock_moved(self) -> None:
        with self._lock:
            # A clock that jumped back (a replay that began anew) must not leave the timer waiting for long.
            self._next = min(self._next, self._clock.nanoseconds() + self._period)
        self._wake()
