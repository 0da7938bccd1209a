"""Scores and calibration follow from the counted logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import LiftSplatShoot, build_model
from lss_bev_ros.training.histogram import CENTERS, LogitHistogram, expected_calibration_error, scores
from lss_bev_ros.training.losses import overlap_loss
from lss_bev_ros.training.publish import fit_sharpness, publish
from lss_bev_ros.training.schedule import learning_rate


def counted(logits, target):
    histogram = LogitHistogram(BevGrid())
    histogram.add(logits, target)
    return histogram.counts.numpy()


@pytest.fixture(scope="module")
def sample():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 200, 200, generator=generator) * 2 - 2
    target = torch.rand(3, 200, 200, generator=generator) < (logits * 0.5 - 0.3).sigmoid()
    return logits, target


def test_iou_is_the_share_of_the_union(sample):
    logits, target = sample
    predicted = logits >= 0
    expected = (predicted & target).sum() / (predicted | target).sum()
    assert scores(counted(logits, target))["iou"] == pytest.approx(float(expected), abs=1e-6)


def test_the_near_iou_is_of_the_cells_within_20_metres(sample):
    logits, target = sample
    near = torch.from_numpy(np.linalg.norm(BevGrid().centers(), axis=-1) < 20)
    predicted = (logits >= 0) & near
    truth = target & near
    expected = (predicted & truth).sum() / (predicted | truth).sum()
    assert scores(counted(logits, target))["near_iou"] == pytest.approx(float(expected), abs=1e-6)


def test_logits_of_the_true_scale_and_shift_are_calibrated(sample):
    total = counted(*sample).sum(0)
    assert expected_calibration_error(total, 0.5 * CENTERS - 0.3) < 0.01 < expected_calibration_error(total)


def test_published_weights_have_their_best_threshold_at_one_half(sample, tmp_path):
    counts = counted(*sample)
    a, b = fit_sharpness(counts)
    best = scores(counts)["best_threshold"]
    assert a * np.log(best / (1 - best)) + b == pytest.approx(0, abs=1e-9)
    state = LiftSplatShoot().state_dict()
    publish(state, counts, tmp_path / "w.safetensors", {"licence": "Apache-2.0"})
    loaded = build_model(tmp_path / "w.safetensors").state_dict()
    name = "bevencode.up2.4"
    assert torch.allclose(loaded[f"{name}.weight"], state[f"{name}.weight"] * a, atol=1e-3)
    assert torch.allclose(loaded[f"{name}.bias"], state[f"{name}.bias"] * a + b, atol=1e-2)


def test_the_rate_rises_then_falls_to_nothing():
    rates = [learning_rate(1.0, step, 10, step / 100) for step in range(101)]
    assert rates[0] < rates[5] < rates[9]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0, abs=1e-12)


def test_the_overlap_loss_of_decisions_is_one_minus_the_iou(sample):
    logits, target = sample
    predicted = logits >= 0
    iou = (predicted & target).sum() / (predicted | target).sum()
    sure = torch.where(predicted, 50.0, -50.0)[:, None]
    assert float(overlap_loss(sure, target)) == pytest.approx(1 - float(iou), abs=1e-5)


def test_the_overlap_loss_of_nothing_is_defined():
    empty = torch.zeros(1, 8, 8, dtype=torch.bool)
    assert torch.isfinite(overlap_loss(torch.full((1, 1, 8, 8), -50.0), empty))
