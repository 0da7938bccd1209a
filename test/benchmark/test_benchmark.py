"""The benchmark measures every mode on the same frames and says how far each is from the reference."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from rich.console import Console

from lss_bev_ros.benchmark import (
    BenchmarkFrames,
    BenchmarkOptions,
    benchmark_tables,
    dataset_frames,
    load_frames,
    random_frames,
    run_benchmark,
    save_frames,
    write_datasheet,
)
from lss_bev_ros.benchmark.modes import check_modes, mode_names
from lss_bev_ros.errors import DatasetError, LssBevError, ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.runtime.cpu.engine import has_bfloat16

STAGES = {"camera_encoder", "splat", "bev_encoder", "total"}


@pytest.fixture(scope="module")
def frames():
    made = random_frames(1)
    truth = np.zeros(BevGrid().shape, dtype=bool)
    truth[100:110, 90:100] = True
    return BenchmarkFrames(made.source, made.sets, [truth])


@pytest.fixture(scope="module")
def report(frames):
    done = []
    options = BenchmarkOptions(("serial:cpu", "reference:cpu", "torch"), "seed:0", repetitions=2)
    report = run_benchmark(frames, options, lambda now, total: done.append((now, total)))
    assert done == [(1, 2), (2, 2)]
    return report


def test_every_mode_has_stage_times_and_a_ratio(report):
    modes = {"serial cpu fp32", "reference cpu fp32", "torch fp32", "torch fp32 from JPEG"}
    if has_bfloat16():
        modes |= {"torch bf16", "torch bf16 from JPEG"}
    else:
        assert "emulated" in report["skipped"]["torch bf16"]
    assert set(report["modes"]) == modes
    for name, mode in report["modes"].items():
        assert set(mode["median_ms"]) >= STAGES
        assert set(mode["median_ms"]) == set(mode["p95_ms"]) == set(mode["p99_ms"])
        assert ("decode" in mode["median_ms"]) == ("JPEG" in name)
        assert all(value >= 0 for value in mode["median_ms"].values())
        assert mode["runs"] >= 1
        assert mode["compared_with"] == "reference cpu fp32"
    assert "geometry" in report["modes"]["reference cpu fp32"]["median_ms"]
    assert report["modes"]["reference cpu fp32"]["speedup"] == 1.0


def test_modes_agree_with_the_reference_and_the_splat_with_the_naive_sum(report):
    for name in ("torch fp32", "torch fp32 from JPEG", "serial cpu fp32"):
        assert report["modes"][name]["logit_error_max"] < 1e-3
        assert report["modes"][name]["iou_with_reference"] > 0.99
        assert report["modes"][name]["float32_error_max"] < 1e-3
        assert report["modes"][name]["float32_agreement"] > 0.99
    assert report["splat_error"] < 1e-5


def test_only_what_keeps_tables_pays_for_a_new_calibration(report):
    paying = {name for name, mode in report["modes"].items() if "calibration_ms" in mode}
    assert paying == {name for name in report["modes"] if name in ("torch fp32", "torch bf16")}


def test_each_mode_has_its_memory_and_its_score(report):
    for name, mode in report["modes"].items():
        assert mode["iou"] == 0.0  # an untrained network sees nothing
        assert "serial" in name or mode["memory_mib"]["process"] > 50


def test_the_machine_and_the_code_are_described(report):
    assert {"processor", "cores", "torch", "torch_threads", "load_average", "gpu"} <= set(report["machine"])
    assert {"commit", "changed"} == set(report["code"])
    assert report["configuration"]["weights"] == "seed 0 (untrained)"


def test_the_datasheet_is_whole(report, tmp_path):
    page, figures, *charts = write_datasheet(report, tmp_path / "docs" / "cpu")
    assert json.loads(figures.read_text()) == report
    text = page.read_text()
    assert all(mode in text for mode in report["modes"])
    assert report["machine"]["processor"] in text
    for chart in charts:
        assert chart.name in text
        assert cv2.imread(str(chart)) is not None
    assert {path.name for path in page.parent.iterdir()} == {
        page.name,
        figures.name,
        *(c.name for c in charts),
    }


def test_the_report_is_printed(report):
    console = Console(file=io.StringIO(), width=200)
    for table in benchmark_tables(report):
        console.print(table)
    assert "reference" in console.file.getvalue()


def test_saved_frames_are_the_same_frames(frames, tmp_path):
    save_frames(frames, tmp_path / "frames.npz")
    read = load_frames(tmp_path / "frames.npz")
    assert read.source == frames.source
    for saved, original in zip(read.sets, frames.sets, strict=True):
        assert saved.stamp == original.stamp
        assert saved.rig.fingerprint == original.rig.fingerprint
        assert saved.images == original.images
    np.testing.assert_array_equal(read.truth, frames.truth)
    assert [path.name for path in tmp_path.iterdir()] == ["frames.npz"]


def test_what_cannot_be_had_is_named(tmp_path, frames):
    with pytest.raises(DatasetError, match="nowhere"):
        dataset_frames(tmp_path / "nowhere", 1)
    with pytest.raises(DatasetError, match=r"none\.npz"):
        load_frames(tmp_path / "none.npz")
    (tmp_path / "file").write_text("no frames")
    np.savez(tmp_path / "other.npz", format=np.array(1))
    for name in ("file", "other.npz"):
        with pytest.raises(DatasetError, match="not a file of benchmark frames"):
            load_frames(tmp_path / name)
    with pytest.raises(ModelError, match=r"none\.pt"):
        run_benchmark(frames, BenchmarkOptions(weights=str(tmp_path / "none.pt")))


def test_a_mode_that_does_not_exist_is_named():
    check_modes((*mode_names(), "torch:cuda", "cuda:exact"))
    for word in ("warp", "torch:fp64", "reference:tpu"):
        with pytest.raises(LssBevError, match=word.partition(":")[0]):
            check_modes([word])
