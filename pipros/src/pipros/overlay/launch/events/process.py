"""Events of `launch.events.process`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.events import Event

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

    def __init__(self, *, returncode: int, **process: Any) -> None:
        super().__init__(**process)
        self.returncode = returncode
