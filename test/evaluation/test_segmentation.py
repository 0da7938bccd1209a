"""Several layers, each scored as if it were alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import AnnotationScore
from lss_bev_ros.evaluation.segmentation import AREAS, SegmentationScore
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.geometry.classes import LINES

GRID = BevGrid()


def drawn(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(GRID.shape) < 0.3
    return np.where(rng.random(GRID.shape) < 0.1, 80, np.where(truth, 60, 20)).astype(np.int8), truth


def test_a_layer_scores_as_vehicles_do():
    occupancy, truth = drawn(0)
    metrics = SegmentationScore(GRID).update({"drivable": occupancy}, {"drivable": truth})
    alone = AnnotationScore(GRID).update(occupancy, truth)
    assert metrics["iou_drivable"] == metrics["miou"] == alone["iou"]
    assert metrics["iou_drivable_10_20"] == alone["iou_10_20"]
    assert metrics["recall_drivable"] == alone["recall"]


def test_lines_may_be_a_cell_aside_and_areas_may_not():
    truth = np.zeros(GRID.shape, bool)
    truth[100] = True
    moved = np.where(np.roll(truth, 1, 0), 90, 0).astype(np.int8)
    layers = {"road_boundary": moved, "crossing": moved}
    metrics = SegmentationScore(GRID).update(layers, dict.fromkeys(layers, truth))
    assert metrics["iou_road_boundary"] == 1.0
    assert metrics["iou_crossing"] == 0.0
    assert metrics["miou"] == 0.5


def test_a_layer_without_truth_is_not_scored():
    occupancy, truth = drawn(1)
    score = SegmentationScore(GRID)
    metrics = score.update({"drivable": occupancy, "walkway": occupancy}, {"drivable": truth})
    assert not any("walkway" in name for name in metrics)
    score.update({"walkway": occupancy}, {"walkway": truth})
    assert score.last["miou"] == score.last["iou_walkway"]
    assert score.running["miou"] == pytest.approx(
        (score.running["iou_walkway"] + score.running["iou_drivable"]) / 2
    )


def test_each_layer_has_its_threshold():
    occupancy, truth = drawn(2)
    low = SegmentationScore(GRID, thresholds={"person": 0.1}).update({"person": occupancy}, {"person": truth})
    assert low["recall_person"] == 1.0
    assert low["precision_person"] < 0.4


def test_unknown_truth_does_not_count():
    _, truth = drawn(3)
    known = np.zeros(GRID.shape, bool)
    known[:50] = True
    right = np.where(known & truth, 90, 0).astype(np.int8)
    score = SegmentationScore(GRID)
    assert score.update({"drivable": right}, {"drivable": truth}, {"drivable": known})["iou_drivable"] == 1.0


def test_nothing_scored_is_nan_and_reset_forgets():
    score = SegmentationScore(GRID)
    assert math.isnan(score.running["miou"])
    assert score.last == {}
    occupancy, truth = drawn(4)
    score.update({"vehicle": occupancy}, {"vehicle": truth})
    score.reset()
    assert math.isnan(score.running["miou"])


def test_unknown_layers_are_named():
    with pytest.raises(EvaluationError, match="river"):
        SegmentationScore(GRID, thresholds={"river": 0.5})
    with pytest.raises(EvaluationError, match="river"):
        SegmentationScore(GRID).update({"river": np.zeros(GRID.shape, np.int8)}, {})


def test_the_layers_are_those_that_the_network_answers():
    senses = pytest.importorskip("lss_bev_ros.model.senses")
    assert set(senses.SEGMENTS) == {*AREAS, *LINES}
