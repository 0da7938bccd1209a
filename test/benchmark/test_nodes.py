"""The node benchmark measures real processes from camera stamp to grid received."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lss_bev_ros.benchmark import random_frames
from pipros import activate


def test_every_frame_is_served_or_counted_as_dropped(ros_environment):
    activate()
    from lss_bev_ros.benchmark.nodes import benchmark_nodes, nodes_tables

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


def test_the_dashboard_is_measured_with_clients_and_without(street, ros_environment):
    pytest.importorskip("aiohttp", reason="the dashboard needs the extra `dashboard`")
    activate()
    from lss_bev_ros.benchmark.dashboard import benchmark_dashboard, dashboard_table

    report = benchmark_dashboard(street, clients=(0, 2), seconds=2.0, turns=1)
    assert report["first_picture_s"] > 0
    none, two = report["rows"]
    assert (none["clients"], two["clients"]) == (0, 2)
    assert none["kb_per_frame"] == 0 < two["kb_per_frame"]
    assert two["frames_per_client_hz"] > 0
    console = Console(file=io.StringIO(), width=200)
    console.print(dashboard_table(report))
    assert "first picture after" in console.file.getvalue()
