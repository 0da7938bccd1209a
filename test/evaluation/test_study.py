"""Calibration, precision and recall, visibility: a closer look at predictions."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.dataset import vehicle_raster
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.reliability import ReliabilityDiagram
from lss_bev_ros.evaluation.visibility import VisibilityScore
from lss_bev_ros.geometry import BevGrid, Box, Pose

GRID = BevGrid()


def car(x, y, visibility):
    size = np.array([4.5, 1.9, 1.6])
    return Box(Pose.from_yaw(0.0, (x, y, 0.8)), size, "vehicle.car", visibility=visibility, num_lidar_pts=9)


def drawn(rng, rate):
    """Occupancy whose cells hold a vehicle as often as `rate` of what they say."""
    occupancy = rng.integers(0, 100, (200, 200)).astype(np.int8)
    truth = rng.random((200, 200)) < rate * (occupancy + 0.5) / 100
    return occupancy, truth


def test_honest_probabilities_have_no_calibration_error():
    calibration = ReliabilityDiagram()
    calibration.update(*drawn(np.random.default_rng(0), 1.0))
    assert calibration.error() < 0.01


def test_probabilities_twice_too_high_are_off_by_a_quarter():
    calibration = ReliabilityDiagram()
    calibration.update(*drawn(np.random.default_rng(0), 0.5))
    assert calibration.error() == pytest.approx(0.25, abs=0.01)


def test_the_diagram_covers_every_cell_that_is_known():
    occupancy, truth = drawn(np.random.default_rng(0), 1.0)
    occupancy[:20] = -1
    calibration = ReliabilityDiagram()
    calibration.update(occupancy, truth)
    assert sum(row["cells"] for row in calibration.diagram()) == 180 * 200


def test_the_curve_holds_the_scores_of_every_threshold():
    occupancy, truth = drawn(np.random.default_rng(1), 0.7)
    occupancy[:, :10] = -1
    calibration = ReliabilityDiagram()
    calibration.update(occupancy, truth)
    curve = {round(row["threshold"] * 100): row for row in calibration.curve()}
    for percent in (1, 30, 50, 99):
        predicted = occupancy >= percent
        hit = (predicted & truth).sum()
        assert curve[percent]["iou"] == pytest.approx(hit / (predicted | truth).sum())
        assert curve[percent]["recall"] == pytest.approx(hit / truth.sum())
        assert curve[percent]["precision"] == pytest.approx(hit / predicted.sum())
    assert calibration.best()["iou"] == max(row["iou"] for row in curve.values())
    assert 0 < calibration.average_precision() < 1


def test_a_perfect_prediction_has_an_average_precision_of_one():
    truth = np.random.default_rng(0).random((200, 200)) < 0.1
    calibration = ReliabilityDiagram()
    calibration.update(np.where(truth, 100, 0).astype(np.int8), truth)
    assert calibration.average_precision() == pytest.approx(1.0)


def test_grids_of_different_shapes_are_refused():
    with pytest.raises(EvaluationError, match="shape"):
        ReliabilityDiagram().update(np.zeros((3, 3), np.int8), np.zeros((4, 4), bool))


def test_a_level_is_scored_without_the_vehicles_of_other_levels():
    boxes = [car(10, 5, 4), car(-20, -8, 1)]
    score = VisibilityScore(GRID)
    score.update(np.where(vehicle_raster(boxes[:1], GRID), 100, 0).astype(np.int8), boxes)
    metrics = score.metrics()
    assert metrics["iou_visibility_80_100"] == 1.0
    assert metrics["recall_visibility_0_40"] == 0.0
    assert np.isnan(metrics["recall_visibility_40_60"])
