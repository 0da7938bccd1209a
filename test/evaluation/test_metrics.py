"""Metrics against annotations: equal to counting cell by cell, and bounded as they must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import AnnotationScore
from lss_bev_ros.evaluation.metrics import OWN, own_percent, predicted_cells
from lss_bev_ros.geometry import BevGrid

GRID = BevGrid(-60.0, 60.0, -40.0, 40.0, 4.0)
occupancies = hnp.arrays(np.int8, GRID.shape, elements=st.integers(-1, 100))
truths = hnp.arrays(np.bool_, GRID.shape)
pairs = st.tuples(occupancies, truths)


def iou(predicted, truth, weight) -> float:
    """IoU by a plain loop over cells."""
    both = either = 0.0
    for i in range(GRID.shape[0]):
        for j in range(GRID.shape[1]):
            both += weight[i, j] * (predicted[i, j] and truth[i, j])
            either += weight[i, j] * (predicted[i, j] or truth[i, j])
    return both / either if either else math.nan


@settings(deadline=None, max_examples=40)
@given(pairs, st.sampled_from([0.01, 0.3, 0.5, 0.55, 1.0]))
def test_metrics_equal_a_count_by_hand(pair, threshold):
    occupancy, truth = pair
    metrics = AnnotationScore(GRID, threshold).update(occupancy, truth)
    predicted = occupancy.astype(int) >= round(100 * threshold)
    distance = np.hypot(*np.moveaxis(GRID.centers(), -1, 0))
    ones = np.ones(GRID.shape)
    wanted = {
        "iou": iou(predicted, truth, ones),
        "near_iou": iou(predicted, truth, np.where(distance < 20, 3.0, 1.0)),
        "accuracy": float((predicted == truth).mean()),
        "predicted_positive_rate": float(predicted.mean()),
        "actual_positive_rate": float(truth.mean()),
        "coverage": float((occupancy >= 0).mean()),
    }
    for low, high in ((0, 10), (10, 20), (20, 30), (30, 50)):
        wanted[f"iou_{low}_{high}"] = iou(predicted, truth, (distance >= low) & (distance < high))
    for name, value in wanted.items():
        assert metrics[name] == pytest.approx(value, nan_ok=True), name


@given(pairs)
def test_iou_is_at_most_precision_and_recall(pair):
    metrics = AnnotationScore(GRID).update(*pair)
    for name in ("precision", "recall", "f1"):
        if not math.isnan(metrics[name]):
            assert metrics["iou"] <= metrics[name] + 1e-12
    assert all(math.isnan(value) or 0.0 <= value <= 1.0 for value in metrics.values())


@given(truths)
def test_perfect_prediction_scores_one(truth):
    metrics = AnnotationScore(GRID).update(np.where(truth, 100, 0).astype(np.int8), truth)
    perfect = ["iou", "precision", "recall", "f1", "near_iou", "iou_0_10", "iou_10_20", "iou_30_50"]
    assert all(math.isnan(metrics[name]) or metrics[name] == 1.0 for name in perfect)
    assert metrics["accuracy"] == 1.0
    assert math.isnan(metrics["iou"]) == (not truth.any())


@given(st.lists(pairs, min_size=1, max_size=4))
def test_running_is_the_score_of_all_cells_together(frames):
    score = AnnotationScore(GRID)
    for occupancy, truth in frames:
        score.update(occupancy, truth)
    predicted = np.concatenate([occupancy >= 50 for occupancy, _ in frames])
    truth = np.concatenate([truth for _, truth in frames])
    either = (predicted | truth).sum()
    wanted = (predicted & truth).sum() / either if either else math.nan
    assert score.running["iou"] == pytest.approx(wanted, nan_ok=True)
    assert score.last == pytest.approx(AnnotationScore(GRID).update(*frames[-1]), nan_ok=True)
    assert score.frames == len(frames)


@given(pairs)
def test_losing_sight_never_helps_the_recall(pair):
    occupancy, truth = pair
    blind = occupancy.copy()
    blind[: GRID.shape[0] // 2] = -1
    whole, half = AnnotationScore(GRID).update(occupancy, truth), AnnotationScore(GRID).update(blind, truth)
    if not math.isnan(whole["recall"]):
        assert half["recall"] <= whole["recall"]
    assert half["coverage"] <= whole["coverage"]


def test_distance_bins_part_the_cells_up_to_their_end():
    truth = np.ones(GRID.shape, dtype=bool)
    distance = np.hypot(*np.moveaxis(GRID.centers(), -1, 0))
    for (low, high), name in zip(
        ((0, 10), (10, 20), (20, 30), (30, 50)),
        ("iou_0_10", "iou_10_20", "iou_20_30", "iou_30_50"),
        strict=True,
    ):
        occupancy = np.where((distance >= low) & (distance < high), 100, 0).astype(np.int8)
        metrics = AnnotationScore(GRID).update(occupancy, truth)
        assert {key for key in metrics if key.startswith("iou_") and metrics[key] == 1.0} == {name}


def test_reset_forgets():
    score = AnnotationScore(GRID)
    score.update(np.full(GRID.shape, 100, np.int8), np.zeros(GRID.shape, bool))
    score.reset()
    assert score.frames == 0
    assert math.isnan(score.running["iou"])


@pytest.mark.parametrize(
    "parameters",
    [
        {"threshold": -0.1},
        {"threshold": 1.1},
        {"near_radius": -1.0},
        {"near_weight": -1.0},
        {"edges": (10, 5)},
    ],
)
def test_impossible_parameters_are_named(parameters):
    with pytest.raises(EvaluationError, match=next(iter(parameters))):
        AnnotationScore(GRID, **parameters)


def test_other_shape_is_refused():
    with pytest.raises(EvaluationError, match="truth has shape"):
        AnnotationScore(GRID).update(np.zeros(GRID.shape, np.int8), np.zeros((3, 3), bool))


def expected_iou(occupancy: np.ndarray, percent: int, weight: float) -> float:
    """Cell by cell: what is hit and what is missed if the probabilities are right."""
    said = np.clip(occupancy, 0, 100) / 100
    right = said / (weight - (weight - 1) * said)
    predicted = occupancy >= percent
    return right[predicted].sum() / (predicted.sum() + right[~predicted].sum())


@pytest.mark.parametrize("weight", [1.0, 2.13])
@pytest.mark.parametrize("sureness", [0.3, 1.0, 4.0])
def test_a_predictions_own_threshold_has_the_highest_iou_by_its_own_probabilities(weight, sureness):
    rng = np.random.default_rng(3)
    logits = sureness * rng.normal(-2.0, 1.0, (60, 60))
    occupancy = np.round(100 / (1 + np.exp(-logits))).astype(np.int8)
    occupancy[:5] = -1
    found = own_percent(occupancy, weight)
    scores = [expected_iou(occupancy, percent, weight) for percent in range(1, 101)]
    assert scores[found - 1] == pytest.approx(max(scores))
    np.testing.assert_array_equal(predicted_cells(occupancy, OWN), occupancy >= own_percent(occupancy))


def test_the_less_sure_a_prediction_is_the_lower_is_its_own_threshold():
    """Right probabilities have their best F1 at half of it (Lipton et al., theorem 1)."""
    sure, unsure = np.zeros((50, 50), np.int8), np.zeros((50, 50), np.int8)
    sure[:4] = 90
    unsure[:20] = 18
    assert own_percent(sure, 1.0) <= 90
    assert own_percent(unsure, 1.0) <= 18
    assert predicted_cells(unsure, OWN).sum() == 20 * 50
    assert not predicted_cells(unsure, 0.5).any()


@pytest.mark.parametrize("value", [0, -1])
def test_where_nothing_is_predicted_the_own_threshold_predicts_nothing(value):
    assert not predicted_cells(np.full((9, 9), value, np.int8), OWN).any()


def test_a_score_counts_by_each_frames_own_threshold():
    truth = np.zeros(GRID.shape, bool)
    truth[10:14, 10:14] = True
    unsure = np.where(truth, 15, 1).astype(np.int8)
    assert AnnotationScore(GRID).update(unsure, truth)["recall"] == 0.0
    assert AnnotationScore(GRID, OWN).update(unsure, truth)["iou"] == 1.0
