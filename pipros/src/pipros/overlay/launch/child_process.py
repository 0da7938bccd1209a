"""One child process: its start, its lines and its end. Nothing of launch is known here.

A child gets a session of its own, so that a Ctrl-C in the terminal reaches it once, through the launch,
and so that a signal reaches what the child has started as well. Should the launch itself be killed, Linux
sends the child SIGTERM (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
# A child that has ended may leave its pipes to a process of its own; what is in them by then is read.
_DRAIN_SECONDS = 0.5


class ChildProcess:
    """A process that runs.

    Args:
        loop: Event loop of this thread.
        cmd: Program and arguments.
        cwd: Folder, None for this process's own.
        env: Its whole environment.
        shell: Join `cmd` by blanks and give it to the shell.
        emulate_tty: Let the child write to a pseudo terminal instead of pipes.
        on_line: Called with "stdout" or "stderr" and a line without its end.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cmd: Sequence[str],
        *,
        cwd: str | None,
        env: Mapping[str, str],
        shell: bool,
        emulate_tty: bool,
        on_line: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._on_line = on_line
        self.exited: asyncio.Future[int] = loop.create_future()
        self._ended = loop.create_future()
        self._signalled = False
        streams = {"stdout": os.openpty() if emulate_tty else os.pipe()}
        streams["stderr"] = os.openpty() if emulate_tty else os.pipe()
        try:
            self._popen = subprocess.Popen(
                " ".join(cmd) if shell else list(cmd),
                shell=shell,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=streams["stdout"][1],
                stderr=streams["stderr"][1],
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()) if sys.platform == "linux" else None,
            )
        except BaseException:
            for reader, _ in streams.values():
                os.close(reader)
            raise
        finally:
            for _, writer in streams.values():
                os.close(writer)
        self.pid = self._popen.pid
        self._readers = [_LineReader(loop, streams[name][0], name, on_line) for name in streams]
        self._watch()
        loop.create_task(self._finish())

    def send(self, signum: int) -> None:
        """Send a signal to the process and those that it has started, unless it has ended."""
        self._signalled = True
        # A process that has ended keeps its number until it is waited for, which _finish does.
        if not self._ended.done():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signum)

    def _watch(self) -> None:
        """Set `_ended` when the process has ended and before it is waited for."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or a container that forbids it
            threading.Thread(target=self._watch_in_thread, daemon=True).start()
            return

        def ended() -> None:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)
            self._ended.set_result(None)

        self._loop.add_reader(pidfd, ended)

    def _watch_in_thread(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ended.set_result, None)

    async def _finish(self) -> None:
        await self._ended
        # What the child started and left behind is to end as well, where the child had to.
        if self._signalled:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)
        returncode = self._popen.wait()
        await asyncio.wait([reader.closed for reader in self._readers], timeout=_DRAIN_SECONDS)
        for reader in self._readers:
            reader.close()
        self.exited.set_result(returncode)


class _LineReader:
    """Lines from a pipe or pseudo terminal; a last one without an end comes when it is closed."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, fd: int, stream: str, on_line: Callable[[str, str], None]
    ) -> None:
        self._loop, self._fd, self._stream, self._on_line = loop, fd, stream, on_line
        self._rest = b""
        self.closed: asyncio.Future[None] = loop.create_future()
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return
        except OSError:  # a pseudo terminal whose other side is closed
            data = b""
        if not data:
            self.close()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        self._on_line(self._stream, line.removesuffix(b"\r").decode(errors="replace"))

    def close(self) -> None:
        """Stop reading."""
        if self.closed.done():
            return
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        if self._rest:
            self._emit(self._rest)
        self.closed.set_result(None)


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a new child does first on Linux, so that it ends when its parent is killed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # killed before the call
            os._exit(1)

    return prepare
