"""Pictures are the right way round and show what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.visualization import bev_image, bev_pixels, lidar_image, palette, truth_image

GRID = BevGrid()


def occupied_pixels(picture: np.ndarray) -> np.ndarray:
    """(row, column) of the pixels in the colour of certainty."""
    return np.argwhere((picture == palette.probability_colors()[100]).all(axis=-1))


@given(st.integers(0, 199), st.integers(0, 199), st.integers(1, 5))
def test_cell_is_where_its_place_in_the_picture_is(i, j, scale):
    occupancy = np.zeros(GRID.shape, np.int8)
    occupancy[i, j] = 100
    center = GRID.centers()[i, j]
    # Away from the car and the rings, which are drawn over the cells.
    distance = np.hypot(*center)
    if distance < 5 or abs(distance / 10 - round(distance / 10)) * 10 < 1:
        return
    rows, columns = occupied_pixels(bev_image(occupancy, GRID, scale)).T
    assert len(rows) == scale * scale
    column, row = bev_pixels(center, GRID, scale)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((column, row))


def test_ahead_left_is_up_left():
    occupancy = np.zeros(GRID.shape, np.int8)
    index, _ = GRID.cells(np.array([25.0, 15.0]))
    occupancy[tuple(index)] = 100
    row, column = occupied_pixels(bev_image(occupancy, GRID, 4)).mean(axis=0)
    assert row < 400 > column


def test_unknown_differs_from_free_and_from_every_probability():
    assert (
        not (np.array([palette.UNKNOWN, palette.UNKNOWN_STRIPE])[:, None] == palette.probability_colors())
        .all(axis=-1)
        .any()
    )
    free = bev_image(np.zeros(GRID.shape, np.int8), GRID)
    unknown = bev_image(np.full(GRID.shape, -1, np.int8), GRID)
    assert (free != unknown).any(axis=-1).mean() > 0.9


def test_lightness_rises_with_probability():
    lightness = palette.probability_colors() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] > 200 > 60 > lightness[0]


def test_truth_outlines_and_dots_are_drawn_where_they_are():
    truth = np.zeros(GRID.shape, bool)
    truth[160:170, 130:134] = True
    picture = bev_image(np.zeros(GRID.shape, np.int8), GRID, 4, truth, np.array([[10.3, -20.1, 0.0]]))
    rows, columns = np.argwhere((picture == palette.TRUTH).all(axis=-1)).T
    assert (rows.min(), columns.min()) == pytest.approx(((200 - 170) * 4, (200 - 134) * 4), abs=2)
    ((row, column),) = np.argwhere((picture == palette.OBSTACLE).all(axis=-1))
    assert (column, row) == tuple(np.floor(bev_pixels(np.array([10.3, -20.1]), GRID, 4)))


def test_the_car_looks_forward_from_its_rear_axle():
    picture = truth_image(np.zeros(GRID.shape, bool), GRID, 8)
    rows, columns = np.argwhere((picture == palette.EGO).all(axis=-1)).T
    # 3.4 m ahead of the axle and 0.7 m behind it, at 16 px a metre.
    assert rows.min() == pytest.approx(800 - 3.427 * 16, abs=2)
    assert rows.max() == pytest.approx(800 + 0.657 * 16, abs=2)
    assert columns.mean() == pytest.approx(800, abs=1)


def test_dots_outside_and_other_grids_are_no_trouble():
    grid = BevGrid(0.0, 30.0, -10.0, 10.0, 1.0)
    picture = bev_image(np.full(grid.shape, 50), grid, 3, points=np.array([[1e6, 0.0], [-5.0, 0.0]]))
    assert picture.shape == (90, 60, 3)
    assert picture.dtype == np.uint8


def test_lidar_picture_shows_three_kinds():
    occupied, free = np.zeros((2, *GRID.shape), bool)
    occupied[150, 150] = free[20, 20] = True
    picture = lidar_image(occupied, free, GRID, 4)
    assert (picture == palette.OBSTACLE).all(axis=-1).sum() == 16
    assert (picture == palette.FREE).all(axis=-1).sum() == 16


def test_other_shape_is_refused():
    with pytest.raises(EvaluationError, match="cannot be drawn"):
        bev_image(np.zeros((3, 3), np.int8), GRID)
