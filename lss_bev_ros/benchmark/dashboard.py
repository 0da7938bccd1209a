"""Measures what the dashboard costs: itself, and the inference that runs beside it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.table import Table
from sensor_msgs.msg import CompressedImage

from pipros.topic import Session

from .. import messages
from ..errors import RosError
from ..geometry import CAMERA_NAMES
from ..messages.gate import gated
from .measured_process import cpu_seconds, free_port, node_process, wait_for

CLIENTS = (0, 5, 50)
_QOS = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
_RELIABLE = {"reliability": "reliable"}
_SETTLING = 1.0
"""Seconds that clients watch before a turn is measured."""


def benchmark_dashboard(
    dataroot: Path,
    clients: Sequence[int] = CLIENTS,
    seconds: float = 10.0,
    turns: int = 3,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run replay (2 Hz), inference, evaluation and dashboard, with so many clients in turns.

    Args:
        dataroot: nuScenes data root with at least one scene.
        clients: numbers of clients to compare; the first is what the others are related to.
        seconds: measured time of each turn.
        turns: of each number.
        progress: told what is being measured.

    Returns:
        `first_picture_s`, seconds from the first camera image on a topic to the first picture at a client
        that was there before, and `rows`: figures for each number of clients, medians over the turns. The
        relative ones are medians of the ratios to the first number's in the same turn.

    Raises:
        RosError: a node did not start.
    """
    port = free_port()
    with (
        Session() as session,
        node_process("dashboard", port=port, **_RELIABLE) as dashboard,
        node_process("inference", **_RELIABLE) as inference,
        node_process("evaluation", **_RELIABLE),
    ):
        listener = _Listener(session)
        wait_for(session, dashboard, lambda: _listens(port))
        with (
            _clients(port, 1) as watching,
            node_process(
                "replay", dataroot=dataroot, loop="true", wait_for_publisher="bev/occupancy"
            ) as replay,
        ):
            progress("first picture")
            wait_for(session, replay, lambda: len(listener.latencies) > 4)
            first = watching()["first_picture"]
            found: dict[int, list[dict[str, float]]] = {count: [] for count in clients}
            for turn in range(turns):
                for count in clients:
                    progress(f"{count} clients, turn {turn + 1} of {turns}")
                    found[count].append(_turn(session, listener, dashboard, inference, port, count, seconds))
    picture = first - listener.first_image if first is not None and listener.first_image else float("nan")
    return {"first_picture_s": picture, "rows": _rows(found)}


def dashboard_table(report: dict[str, Any]) -> Table:
    """The figures of `benchmark_dashboard` as a table."""
    table = Table(
        title=f"dashboard at 2 Hz; first picture after {report['first_picture_s']:.2f} s",
        title_justify="left",
    )
    for name in report["rows"][0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in report["rows"]:
        table.add_row(*(f"{value:.3g}" for value in row.values()))
    return table


class _Listener:
    """Notes the grids' latencies and when the first image came."""

    def __init__(self, session: Session) -> None:
        self.latencies: list[float] = []
        self.first_image: float | None = None
        session.node.create_subscription(OccupancyGrid, "bev/occupancy", gated(self._on_grid), _QOS)
        topic = f"{CAMERA_NAMES[0]}/image_raw/compressed"
        session.node.create_subscription(CompressedImage, topic, self._on_image, _QOS, raw=True)

    def _on_grid(self, message: OccupancyGrid) -> None:
        self.latencies.append((time.time_ns() - messages.from_stamp(message.header.stamp)) / 1e6)

    def _on_image(self, _: bytes) -> None:
        if self.first_image is None:
            self.first_image = time.time()


def _turn(
    session: Session,
    listener: _Listener,
    dashboard: subprocess.Popen,
    inference: subprocess.Popen,
    port: int,
    count: int,
    seconds: float,
) -> dict[str, float]:
    with _clients(port, count) as watching:
        session.spin(timeout=_SETTLING)
        listener.latencies.clear()
        before = cpu_seconds(dashboard.pid), cpu_seconds(inference.pid), time.monotonic()
        session.spin(timeout=seconds)
        elapsed = time.monotonic() - before[2]
        used = cpu_seconds(dashboard.pid) - before[0], cpu_seconds(inference.pid) - before[1]
        grids = len(listener.latencies)
        latency = float(np.median(listener.latencies)) if grids else float("nan")
        seen = watching()
    return {
        "dashboard_cpu_percent": 100.0 * used[0] / elapsed,
        "frames_per_client_hz": seen["frames"] / count / (elapsed + _SETTLING) if count else 0.0,
        "kb_per_frame": seen["bytes"] / max(seen["frames"], 1) / 1e3,
        "grids_hz": grids / elapsed,
        "inference_cpu_ms_per_grid": 1e3 * used[1] / max(grids, 1),
        "latency_median_ms": latency,
    }


def _rows(found: dict[int, list[dict[str, float]]]) -> list[dict[str, float]]:
    base = next(iter(found.values()))
    rows = []
    for count, turns in found.items():
        row = {"clients": float(count)}
        row |= {name: float(np.median([turn[name] for turn in turns])) for name in turns[0]}
        for name, figure in (("inference", "inference_cpu_ms_per_grid"), ("latency", "latency_median_ms")):
            ratios = [turn[figure] / first[figure] for turn, first in zip(turns, base, strict=True)]
            row[f"{name}_relative"] = float(np.median(ratios))
        rows.append(row)
    return rows


@contextlib.contextmanager
def _clients(port: int, count: int) -> Iterator[Callable[[], dict[str, Any]]]:
    """Let clients watch; what is given ends them and says what they saw."""
    if not count:
        yield lambda: {"frames": 0, "bytes": 0, "first_picture": None}
        return
    command = [sys.executable, "-m", "lss_bev_ros.benchmark.dashboard_clients", str(port), str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if "watching" not in process.stdout.readline():
            raise RosError("the dashboard's clients did not start: install the extra dashboard")

        def end() -> dict[str, Any]:
            process.send_signal(signal.SIGINT)
            return json.loads(process.communicate(timeout=20)[0])

        yield end
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
