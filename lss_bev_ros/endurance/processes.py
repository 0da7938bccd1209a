"""The nodes of a launch as processes: which they are, what they take, and how they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..benchmark.measured_process import cpu_seconds
from ..errors import RosError
from ..parent import bound_to_this

NODES = ("replay", "inference", "evaluation", "dashboard")

_INTERVAL = 1.0
"""Seconds between two looks at what the nodes take."""

_STOP = 15.0
_MIB = 2**20


@dataclass(frozen=True)
class Usage:
    """What a process took at a moment.

    Attributes:
        when: seconds of a steady clock.
        pid: which process of the node it was.
        memory: resident, MiB.
        threads: of it.
        files: that it has open.
    """

    when: float
    pid: int
    memory: float
    threads: int
    files: int


class Nodes:
    """Launch files that run, each in a process of its own, and the nodes in them.

    Args:
        folder: for their logs.
        launches: arguments of `lss-bev launch`, by the name of the node that it starts.
    """

    def __init__(self, folder: Path, launches: Mapping[str, list[str]]) -> None:
        self._folder, self._launches = folder, launches
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.usage: dict[str, list[Usage]] = defaultdict(list)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vitals", daemon=True)

    def __enter__(self) -> Nodes:
        for name, arguments in self._launches.items():
            with (self._folder / f"{name}.log").open("wb") as log:
                self._processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "lss_bev_ros.cli", "launch", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=bound_to_this(),
                    env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
                )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for ending in (signal.SIGINT, signal.SIGKILL):
            for process in self._processes.values():
                if process.poll() is None:
                    process.send_signal(ending)
            for process in self._processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP)

    def pid(self, name: str) -> int | None:
        """The process in which a node runs now; None where it runs in none."""
        return max(self.pids(name), key=_started, default=None)

    def pids(self, name: str) -> list[int]:
        """All processes of a node: that in which it runs, and with a spare the parent of that."""
        launch = self._processes[name]
        if launch.poll() is not None:
            raise RosError(f"the launch of {name} has ended; see {self._folder / f'{name}.log'}")
        return [pid for pid in _descendants(launch.pid) if _is_node(pid, name)]

    def processor(self, name: str) -> float | None:
        """Seconds of a processor that a node's process has used; None where it does not run."""
        pid = self.pid(name)
        try:
            return None if pid is None else cpu_seconds(pid)
        except OSError:
            return None

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a node.

        Raises:
            RosError: it does not run.
        """
        pid = self.pid(name)
        if pid is None:
            raise RosError(f"{name} does not run; see {self._folder / f'{name}.log'}")
        os.kill(pid, number)

    def _watch(self) -> None:
        while not self._end.wait(_INTERVAL):
            for name in self._launches:
                with contextlib.suppress(OSError, RosError, ValueError, IndexError):
                    if (pid := self.pid(name)) is not None:
                        self.usage[name].append(_look_at(pid))


@dataclass
class Growth:
    """How what a node takes went on, of the process that lived longest.

    Attributes:
        seconds: that it was looked at, after the warm-up.
        slope: of its memory, MiB an hour.
        first: of its memory after the warm-up, MiB.
        most: likewise, the peak.
        threads: least and most.
        files: likewise.
    """

    seconds: float
    slope: float
    first: float
    most: float
    threads: tuple[int, int] = field(default=(0, 0))
    files: tuple[int, int] = field(default=(0, 0))


def growth(usage: list[Usage], warm_up: float) -> Growth | None:
    """The slope by least squares, after a process has lived for `warm_up` seconds; None for too few."""
    lives: dict[int, list[Usage]] = defaultdict(list)
    for sample in usage:
        lives[sample.pid].append(sample)
    longest = max(lives.values(), key=len, default=[])  # the parent of a spare is seen now and then
    kept = [sample for sample in longest if sample.when - longest[0].when >= warm_up]
    if len(kept) < 3:
        return None
    mean_time = sum(sample.when for sample in kept) / len(kept)
    mean = sum(sample.memory for sample in kept) / len(kept)
    over = sum((sample.when - mean_time) * (sample.memory - mean) for sample in kept)
    under = sum((sample.when - mean_time) ** 2 for sample in kept)
    return Growth(
        kept[-1].when - kept[0].when,
        3600.0 * over / under,
        kept[0].memory,
        max(sample.memory for sample in kept),
        (min(s.threads for s in kept), max(s.threads for s in kept)),
        (min(s.files for s in kept), max(s.files for s in kept)),
    )


def _look_at(pid: int) -> Usage:
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    memory = int(fields["VmRSS"].split()[0]) * 1024 / _MIB
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return Usage(time.monotonic(), pid, memory, int(fields["Threads"]), files)


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()):
                yield child
                yield from _descendants(child)


def _is_node(pid: int, name: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return any(word.endswith((f"/{name}_node", f"nodes.{name}", f"nodes/{name}.py")) for word in words)


def _started(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0
