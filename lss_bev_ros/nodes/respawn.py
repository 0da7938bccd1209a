"""Launch actions that start a node again when it has ended by no fault of the user's.

launch's own `respawn` starts everything again, also what has finished and what will never start, such as a
node without its checkpoint; and it may not start a replay otherwise than at first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from launch import LaunchContext
from launch.action import Action
from launch.actions import ExecuteProcess, LogInfo, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited

from .exit_code import is_worth_another

FIRST_DELAY, LAST_DELAY = 0.2, 10.0
"""Seconds until a node is started again; doubled for each that did not live for `LONG_ENOUGH`."""

LONG_ENOUGH = 10.0
"""Seconds; who served longer is no node that cannot start, and comes back at once however often it ended."""


def delay_after(quick_ends: int) -> float:
    """Seconds to wait after so many short lives in a row."""
    return min(LAST_DELAY, FIRST_DELAY * 2.0 ** max(0, quick_ends - 1))


class Respawn:
    """Keeps one node running."""

    def __init__(self, node: ExecuteProcess, name: str, changed: Sequence[str] = ()) -> None:
        """Watch a node that is about to start.

        Args:
            node: its first process.
            name: of its executable.
            changed: arguments for ROS that a node that comes back gets beside its first ones.
        """
        self._first = node
        self._name = name
        self._changed = list(changed)
        self._started = time.monotonic()
        self._quick_ends = 0

    def actions(self) -> list[Action]:
        """What to put into the launch description, before the node."""
        return [self._watch(self._first)]

    def _watch(self, process: ExecuteProcess) -> Action:
        return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=self._again))

    def _again(self, event: ProcessExited, context: LaunchContext) -> list[Action]:
        if context.is_shutdown or not is_worth_another(event.returncode):
            return []
        lived = time.monotonic() - self._started
        self._quick_ends = self._quick_ends + 1 if lived < LONG_ENOUGH else 1
        delay = delay_after(self._quick_ends)
        command = list(event.cmd)
        if self._changed and command[-len(self._changed) :] != self._changed:
            command += self._changed
        process = ExecuteProcess(
            cmd=command,
            name=self._name,
            cwd=event.cwd,
            env=event.env,
            output="screen",
            emulate_tty=True,
        )
        self._started = time.monotonic() + delay
        how = f"exit code {event.returncode}" if event.returncode > 0 else f"signal {-event.returncode}"
        return [
            LogInfo(
                msg=f"{self._name} ended ({how}) after {lived:.0f} s and is started again in {delay:g} s"
            ),
            TimerAction(period=delay, actions=[self._watch(process), process]),
        ]
