"""Timers, as rclpy.timer: callbacks at a fixed period of a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ROSClock


class Timer:
    """Calls back every `timer_period_ns` of its clock. Periods that were missed altogether are skipped."""

    _pipros_source = None  # nothing for a wait set: executors compute how long to wait

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
        self._executor_event = False
        self._clock = clock
        self._pipros_period = int(timer_period_ns)
        self._pipros_wake = wake
        self._pipros_lock = threading.Lock()
        self._pipros_is_canceled = not autostart
        self._pipros_last = clock._pipros_nanoseconds()
        self._pipros_next = self._pipros_last + self._pipros_period
        self._pipros_stop_watching = (
            clock._pipros_watch(self._pipros_clock_moved) if isinstance(clock, ROSClock) else lambda: None
        )

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """The period in ns of the clock."""
        return self._pipros_period

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        self._pipros_period = int(value)

    def is_ready(self) -> bool:
        """Whether the callback is due."""
        return not self._pipros_is_canceled and self._clock._pipros_nanoseconds() >= self._pipros_next

    def is_canceled(self) -> bool:
        """Whether it is stopped."""
        return self._pipros_is_canceled

    def cancel(self) -> None:
        """Stop until `reset`."""
        self._pipros_is_canceled = True

    def reset(self) -> None:
        """Start again with a full period from now."""
        with self._pipros_lock:
            self._pipros_last = self._clock._pipros_nanoseconds()
            self._pipros_next = self._pipros_last + self._pipros_period
            self._pipros_is_canceled = False
        self._pipros_wake()

    def time_until_next_call(self) -> int | None:
        """Nanoseconds of the clock until the callback is due; None where stopped."""
        return None if self._pipros_is_canceled else self._pipros_next - self._clock._pipros_nanoseconds()

    def _pipros_wait_time(self) -> int | None:
        """How long to wait for it in real time; None for ever (stopped, or simulated time that stands)."""
        left = self.time_until_next_call()
        if left is not None and left > 0 and self._clock._pipros_is_simulated():
            return None
        return left

    def _pipros_take(self) -> Callable[[], object] | None:
        """What the executor is to run."""
        with self._pipros_lock:
            now = self._clock._pipros_nanoseconds()
            if self._pipros_is_canceled or now < self._pipros_next:
                return None
            self._pipros_last = now
            self._pipros_next += self._pipros_period
            if self._pipros_next < now:
                missed = (now - self._pipros_next) // self._pipros_period + 1 if self._pipros_period else 0
                self._pipros_next = (
                    self._pipros_next + missed * self._pipros_period if self._pipros_period else now
                )
        return self.callback

    def destroy(self) -> None:
        """Stop for good."""
        self._pipros_is_canceled = True
        self._pipros_stop_watching()
        self._pipros_stop_watching = lambda: None

    def _pipros_clock_moved(self) -> None:
        with self._pipros_lock:
            # A clock that jumped back (a replay that began anew) must not leave the timer waiting for long.
            self._pipros_next = min(
                self._pipros_next, self._clock._pipros_nanoseconds() + self._pipros_period
            )
        self._pipros_wake()
