"""The demonstration's live table."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from .monitor import DemoMonitor

_COLORS = {"OK": "green", "WARN": "yellow", "ERROR": "red", "STALE": "yellow"}


def live_table(monitor: DemoMonitor, phase: str, started: float) -> Table:
    """Rates, latency and scores at this moment.

    Args:
        monitor: what the nodes say.
        phase: what the demonstration is doing, such as `playing`.
        started: `time.monotonic()` of its start.
    """
    replay, network, metrics = (monitor.values(name) for name in ("replay", "network", "metrics"))
    table = Table(title=f"lss_bev_ros  {phase}  {time.monotonic() - started:.0f} s", title_justify="left")
    table.add_column("node")
    table.add_column("state")
    table.add_column("now")
    rows = {
        "replay": f"{replay.get('scene', '')}  cameras {_number(replay, 'cam_front_hz')} Hz  "
        f"LiDAR {_number(replay, 'lidar_top/points_hz')} Hz",
        "network": f"{_number(network, 'rate_hz')} Hz  latency {_number(network, 'latency_ms', 0)} ms  "
        f"network {_number(network, 'total_ms', 0)} ms  dropped {network.get('dropped', '-')}",
        "cameras": monitor.state("cameras")[1],
        "metrics": f"{metrics.get('frames', '0')} frames  IoU {_number(metrics, 'iou', 3)}  "
        f"precision {_number(metrics, 'precision', 3)}  recall {_number(metrics, 'recall', 3)}  "
        f"LiDAR support {_number(metrics, 'lidar_support', 3)}",
    }
    for name, text in rows.items():
        level, message = monitor.state(name)
        shown = message if level == "ERROR" else text
        table.add_row(name, Text(level, style=_COLORS.get(level, "dim")), shown)
    return table


def _number(values: Mapping[str, str], key: str, digits: int = 1) -> str:
    try:
        return f"{float(values[key]):.{digits}f}"
    except (KeyError, ValueError):
        return "-"
