"""Multi-sense networks are compared head by head, and timed part by part."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lss_bev_ros.benchmark.compare import (
    MultiSenseSubject,
    Tolerances,
    compare_multi_sense,
    comparison_table,
    failures,
    markdown,
    open_subject,
)
from lss_bev_ros.benchmark.senses import benchmark_senses, senses_tables
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import LssBevError
from lss_bev_ros.model.multi_sense_weights import write_multi_sense
from lss_bev_ros.runtime.multi_sense.weights import untrained

from ..small_senses import SMALL

LIDAR = replace(SMALL, senses=("lidar", "memory"), heads=("segmentation", "boxes", "plan"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("senses")
    for seed in (1, 2):
        write_multi_sense(untrained(seed, LIDAR), folder / f"{seed}.safetensors", {})
    return folder


def compared(street, *specs):
    subjects = [open_subject(*spec) for spec in specs]
    assert all(isinstance(subject, MultiSenseSubject) for subject in subjects)
    tolerances = Tolerances.of(("fp32", "fp32"))
    report = compare_multi_sense(*subjects, NuScenesReader(street, ""), 2, tolerances, warm_up=0)
    for subject in subjects:
        subject.close()
    return report


def test_two_runs_of_one_network_agree_in_every_head_and_score(street, weights):
    file = str(weights / "1.safetensors")
    report = compared(street, (file,), ("torch:fp32", file))
    (size,) = report["sizes"]
    assert set(size["tensors"]) == {"segmentation", "boxes", "plan", "remembered"}
    assert set(size["alike"]) == {"segmentation", "boxes", "plan"}
    assert min(size["alike"].values()) == 1.0
    assert "layers.iou_vehicle" in size["headline"]
    assert failures(report) == []
    assert "Within the tolerances" in markdown(report)
    assert comparison_table(report).row_count > len(size["tensors"])


def test_two_networks_differ_and_it_is_said_where(street, weights):
    report = compared(street, *((str(weights / f"{seed}.safetensors"),) for seed in (1, 2)))
    problems = failures(report)
    where = re.compile(r"6 cameras of \d+ x \d+: segmentation has a cosine")
    assert any(where.match(problem) for problem in problems)
    assert report["sizes"][0]["alike"]["segmentation"] < 1.0


def test_every_part_has_its_time(street, weights):
    report = benchmark_senses(street, 2, ["torch:fp32"], str(weights / "1.safetensors"), repetitions=1)
    (engine,) = report["engines"].values()
    heads = {f"head {name}" for name in LIDAR.heads}
    assert set(engine["parts"]) == {"LiDAR encoder", "fuser", "fuser with memory", "BEV encoder", *heads}
    assert set(engine["settings"]) == {"all from LiDAR"}
    assert all(times["median_ms"] > 0 for times in engine["parts"].values())
    assert [table.row_count for table in senses_tables(report)] == [len(engine["parts"]), 1]


def test_a_mode_of_the_published_network_is_refused(street, weights):
    with pytest.raises(LssBevError, match="is the published network"):
        benchmark_senses(street, 1, ["reference"], str(weights / "1.safetensors"))
