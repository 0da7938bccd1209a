"""A profile says of every launch what it took and what it could have; only a GPU can make one."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from lss_bev_ros.benchmark import random_frames
from lss_bev_ros.benchmark.profile import (
    COLUMNS,
    profile_lines,
    profile_rows,
    profile_table,
    run_profile,
)
from lss_bev_ros.cli import app
from lss_bev_ros.errors import LssBevError

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def launch(name, us, kernel="convolution_kernel", floor=1.0):
    return {
        "name": name,
        "stage": "bev_encoder",
        "kernel": kernel,
        "us": us,
        "bytes": 4e6,
        "operations": 2e9,
        "floor_us": floor,
        "share": us / 100.0,
    }


@pytest.fixture
def profile():
    launches = [
        launch("small", 0.5),
        launch("tiny", 0.25),
        launch("wide", 59.25),
        launch("deep", 40.0, "cuDNN"),
    ]
    ceilings = {"bytes": 4e12, "operations": 8e14}
    return {
        "engine": "cuda-fp16",
        "ceilings": ceilings,
        "graph_us": 90.0,
        "sum_us": 100.0,
        "launches": launches,
    }


def test_the_slowest_launches_come_first_and_small_ones_are_summed(profile):
    rows = profile_rows(profile)
    assert [row[0] for row in rows] == ["wide", "deep", "2 smaller ones", "all 4"]
    assert rows[0][2:] == ("59.2", "59.2%", "2.00", "4.0", "1.00", "59.2")
    assert rows[2][1:3] == ("convolution_kernel", "0.8")
    assert rows[-1][2:4] == ("100.0", "100.0%")
    assert len(profile_rows(profile, least=0.0)) == 5


def test_the_table_is_printed_and_written(profile):
    console = Console(file=io.StringIO(), width=200)
    console.print(profile_table(profile))
    page = "\n".join(profile_lines(profile))
    for text in (console.file.getvalue(), page):
        assert all(column in text for column in COLUMNS)
        assert "4.0 TB/s" in text
        assert "90 us as a graph" in text


def test_what_the_pre_processing_takes_is_said_where_it_was_measured(profile):
    console = Console(file=io.StringIO(), width=300)
    us = {"pinholes": 21.04, "lenses": 17.0, "pinholes_cold": 25.0, "lenses_cold": 24.0}
    measured = profile | {"preprocessing_us": us}
    console.print(profile_table(measured))
    text = "Pre-processing before it: 21.0 us for pinholes, 17.0 us for lenses; 25.0 and 24.0 us"
    assert text in " ".join(console.file.getvalue().split())
    assert text in "\n".join(profile_lines(measured))
    assert "Pre-processing" not in "\n".join(profile_lines(profile))


def test_the_datasheet_has_the_launches(profile):
    from lss_bev_ros.benchmark.datasheet import _page

    report = {
        "machine": {"gpu": None, "processor": "one", "cores": 1},
        "configuration": {"command": "", "data": "", "weights": "", "repetitions": 1},
        "code": {"commit": "", "changed": []},
        "modes": {},
        "skipped": {},
        "splat_error": 0.0,
    }
    assert "## Launches" not in _page(report, "h200", [])
    assert "| wide | convolution_kernel | 59.2 |" in _page(report | {"profile": profile}, "h200", [])


def test_without_a_gpu_a_profile_is_refused_before_anything_runs():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = CliRunner().invoke(app, ["benchmark", "--profile", "--frames", "nowhere.npz"])
    assert isinstance(done.exception, LssBevError)
    assert "--profile needs the cuda backend" in str(done.exception)
    with pytest.raises(LssBevError, match="cuda"):
        run_profile("seed:0", random_frames(1))


@needs_gpu
def test_a_profile_has_every_launch_of_the_network():
    pytest.importorskip("triton")
    profile = run_profile("seed:0", random_frames(1))
    assert {row["stage"] for row in profile["launches"]} == {
        "camera_encoder",
        "splat",
        "bev_encoder",
        "postprocess",
    }
    assert all(row["us"] > 0 and row["floor_us"] > 0 for row in profile["launches"])
    assert sum(row["share"] for row in profile["launches"]) == pytest.approx(1.0)
    assert profile["preprocessing_us"]["pinholes"] > 0
    assert profile["preprocessing_us"]["lenses"] > 0
