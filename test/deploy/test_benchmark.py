"""The benchmark measures every mode on the same frames and says how far each is from the reference."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from lss_bev_ros.deploy.benchmark import benchmark_table, run_benchmark, write_report
from lss_bev_ros.errors import DatasetError, LssBevError, ModelError
from lss_bev_ros.runtime.torch_engine import has_bfloat16

STAGES = {"camera_encoder", "splat", "bev_encoder", "total"}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("benchmark") / "runs" / "benchmark.json"


@pytest.fixture(scope="module")
def report(output):
    done = []
    report = run_benchmark(
        frames=1, repetitions=2, output=output, progress=lambda now, total: done.append((now, total))
    )
    assert done == [(1, 2), (2, 2)]
    return report


def test_every_mode_has_stage_times_and_a_ratio(report):
    modes = {"reference", "torch fp32", "torch fp32 from JPEG"}
    if has_bfloat16():
        modes |= {"torch bf16", "torch bf16 from JPEG"}
    assert set(report["modes"]) == modes
    for name, mode in report["modes"].items():
        assert set(mode["median_ms"]) >= STAGES
        assert set(mode["p95_ms"]) == set(mode["median_ms"])
        assert ("decode" in mode["median_ms"]) == ("JPEG" in name)
        assert all(value >= 0 for value in mode["median_ms"].values())
    assert "geometry" in report["modes"]["reference"]["median_ms"]
    assert report["modes"]["reference"]["speedup"] == 1.0


def test_float32_agrees_with_the_reference_and_the_splat_with_the_naive_sum(report):
    assert report["modes"]["torch fp32"]["logit_error_max"] < 1e-3
    assert report["modes"]["torch fp32"]["iou_with_reference"] > 0.99
    assert report["splat_error"] < 1e-5


def test_the_machine_is_described(report):
    assert {"processor", "cores", "torch", "torch_threads", "load_average"} <= set(report["machine"])
    assert report["configuration"]["weights"] == "seed 0 (untrained)"
    assert report["peak_memory_mib"] > 0


def test_the_report_is_written_and_printed(report, output):
    assert json.loads(output.read_text()) == report
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    console = Console(file=io.StringIO(), width=200)
    console.print(benchmark_table(report))
    assert "reference" in console.file.getvalue()


def test_what_cannot_be_had_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere"):
        run_benchmark(dataroot=tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"none\.pt"):
        run_benchmark(weights=str(tmp_path / "none.pt"), frames=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(LssBevError, match="--output"):
        write_report({}, tmp_path / "file" / "report.json")
