"""Events of `launch.events.process`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from launch.event import Event

if TYPE_CHECKING:
    from launch.actions import ExecuteProcess


class _ProcessEvent(Event):
    """Something about a process that runs or ran."""

    def __init__(
        self,
        *,
        action: ExecuteProcess,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        self.action = action
        self.execute_process_action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(_ProcessEvent):
    """A process has started."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(_ProcessEvent):
    """A process has ended; `returncode` is negative where a signal ended it."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **process: object) -> None:
        super().__init__(**process)
        self.returncode = returncode


class ShutdownProcess(Event):
    """Ask for the end of the processes that match."""

    name = "launch.events.process.ShutdownProcess"

    def __init__(self, *, process_matcher: Callable[[ExecuteProcess], bool]) -> None:
        self.process_matcher = process_matcher


class SignalProcess(ShutdownProcess):
    """Send a signal, by number or by name, to the processes that match."""

    name = "launch.events.process.SignalProcess"

    def __init__(
        self, *, signal_number: str | int | signal.Signals, process_matcher: Callable[[ExecuteProcess], bool]
    ) -> None:
        super().__init__(process_matcher=process_matcher)
        named = isinstance(signal_number, str)
        self.signal = signal.Signals[signal_number] if named else signal.Signals(signal_number)
        self.signal_name = self.signal.name
