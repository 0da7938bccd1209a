"""The node benchmark measures real processes from camera stamp to grid received."""

from __future__ import annotations

import io

from rich.console import Console

from lss_bev_ros.deploy.benchmark import random_frames
from lss_bev_ros.standalone import activate


def test_every_frame_is_served_or_counted_as_dropped(ros_environment):
    activate()
    from lss_bev_ros.standalone.node_benchmark import benchmark_nodes, nodes_tables

    report = benchmark_nodes(None, random_frames(1), seconds=2.0, rates=(1.0, 4.0))
    assert report["rates"][0]["hz"] == 1.0
    for row in report["rates"]:
        assert row["sent"] == row["served"] + row["dropped"] > 0
        assert row["inference_memory_mib"] > 50
        if row["served"]:
            assert 0 < row["latency_median_ms"] <= row["latency_p95_ms"] <= row["latency_p99_ms"]
    console = Console(file=io.StringIO(), width=200)
    for table in nodes_tables(report):
        console.print(table)
    assert "inference node" in console.file.getvalue()
