"""What an inference node needs from its start to its first grid, and what memory it takes, tree by tree."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.table import Table
from sensor_msgs.msg import CameraInfo

from pipros.topic import Session

from ..errors import RosError
from ..evaluation.frames import BenchmarkFrames
from .camera_source import FRAME_COUNTER
from .measured_process import cpu_seconds, module_process
from .other_tree import Tree
from .saved_frames import save_frames

HZ = 10.0
"""Of the cameras: a node that is ready waits for its first images for no longer than a tenth of a second."""

FRAMES = 50
"""Grids after which memory is read."""

_START, _PAUSE = 120.0, 0.5
"""Seconds that a node may take, and between two nodes, so that the middleware forgets the first."""

ROWS = {
    "first_grid_s": "from start to the first grid, s",
    "first_grid_processor_s": "processor time until then, s",
    "pss_mib": f"memory after {FRAMES} grids, shared pages by share (PSS), MiB",
    "rss_mib": "the same, shared pages whole (RSS), MiB",
    "peak_mib": "largest RSS until then, MiB",
}


def measure_first_grids(
    frames: BenchmarkFrames,
    tree: Tree,
    rounds: int = 5,
    weights: str = "builtin",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Start the inference node of this tree and of another one by turns, while cameras publish all the time.

    Both have been started once before, so that what is kept on the disk is there.

    Args:
        frames: that the cameras publish.
        tree: the other one.
        rounds: starts of each that count.
        weights: by name they are those of each tree.
        progress: told of rounds done and all.

    Returns:
        `here` and `there`: medians of the figures in `ROWS`; `ratio`: of each, the median over rounds of
        here / there.

    Raises:
        RosError: a node gave no grid.
    """
    measured: list[list[dict[str, float]]] = [[], []]
    with _cameras(frames) as (session, grids):
        for number in range(-1, rounds):
            for which, each in ((0, Tree.here()), (1, tree))[:: 1 if number % 2 else -1]:
                figures = _start(each, session, grids, weights)
                if number >= 0:
                    measured[which].append(figures)
            progress(max(0, number + 1), rounds)
    here, there = measured
    known = [name for name in ROWS if name in here[0] and name in there[0]]
    return {
        "here": {name: float(np.median([each[name] for each in here])) for name in known},
        "there": {name: float(np.median([each[name] for each in there])) for name in known},
        "ratio": {
            name: float(np.median([a[name] / b[name] for a, b in zip(here, there, strict=True)]))
            for name in known
        },
        "rounds": rounds,
    }


def first_grid_table(report: dict[str, Any]) -> Table:
    """The figures of `measure_first_grids`, a row each."""
    table = Table(
        title=f"inference node, medians of {report['rounds']} starts of each tree by turns",
        title_justify="left",
    )
    table.add_column("")
    for column in ("here", "there", "ratio"):
        table.add_column(column, justify="right")
    for name, ratio in report["ratio"].items():
        cells = (f"{report[label][name]:.4g}" for label in ("here", "there"))
        table.add_row(ROWS[name], *cells, f"{ratio:.2f}")
    return table


@contextlib.contextmanager
def _cameras(frames: BenchmarkFrames) -> Iterator[tuple[Session, list[float]]]:
    """Cameras that publish, and a list to which the time of each grid is added."""
    qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
    grids: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npz"
        save_frames(frames, path)
        with (
            module_process("lss_bev_ros.benchmark.camera_source", str(path), str(HZ)),
            Session() as session,
        ):
            session.node.create_subscription(CameraInfo, FRAME_COUNTER, lambda _: None, qos, raw=True)
            session.node.create_subscription(
                OccupancyGrid, "bev/occupancy", lambda _: grids.append(time.monotonic()), qos, raw=True
            )
            yield session, grids


def _start(tree: Tree, session: Session, grids: list[float], weights: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile(mode="w+") as errors:
        grids.clear()
        began = time.monotonic()
        process = subprocess.Popen(
            tree.module_command(
                "nodes.inference",
                *("--ros-args", "--log-level", "warn"),
                *("-p", "reliability:=reliable", "-p", f"weights:={weights}"),
            ),
            env=tree.environment(),
            cwd=folder,  # which Python searches first
            stderr=errors,
        )
        try:
            _wait(session, process, lambda: bool(grids))
            figures = {
                "first_grid_s": grids[0] - began if grids else np.nan,
                "first_grid_processor_s": cpu_seconds(process.pid) if grids else np.nan,
            }
            _wait(session, process, lambda: len(grids) >= FRAMES)
            if len(grids) < FRAMES:
                errors.seek(0)
                said = [line for line in errors.read().splitlines() if line.strip()]
                raise RosError(
                    f"{tree.path}: its inference node gave {len(grids)} of {FRAMES} grids: "
                    f"{said[-1].strip() if said else 'it said nothing'}"
                )
            return figures | memory_of(process.pid)
        finally:
            process.kill()
            process.wait()
            session.spin(timeout=_PAUSE)


def _wait(session: Session, process: subprocess.Popen, condition: Callable[[], bool]) -> None:
    session.spin(lambda: condition() or process.poll() is not None, timeout=_START)


def memory_of(pid: int | str = "self") -> dict[str, float]:
    """Memory of a process, MiB: those figures of `ROWS` that the system tells, which is all on Linux."""
    folder = Path("/proc") / str(pid)
    lines: Sequence[str] = ()
    with contextlib.suppress(OSError):
        lines = [
            *(folder / "smaps_rollup").read_text().splitlines(),
            *(folder / "status").read_text().splitlines(),
        ]
    wanted = {"Pss:": "pss_mib", "VmRSS:": "rss_mib", "VmHWM:": "peak_mib"}
    told = (line.split() for line in lines)
    return {wanted[words[0]]: int(words[1]) / 1024 for words in told if words and words[0] in wanted}
