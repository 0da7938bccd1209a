"""Scaling studies vary one size at a time and fit a straight line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.benchmark.scaling import TABLES, line_fit, published_plans, ring_rig, run_scaling
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.visualization.bars import growth_charts

numbers = st.floats(-1e3, 1e3)


@given(st.floats(0.1, 100.0), numbers, st.lists(st.integers(1, 1000), min_size=3, max_size=9, unique=True))
def test_a_straight_line_is_found(slope, intercept, x):
    fit = line_fit(x, slope * np.array(x) + intercept)
    assert fit["slope"] == pytest.approx(slope, rel=1e-4, abs=1e-4)
    assert fit["r2"] == pytest.approx(1.0, abs=1e-4)


def test_plans_vary_one_size_and_contain_the_published_network():
    for label, plan in published_plans().items():
        sizes = [size for size, _, _ in plan]
        assert sizes == sorted(sizes), label
        assert any(config == ModelConfig() and cameras == 6 for _, config, cameras in plan), label


def test_a_ring_of_cameras_changes_with_its_height():
    assert len(ring_rig(5)) == 5
    assert ring_rig(3).fingerprint == ring_rig(3).fingerprint != ring_rig(3, 0.1).fingerprint


def test_every_stage_has_a_time_at_every_size():
    small = ModelConfig(image_height=32, image_width=64, grid=BevGrid(-8, 8, -8, 8, 0.5))
    plans = {"cameras": [(1, small, 1), (2, small, 2), (3, small, 3)]}
    report = run_scaling("torch", "fp32", repetitions=1, plans=plans)
    study = report["studies"]["cameras"]
    assert {TABLES, "camera_encoder", "splat", "bev_encoder", "total"} == set(study["stages"])
    assert all(len(values) == 3 and min(values) >= 0 for values in study["stages"].values())
    assert set(study["fits"]) == set(study["stages"])
    assert growth_charts(report["studies"], "title").shape[2] == 3
