"""Measures whole nodes as a user runs them: processes of their own, messages over the middleware."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.table import Table
from sensor_msgs.msg import CompressedImage, PointCloud2

from .. import messages
from ..errors import StandaloneError
from ..geometry import CAMERA_NAMES
from . import child_environment
from .topic.session import Session

_KEYFRAME_HZ = 2.0
_START_TIMEOUT = 90.0
_GRACE = 1.0
"""Seconds for the grid of the last keyframe to arrive."""

_LIDAR = "lidar_top/points"


def benchmark_nodes(
    dataroot: Path, seconds: float = 10.0, progress: Callable[[str], None] = lambda _: None
) -> dict[str, dict[str, float]]:
    """Run the replay node alone and then with the inference node.

    The replay is driven at 20 Hz by playing keyframes ten times as fast: six cameras and the LiDAR, more
    than the 12 Hz and 20 Hz of nuScenes' sweeps. Inference gets real time, 2 Hz.

    Args:
        dataroot: nuScenes data root.
        seconds: measured time of each.
        progress: told what is being measured.

    Returns:
        `replay` and `inference`: rates in Hz, memory in MiB, latencies in ms.

    Raises:
        StandaloneError: a node did not start.
    """
    progress("replay at 20 Hz")
    replay = _measure_replay(dataroot, 20.0, seconds)
    progress("inference at 2 Hz")
    return {"replay": replay, "inference": _measure_inference(dataroot, seconds)}


def nodes_table(report: dict[str, dict[str, float]]) -> Table:
    """The figures of `benchmark_nodes` as a table."""
    table = Table(title="nodes, over the middleware", title_justify="left")
    table.add_column("node")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for node, figures in report.items():
        for name, value in figures.items():
            table.add_row(node, name, f"{value:.1f}")
    return table


def _measure_replay(dataroot: Path, hz: float, seconds: float) -> dict[str, float]:
    counts: dict[str, int] = {}
    size = 0
    with (
        _node("replay", dataroot=dataroot, rate=hz / _KEYFRAME_HZ, loop="true") as process,
        Session() as session,
    ):

        def count(topic: str) -> Callable[[bytes], None]:
            def received(data: bytes) -> None:
                nonlocal size
                counts[topic] = counts.get(topic, 0) + 1
                size += len(data)

            return received

        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        topics = {f"{name}/image_raw/compressed": CompressedImage for name in CAMERA_NAMES}
        for topic, kind in {**topics, _LIDAR: PointCloud2}.items():
            session.node.create_subscription(kind, topic, count(topic), qos, raw=True)
        _wait(session, process, lambda: len(counts) == len(topics) + 1)
        session.spin(timeout=1.0)
        counts = dict.fromkeys(counts, 0)
        size, cpu, started = 0, _cpu_seconds(process), time.monotonic()
        session.spin(timeout=seconds)
        elapsed = time.monotonic() - started
        return {
            "camera_hz": min(counts[topic] for topic in topics) / elapsed,
            "lidar_hz": counts[_LIDAR] / elapsed,
            "mb_per_second": size / elapsed / 1e6,
            "cpu_percent": 100.0 * (_cpu_seconds(process) - cpu) / elapsed,
            "peak_memory_mib": _peak_memory(process),
        }


def _measure_inference(dataroot: Path, seconds: float) -> dict[str, float]:
    sent: list[int] = []
    served: list[tuple[int, float]] = []
    with (
        _node("inference", reliability="reliable") as inference,
        _node("replay", dataroot=dataroot, loop="true", wait_for_publisher="bev/occupancy") as replay,
        Session() as session,
    ):

        def on_scan(message: PointCloud2) -> None:
            sent.append(messages.from_stamp(message.header.stamp))

        def on_grid(message: OccupancyGrid) -> None:
            stamp = messages.from_stamp(message.header.stamp)
            served.append((stamp, (time.time_ns() - stamp) / 1e6))

        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        session.node.create_subscription(PointCloud2, _LIDAR, on_scan, qos)
        session.node.create_subscription(OccupancyGrid, "bev/occupancy", on_grid, qos)
        _wait(session, replay, lambda: len(served) > 2)
        sent.clear()
        served.clear()
        session.spin(timeout=seconds)
        keyframes = list(sent)
        session.spin(timeout=_GRACE)
        stamps = [stamp for stamp, _ in served]
        latencies = sorted(latency for _, latency in served)
        return {
            "keyframes": float(len(keyframes)),
            "keyframes_served": float(sum(_has_near(stamps, keyframe) for keyframe in keyframes)),
            "latency_median_ms": statistics.median(latencies),
            "latency_p95_ms": latencies[int(0.95 * (len(latencies) - 1))],
            "peak_memory_mib": _peak_memory(inference),
        }


@contextlib.contextmanager
def _node(name: str, **parameters: object) -> Iterator[subprocess.Popen]:
    """Run a node with parameters; interrupt it at the end."""
    given = [text for key, value in parameters.items() for text in ("-p", f"{key}:={value}")]
    process = subprocess.Popen(
        [sys.executable, "-m", f"lss_bev_ros.nodes.{name}", "--ros-args", "--log-level", "warn", *given],
        env=child_environment(os.environ),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _has_near(stamps: list[int], keyframe: int) -> bool:
    """Whether a grid was made of the images of a keyframe, which are at most 60 ms from its scan."""
    return any(abs(stamp - keyframe) < 60_000_000 for stamp in stamps)


def _wait(session: Session, process: subprocess.Popen, condition: Callable[[], bool]) -> None:
    session.spin(lambda: condition() or process.poll() is not None, timeout=_START_TIMEOUT)
    if not condition():
        raise StandaloneError(f"{' '.join(process.args[2:3])} did not start; run it alone to see why")


def _peak_memory(process: subprocess.Popen) -> float:
    """Largest resident size so far, MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def _cpu_seconds(process: subprocess.Popen) -> float:
    """Processor time so far, seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
