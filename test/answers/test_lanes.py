"""Lines that are drawn as probabilities come back as polylines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.answers.lanes import _follow, _thinned, trace_lines
from lss_bev_ros.errors import GeometryError
from lss_bev_ros.evaluation.lanes import distance_to_lines
from lss_bev_ros.geometry import BevGrid

GRID = BevGrid()


def ridge(lines, width=0.6, height=0.9):
    """Probability that falls off from lines (N, 2) in metres as a bell of a width in metres."""
    away = distance_to_lines(GRID.centers().reshape(-1, 2), lines).reshape(GRID.shape)
    return height * np.exp(-0.5 * (away / width) ** 2)


def curve(radius, start=0.0, end=1.2, count=30):
    angle = np.linspace(start, end, count)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def apart(one, other):
    """Metres from places all over lines, evenly, to the others."""
    dense = []
    for line in one:
        reach = np.concatenate([[0.0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
        places = np.linspace(0.0, reach[-1], 400)
        dense.append(np.stack([np.interp(places, reach, line[:, k]) for k in (0, 1)], 1))
    return distance_to_lines(np.concatenate(dense), other)


def worst(one, other):
    return apart(one, other).max()


@settings(max_examples=40)
@given(st.floats(-3.1, 3.1), st.floats(-20, 20), st.floats(-20, 20), st.floats(0.4, 0.9))
def test_a_straight_line_comes_back_to_a_part_of_a_cell(angle, x, y, width):
    way = 12.0 * np.array([np.cos(angle), np.sin(angle)])
    line = np.array([x, y]) + np.array([-way, way])
    (found,) = trace_lines(ridge([line], width), GRID)
    longer = np.array([x, y]) + 2 * np.array([-way, way])
    assert apart([found.points], [longer]).mean() < 0.1
    assert worst([found.points], [longer]) < 0.5  # an end may be bent
    # Its ends are the least certain; the bell's own rounding adds to them.
    assert worst([line], [found.points]) < 1.5
    assert 0.5 < found.score <= 0.9 + 1e-6


@settings(max_examples=20)
@given(st.floats(8, 40), st.floats(-3, 3))
def test_a_curve_comes_back(radius, start):
    line = curve(radius, start, start + 0.9)
    (found,) = trace_lines(ridge([line]), GRID)
    longer = curve(radius, start - 0.3, start + 1.2)
    assert apart([found.points], [longer]).mean() < 0.12
    assert worst([found.points], [longer]) < 0.5  # an end may be bent
    assert len(found.points) < 30


def test_parallel_lines_stay_apart():
    lines = [np.array([[-30.0, y], [30.0, y]]) for y in (-3.5, 0.0, 3.5)]
    found = trace_lines(ridge(lines), GRID)
    assert len(found) == 3
    assert sorted(round(line.points[:, 1].mean(), 1) for line in found) == [-3.5, 0.0, 3.5]


def test_lines_that_cross_go_straight_on():
    lines = [np.array([[-30.0, -2.0], [30.0, 1.0]]), np.array([[2.0, -30.0], [-3.0, 30.0]])]
    found = trace_lines(ridge(lines), GRID)
    assert len(found) == 2
    assert worst([line.points for line in found], lines) < 0.4


def test_a_closed_line_ends_where_it_begins():
    ring = curve(15.0, 0, 2 * np.pi, 80)
    (found,) = trace_lines(ridge([ring]), GRID)
    assert found.points[0] == pytest.approx(found.points[-1])
    assert worst([found.points], [ring]) < 0.2


def test_a_faint_stretch_is_followed_and_a_faint_line_is_not():
    line = np.array([[-20.0, 5.0], [20.0, 5.0]])
    certain = ridge([line])
    certain[95:105] *= 0.45
    (found,) = trace_lines(certain, GRID)
    assert np.ptp(found.points[:, 0]) > 38
    assert trace_lines(ridge([line], height=0.4), GRID) == []


def test_short_lines_are_left_out():
    assert trace_lines(ridge([np.array([[0.0, 0.0], [1.0, 0.0]])], width=0.3), GRID, min_length=3.0) == []


def test_nothing_gives_nothing_and_nan_is_nothing():
    assert trace_lines(np.zeros(GRID.shape), GRID) == []
    assert trace_lines(np.full(GRID.shape, np.nan), GRID) == []


def test_another_shape_is_refused():
    with pytest.raises(GeometryError, match="shape"):
        trace_lines(np.zeros((3, 3)), GRID)


blobs = st.integers(0, 2**31).map(
    lambda seed: cv2.GaussianBlur(np.random.default_rng(seed).random((60, 70)), (0, 0), 1.5) > 0.52
)


@settings(max_examples=40)
@given(blobs)
def test_thinning_keeps_parts_and_takes_all_but_one_cell(cells):
    thin = _thinned(cells)
    assert not (thin & ~cells).any()
    parts = [cv2.connectedComponents(each.astype(np.uint8), connectivity=8)[0] for each in (cells, thin)]
    assert parts[0] == parts[1]
    assert (_thinned(thin) == thin).all()


@settings(max_examples=40)
@given(blobs)
def test_paths_go_from_cell_to_neighbour_and_miss_no_long_line(cells):
    thin = _thinned(cells)
    paths = _follow(thin)
    for path in paths:
        steps = np.abs(np.diff(np.array(path), axis=0)).max(1)
        assert (steps == 1).all()
    seen = np.zeros_like(thin)
    for path in paths:
        seen[tuple(np.array(path).T)] = True
    # Only where thick lines cross does a path leave the thinned cells, by half of a bridge at most.
    around = cv2.dilate(thin.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert not (seen & ~around).any()
    near = cv2.dilate(seen.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    count, _, stats, _ = cv2.connectedComponentsWithStats((thin & ~near).astype(np.uint8), connectivity=8)
    assert all(stats[k, cv2.CC_STAT_AREA] <= 5 for k in range(1, count))


@given(blobs)
@settings(max_examples=20)
def test_any_map_gives_lines_on_it(cells):
    probability = np.zeros(GRID.shape)
    probability[20:80, 30:100] = np.where(cells, 0.8, 0.1)
    for line in trace_lines(probability, GRID):
        assert GRID.cells(line.points)[1].all()
        assert len(line.points) >= 2
        assert 0.3 <= line.score <= 0.8 + 1e-6
