"""Processes."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch.action import Action, LaunchDescriptionEntity
from launch.child_process import ChildProcess
from launch.conditions import evaluate_condition_expression
from launch.event_handlers import OnProcessExit, OnShutdown, SomeEntities, listed
from launch.events.process import ProcessExited, ProcessStarted
from launch.logging import ProcessOutput, get_logger
from launch.substitutions import (
    LaunchConfiguration,
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_text,
)

from pipros import child_environment

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


@dataclass(frozen=True)
class _Run:
    """What is decided when the action is visited."""

    timeouts: Sequence[float]
    respawn: bool
    emulate_tty: bool
    output: ProcessOutput


class ExecuteProcess(Action):
    """Run a program; its lines are shown as they come, and it ends with the launch.

    At the end of the launch it gets SIGINT, `sigterm_timeout` seconds later SIGTERM and
    `sigkill_timeout` seconds after that SIGKILL (5 s each). Here it always gets SIGINT from the launch
    and once, also after a Ctrl-C, because it does not share the terminal's process group.

    Args:
        cmd: Program and arguments.
        name: Name on the screen, to which a number is added; the program's by default.
        cwd: Folder to run in.
        env: The whole environment, else this process's own; children find the stand-ins either way.
        additional_env: Variables beside.
        prefix: Command to run it under, such as `nice`.
        shell: Run it through the shell.
        output: screen, log (stdout to the log file alone) or both.
        output_format: Form of a line, of `line` and `this` (the action).
        emulate_tty: Let it write to a pseudo terminal.
        log_cmd: Log the command.
        on_exit: Actions, or a function of event and context, for when it has ended.
        respawn: Start it again whenever it ends before the launch does.
        respawn_delay: Seconds to wait before that.
        respawn_max_retries: How often to start it again; negative is for ever.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        prefix: SomeSubstitutionsType | None = None,
        shell: bool = False,
        output: SomeSubstitutionsType | Mapping[str, str] = "log",
        output_format: str = "[{this.process_name}] {line}",
        emulate_tty: bool = False,
        log_cmd: bool = False,
        sigterm_timeout: SomeSubstitutionsType | float = LaunchConfiguration("sigterm_timeout", default=5),
        sigkill_timeout: SomeSubstitutionsType | float = LaunchConfiguration("sigkill_timeout", default=5),
        on_exit: SomeEntities | Callable[[ProcessExited, LaunchContext], SomeEntities] = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        condition: Any = None,
        **unsupported: Any,
    ) -> None:
        if unsupported:
            raise NotImplementedError(
                f"{type(self).__name__}({', '.join(sorted(unsupported))}=...) without ROS 2"
            )
        super().__init__(condition=condition)
        self._pipros_cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self._pipros_name = name
        self._pipros_cwd = cwd
        self._pipros_env, self._pipros_additional_env = env, dict(additional_env or {})
        self._pipros_prefix, self._pipros_shell = prefix, shell
        self._pipros_output, self._pipros_output_format = output, output_format
        self._pipros_emulate_tty, self._pipros_log_cmd = emulate_tty, log_cmd
        self._pipros_timeouts = (sigterm_timeout, sigkill_timeout)
        self._pipros_on_exit = on_exit if callable(on_exit) else listed(on_exit)
        self._pipros_respawn, self._pipros_respawn_delay = respawn, respawn_delay
        self._pipros_retries = respawn_max_retries
        self._pipros_details: dict[str, Any] = {}
        self._pipros_stopping = asyncio.Event()
        self._pipros_return_code: int | None = None

    @property
    def process_name(self) -> str:
        """Name with its number."""
        return self._pipros_details["name"]

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions of `on_exit`."""
        return [] if callable(self._pipros_on_exit) else list(self._pipros_on_exit)

    def command(self, context: LaunchContext) -> list[str]:
        """Return program and arguments."""
        prefix = (
            shlex.split(perform_text(context, self._pipros_prefix)) if self._pipros_prefix is not None else []
        )
        return prefix + [perform_text(context, part) for part in self._pipros_cmd]

    def label(self, context: LaunchContext, cmd: list[str]) -> str:
        """Return the name on the screen where none is given."""
        return os.path.basename(cmd[0])

    def execute(self, context: LaunchContext) -> None:
        """Prepare the process and let it start when the launch gets to it."""
        if self._pipros_details:
            raise RuntimeError(f"process '{self.process_name}' is executed more than once")
        cmd = self.command(context)
        name = (
            self.label(context, cmd)
            if self._pipros_name is None
            else perform_text(context, self._pipros_name)
        )
        self._pipros_details = {
            "action": self,
            "name": f"{name}-{next(context.process_numbers)}",
            "cmd": cmd,
            "cwd": None if self._pipros_cwd is None else perform_text(context, self._pipros_cwd),
            "env": self._pipros_environment(context),
        }
        if context.is_shutdown:
            return
        output = (
            self._pipros_output
            if isinstance(self._pipros_output, Mapping)
            else perform_text(context, self._pipros_output)
        )
        run = _Run(
            timeouts=[
                float(each if isinstance(each, (int, float)) else perform_text(context, each))
                for each in self._pipros_timeouts
            ],
            respawn=_boolean(context, self._pipros_respawn),
            emulate_tty=_boolean(
                context, context.launch_configurations.get("emulate_tty", self._pipros_emulate_tty)
            ),
            output=ProcessOutput(
                self.process_name,
                os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output),
                self._pipros_output_format,
            ),
        )
        context.register_event_handler(
            OnShutdown(on_shutdown=lambda event, context: self._pipros_stopping.set())
        )
        if self._pipros_on_exit:
            context.register_event_handler(OnProcessExit(target_action=self, on_exit=self._pipros_on_exit))
        context.add_completion_future(context.asyncio_loop.create_task(self._pipros_live(context, run)))

    def _pipros_environment(self, context: LaunchContext) -> dict[str, str]:
        given = context.environment if self._pipros_env is None else self._pipros_env
        env = child_environment(
            {
                perform_text(context, name): perform_text(context, value)
                for name, value in (*given.items(), *self._pipros_additional_env.items())
            }
        )
        # A Python child's prints come line by line, as they would on a terminal.
        env.setdefault("PYTHONUNBUFFERED", "1")
        return env

    async def _pipros_live(self, context: LaunchContext, run: _Run) -> None:
        """Run the process until it has ended for good."""
        while not self._pipros_stopping.is_set():
            if not await self._pipros_run_once(context, run) or not run.respawn or self._pipros_retries == 0:
                return
            self._pipros_retries -= 1
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(
                    self._pipros_stopping.wait(), timeout=self._pipros_respawn_delay or 0.0
                )

    async def _pipros_run_once(self, context: LaunchContext, run: _Run) -> bool:
        """Run the process and return whether it could be started."""
        details, logger = self._pipros_details, get_logger(self.process_name)
        if self._pipros_log_cmd:
            logger.info(f"process details: cmd='{' '.join(details['cmd'])}', cwd='{details['cwd']}'")
        try:
            child = ChildProcess(
                context.asyncio_loop,
                details["cmd"],
                cwd=details["cwd"],
                env=details["env"],
                shell=self._pipros_shell,
                emulate_tty=run.emulate_tty,
                on_line=lambda stream, line: run.output.write(stream, line, self),
            )
        except OSError as error:
            logger.error(f"cannot start '{' '.join(details['cmd'])}': {error}")
            raise RuntimeError(f"process '{self.process_name}' could not be started") from error
        details["pid"] = child.pid
        logger.info(f"process started with pid [{child.pid}]")
        context.emit_event_sync(ProcessStarted(**details))
        stop = asyncio.ensure_future(self._pipros_stop_when_asked(child, run.timeouts))
        self._pipros_return_code = await child.exited
        stop.cancel()
        if self._pipros_return_code == 0:
            logger.info(f"process has finished cleanly [pid {child.pid}]")
        else:
            logger.error(
                f"process has died [pid {child.pid}, exit code {self._pipros_return_code}, "
                f"cmd '{' '.join(details['cmd'])}']."
            )
        context.emit_event_sync(ProcessExited(returncode=self._pipros_return_code, **details))
        return True

    async def _pipros_stop_when_asked(self, child: ChildProcess, timeouts: Sequence[float]) -> None:
        """Wait for the order to stop, then send stronger signals until the task is cancelled."""
        logger = get_logger(self.process_name)
        await self._pipros_stopping.wait()
        logger.info(f"sending signal 'SIGINT' to process[{self.process_name}]")
        child.send(signal.SIGINT)
        sent = "SIGINT"
        for stronger, timeout in zip((signal.SIGTERM, signal.SIGKILL), timeouts, strict=True):
            await asyncio.sleep(timeout)
            logger.error(
                f"process[{self.process_name}] failed to terminate '{timeout:g}' seconds after receiving "
                f"'{sent}', escalating to '{stronger.name}'"
            )
            child.send(stronger)
            sent = stronger.name


def _boolean(context: LaunchContext, value: bool | SomeSubstitutionsType) -> bool:
    """Return a truth that may be given as a bool or as text (true, 1, false, 0)."""
    if isinstance(value, bool):
        return value
    return evaluate_condition_expression(context, normalize_to_list_of_substitutions(value))
