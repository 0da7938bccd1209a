"""Nodes as processes of their own, and what they take of the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pipros import child_environment
from pipros.topic import Session

from ..errors import RosError

_START_TIMEOUT = 90.0


@contextlib.contextmanager
def node_process(name: str, **parameters: object) -> Iterator[subprocess.Popen]:
    """Run a node with parameters; interrupt it at the end."""
    given = [text for key, value in parameters.items() for text in ("-p", f"{key}:={value}")]
    with module_process(f"lss_bev_ros.nodes.{name}", "--ros-args", "--log-level", "warn", *given) as process:
        yield process


@contextlib.contextmanager
def module_process(module: str, *arguments: str) -> Iterator[subprocess.Popen]:
    """Run a module; interrupt it at the end."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=child_environment(os.environ))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(session: Session, process: subprocess.Popen, condition: Callable[[], bool]) -> None:
    """Take messages until a condition holds.

    Raises:
        RosError: the process ended, or it took too long.
    """
    session.spin(lambda: condition() or process.poll() is not None, timeout=_START_TIMEOUT)
    if not condition():
        command = process.args if isinstance(process.args, (list, tuple)) else [process.args]
        raise RosError(f"{' '.join(map(str, command[2:3]))} did not start; run it alone to see why")


def peak_memory(process: subprocess.Popen) -> float:
    """Largest resident size so far, MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def reset_peak_memory(process: subprocess.Popen) -> None:
    """Make the largest resident size start again from the present one, where the kernel allows it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, seconds; OSError where it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens on now, for a page of a node that is told one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
