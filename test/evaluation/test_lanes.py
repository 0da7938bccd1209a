"""Lines scored by length and by cells."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import AnnotationScore
from lss_bev_ros.evaluation.lanes import BoundaryScore, LaneScore, distance_to_lines
from lss_bev_ros.geometry import BevGrid

GRID = BevGrid()
LINE = np.array([[-20.0, 3.0], [20.0, 3.0]])


def beside(metres, line=LINE):
    return line + np.array([0.0, metres])


def test_lines_that_equal_the_truth_score_one():
    metrics = LaneScore().update([LINE], [LINE])
    assert metrics["chamfer"] == 0.0
    assert metrics["f1"] == metrics["f1_0.5"] == 1.0


@pytest.mark.parametrize(("away", "right"), [(0.4, 3), (0.7, 2), (1.2, 1), (2.0, 0)])
def test_a_line_beside_is_right_within_its_distance(away, right):
    metrics = LaneScore().update([beside(away)], [LINE])
    assert metrics["chamfer"] == pytest.approx(away)
    assert sum(metrics[f"f1_{limit}"] for limit in ("0.5", "1", "1.5")) == right


def test_half_a_line_has_full_precision_and_half_the_recall():
    metrics = LaneScore().update([np.array([[-20.0, 3.0], [0.0, 3.0]])], [LINE])
    assert metrics["precision_0.5"] == 1.0
    assert metrics["recall_0.5"] == pytest.approx(0.5, abs=0.02)
    assert metrics["accuracy"] == 0.0
    assert metrics["completeness"] == pytest.approx((20 * 5 - 12.5) / 40, abs=0.05)  # cut at 5 m


def test_cutting_a_line_into_pieces_changes_nothing():
    pieces = [np.array([[x, 3.0], [x + 10.0, 3.0]]) for x in (-20.0, -10.0, 0.0, 10.0)]
    assert LaneScore().update(pieces, [LINE]) == pytest.approx(LaneScore().update([LINE], [LINE]))


def test_a_line_that_nobody_predicted_costs_the_cut():
    metrics = LaneScore(cut=5.0).update([], [LINE])
    assert metrics["completeness"] == metrics["chamfer"] == 5.0
    assert metrics["f1"] == 0.0
    assert math.isnan(metrics["accuracy"])


def test_no_lines_on_either_side_say_nothing():
    score = LaneScore()
    assert math.isnan(score.update([], [])["f1"])
    score.update([LINE], [LINE])
    assert score.running["f1"] == 1.0


def test_what_lies_outside_of_the_grid_does_not_count():
    long = np.array([[0.0, 3.0], [200.0, 3.0]])
    assert LaneScore(GRID).update([long], [np.array([[0.0, 3.0], [60.0, 3.0]])])["f1"] == 1.0
    assert LaneScore().update([long], [np.array([[0.0, 3.0], [60.0, 3.0]])])["f1"] < 0.6


def test_frames_count_by_their_length():
    score = LaneScore()
    score.update([LINE], [LINE])  # 40 m right
    score.update([], [np.array([[0.0, 0.0], [10.0, 0.0]])])  # 10 m missed
    assert score.running["recall_1"] == pytest.approx(0.8)
    assert score.last["recall_1"] == 0.0
    score.reset()
    assert math.isnan(score.running["f1"])


def test_average_precision_is_that_of_ranked_lines():
    score = LaneScore()
    # Right, false, right among two true lines.
    score.update([LINE, beside(20), beside(9.8)], [LINE, beside(10)], scores=[0.9, 0.8, 0.7])
    assert score.running["ap_0.5"] == pytest.approx((1.0 + 2 / 3) / 2)
    assert score.running["ap"] == pytest.approx(score.running["ap_0.5"])


def test_a_second_line_at_one_place_is_false_even_if_another_is_near():
    score = LaneScore()
    score.update([beside(0.1), beside(0.2)], [LINE, beside(1.2)], scores=[0.9, 0.8])
    assert score.running["ap_1.5"] == pytest.approx(0.5)


def test_without_scores_there_is_no_average_precision():
    score = LaneScore()
    score.update([LINE], [LINE])
    assert "ap" not in score.running
    with pytest.raises(EvaluationError, match="scores"):
        score.update([LINE], [LINE], scores=[0.5, 0.4])


points = st.tuples(st.floats(-50, 50), st.floats(-50, 50))
polylines = st.lists(points, min_size=2, max_size=5).map(np.array)


@settings(max_examples=50)
@given(st.lists(polylines, max_size=3), st.lists(points, min_size=1, max_size=5).map(np.array))
def test_distances_are_those_to_the_nearest_place(lines, places):
    dense = [
        start + share * (end - start)
        for line in lines
        for start, end in pairwise(line)
        for share in np.linspace(0, 1, 2000)[:, None]
    ]
    away = distance_to_lines(places, lines)
    if not lines:
        assert np.isinf(away).all()
        return
    plain = np.linalg.norm(places[:, None] - np.array(dense), axis=-1).min(1)
    assert away == pytest.approx(plain, abs=0.08)
    assert (away <= plain + 1e-9).all()


@settings(max_examples=30)
@given(st.lists(polylines, max_size=3), st.lists(polylines, max_size=3))
def test_precision_and_recall_change_places_with_the_sides(ours, theirs):
    one, other = LaneScore().update(ours, theirs), LaneScore().update(theirs, ours)
    assert one["precision_1"] == pytest.approx(other["recall_1"], nan_ok=True)
    assert one["f1"] == pytest.approx(other["f1"], nan_ok=True)
    assert one["chamfer"] == pytest.approx(other["chamfer"], nan_ok=True)


@pytest.mark.parametrize("line", [np.zeros((1, 2)), np.zeros(2), np.full((2, 2), np.nan), np.zeros((3, 1))])
def test_what_is_no_line_is_refused(line):
    with pytest.raises(EvaluationError, match="line"):
        LaneScore().update([line], [])


@pytest.mark.parametrize("options", [{"step": 0.0}, {"cut": -1.0}, {"limits": (9.0,)}])
def test_impossible_parameters_are_refused(options):
    with pytest.raises(EvaluationError, match="above 0"):
        LaneScore(**options)


# Cells.


def cells(*rows):
    raster = np.zeros(GRID.shape, bool)
    for i, j in rows:
        raster[i, j] = True
    return raster


def percent(raster):
    return np.where(raster, 90, 0).astype(np.int8)


COLUMN = [(i, 100) for i in range(50, 150)]


@pytest.mark.parametrize(("away", "iou"), [(0, 1.0), (1, 1.0), (2, 0.0)])
def test_a_line_one_cell_to_the_side_is_right(away, iou):
    moved = cells(*[(i, j + away) for i, j in COLUMN])
    assert BoundaryScore(GRID).update(percent(moved), cells(*COLUMN))["iou"] == iou


def test_half_of_a_line_has_an_iou_of_a_half():
    metrics = BoundaryScore(GRID).update(percent(cells(*COLUMN[:49])), cells(*COLUMN))
    assert metrics["precision"] == 1.0
    assert metrics["recall"] == 0.5  # 49 cells and the one beside
    assert metrics["iou"] == pytest.approx(0.5)


def test_a_thick_line_is_not_better_than_a_thin_one():
    thick = cells(*[(i, j + k) for i, j in COLUMN for k in (-2, -1, 0, 1, 2)])
    metrics = BoundaryScore(GRID).update(percent(thick), cells(*COLUMN))
    assert metrics["recall"] == 1.0
    assert metrics["precision"] == pytest.approx(0.6)


masks = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).random(GRID.shape) < 0.01)


@settings(max_examples=15)
@given(masks, masks)
def test_without_tolerance_it_is_the_usual_iou(ours, truth):
    line = BoundaryScore(GRID, tolerance=0).update(percent(ours), truth)
    area = AnnotationScore(GRID).update(percent(ours), truth)
    for name in ("iou", "precision", "recall"):
        assert line[name] == pytest.approx(area[name], nan_ok=True)


@settings(max_examples=15)
@given(masks, masks)
def test_more_tolerance_is_never_worse(ours, truth):
    ious = [BoundaryScore(GRID, tolerance=k).update(percent(ours), truth)["iou"] for k in range(4)]
    assert ious == sorted(ious)


def test_cells_whose_truth_nobody_knows_do_not_count():
    known = np.ones(GRID.shape, bool)
    known[100:] = False
    metrics = BoundaryScore(GRID).update(percent(cells(*COLUMN[:50])), cells(*COLUMN), known)
    assert metrics["iou"] == 1.0


def test_unknown_cells_are_not_predicted():
    metrics = BoundaryScore(GRID).update(np.full(GRID.shape, -1, np.int8), cells(*COLUMN))
    assert metrics["recall"] == metrics["iou"] == 0.0
    assert math.isnan(BoundaryScore(GRID).update(percent(cells()), cells())["iou"])


def test_a_negative_tolerance_is_refused():
    with pytest.raises(EvaluationError, match="tolerance"):
        BoundaryScore(GRID, tolerance=-1)
