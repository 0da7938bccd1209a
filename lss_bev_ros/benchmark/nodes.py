"""Measures whole nodes as a user runs them: processes of their own, messages over the middleware."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.table import Table
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2

from pipros.topic import Session

from .. import messages
from ..evaluation.frames import BenchmarkFrames
from ..geometry import CAMERA_NAMES
from ..messages.gate import gated
from .camera_source import FRAME_COUNTER
from .measured_process import (
    cpu_seconds,
    module_process,
    node_process,
    peak_memory,
    reset_peak_memory,
    wait_for,
)
from .saved_frames import save_frames
from .turns import quantiles

_KEYFRAME_HZ = 2.0
_GRACE = 2.0
"""Seconds for the grid of the last frame to arrive."""

_SLOP = 0.005
"""Seconds between the images of one set: the source gives all the same stamp, and sets may come close."""

_LIDAR = "lidar_top/points"


RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0)
"""Frames a second that are tried, rising."""

ALWAYS = (2.0, 12.0)
"""Rates that are measured even where lower ones drop frames already: nuScenes' keyframes and its cameras."""

DROPS = 0.02
"""Share of frames that a rate may lose and still count as kept up with: one at the end may be on its way."""


def benchmark_nodes(
    dataroot: Path | None,
    frames: BenchmarkFrames,
    seconds: float = 8.0,
    rates: Sequence[float] = RATES,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run the inference node at rising rates until it drops frames, and the replay node as fast as cameras.

    The replay is driven at 20 Hz by playing keyframes ten times as fast: six cameras and the LiDAR, more
    than the 12 Hz and 20 Hz of nuScenes' sweeps.

    Args:
        dataroot: nuScenes data root for the replay node; None leaves it out.
        frames: for the inference node.
        seconds: measured time of each rate.
        rates: frames a second to try, rising; those in ALWAYS are not left out.
        progress: told what is being measured.

    Returns:
        `rates`, a row of figures for each rate of the inference node, `fastest_hz` without drops, and
        `replay`: rates in Hz, memory in MiB, latencies in ms.

    Raises:
        RosError: a node did not start.
    """
    report: dict[str, Any] = {}
    if dataroot is not None:
        progress("replay at 20 Hz")
        report["replay"] = _measure_replay(dataroot, 20.0, seconds)
    rows = _measure_inference(frames, seconds, rates, progress)
    kept = [row["hz"] for row in rows if row["dropped"] <= DROPS * row["sent"]]
    return report | {"rates": rows, "fastest_hz": max(kept, default=None)}


def nodes_tables(report: dict[str, Any]) -> list[Table]:
    """The figures of `benchmark_nodes` as tables."""
    rates = Table(
        title="inference node, camera stamp to grid received, over the middleware", title_justify="left"
    )
    for name in report["rates"][0]:
        rates.add_column(name.replace("_", " "), justify="right")
    for row in report["rates"]:
        rates.add_row(*(f"{value:.4g}" for value in row.values()))
    if "replay" not in report:
        return [rates]
    replay = Table(title="replay node", title_justify="left")
    for name in report["replay"]:
        replay.add_column(name.replace("_", " "), justify="right")
    replay.add_row(*(f"{value:.4g}" for value in report["replay"].values()))
    return [rates, replay]


def _measure_replay(dataroot: Path, hz: float, seconds: float) -> dict[str, float]:
    counts: dict[str, int] = {}
    size = 0
    with (
        node_process("replay", dataroot=dataroot, rate=hz / _KEYFRAME_HZ, loop="true") as process,
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
        wait_for(session, process, lambda: len(counts) == len(topics) + 1)
        session.spin(timeout=1.0)
        counts = dict.fromkeys(counts, 0)
        size, cpu, started = 0, cpu_seconds(process.pid), time.monotonic()
        session.spin(timeout=seconds)
        elapsed = time.monotonic() - started
        return {
            "camera_hz": min(counts[topic] for topic in topics) / elapsed,
            "lidar_hz": counts[_LIDAR] / elapsed,
            "mb_per_second": size / elapsed / 1e6,
            "cpu_percent": 100.0 * (cpu_seconds(process.pid) - cpu) / elapsed,
            "peak_memory_mib": peak_memory(process),
        }


def _measure_inference(
    frames: BenchmarkFrames, seconds: float, rates: Sequence[float], progress: Callable[[str], None]
) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        node_process("inference", reliability="reliable", slop=_SLOP) as inference,
        Session() as session,
    ):
        path = Path(folder) / "frames.npz"
        save_frames(frames, path)
        listener = _Listener(session)
        dropping = False
        for hz in rates:
            if dropping and hz not in ALWAYS:
                continue
            progress(f"inference at {hz:g} Hz")
            rows.append(_measure_rate(session, listener, inference, path, hz, seconds))
            dropping = rows[-1]["dropped"] > DROPS * rows[-1]["sent"]
    return rows


class _Listener:
    """Notes which frames were sent and how late their grids arrived."""

    def __init__(self, session: Session) -> None:
        self.sent: list[int] = []
        self.served: dict[int, float] = {}
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        session.node.create_subscription(CameraInfo, FRAME_COUNTER, gated(self._on_frame), qos)
        session.node.create_subscription(OccupancyGrid, "bev/occupancy", gated(self._on_grid), qos)

    def clear(self) -> None:
        """Forget all frames."""
        self.sent.clear()
        self.served.clear()

    def _on_frame(self, message: CameraInfo) -> None:
        self.sent.append(messages.from_stamp(message.header.stamp))

    def _on_grid(self, message: OccupancyGrid) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        self.served[stamp] = (time.time_ns() - stamp) / 1e6


def _measure_rate(
    session: Session, listener: _Listener, inference: Popen, path: Path, hz: float, seconds: float
) -> dict[str, float]:
    with module_process("lss_bev_ros.benchmark.camera_source", str(path), str(hz)) as source:
        listener.clear()
        wait_for(session, source, lambda: len(listener.served) > 2)
        reset_peak_memory(inference)
        listener.clear()
        before = cpu_seconds(inference.pid), cpu_seconds(source.pid), time.monotonic()
        session.spin(timeout=seconds)
        elapsed = time.monotonic() - before[2]
        cpu = cpu_seconds(inference.pid) - before[0], cpu_seconds(source.pid) - before[1]
        sent = list(listener.sent)
        session.spin(timeout=_GRACE)
    latencies = [listener.served[stamp] for stamp in sent if stamp in listener.served]
    return {
        "hz": hz,
        "sent": len(sent),
        "served": len(latencies),
        "dropped": len(sent) - len(latencies),
        **{f"latency_{name}": value for name, value in quantiles(latencies).items()},
        "inference_cpu_percent": 100.0 * cpu[0] / elapsed,
        "source_cpu_percent": 100.0 * cpu[1] / elapsed,
        "inference_memory_mib": peak_memory(inference),
    }
