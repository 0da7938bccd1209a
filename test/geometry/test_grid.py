"""Grid cells: centres lie in their cells, and every point inside lies in one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import BevGrid

grids = st.builds(
    lambda x, y, nx, ny, r: BevGrid(x, x + nx * r, y, y + ny * r, r),
    st.integers(-60, 10).map(float),
    st.integers(-60, 10).map(float),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0, 2.0]),
)


@given(grids)
def test_centres_lie_in_their_cells(grid):
    index, inside = grid.cells(grid.centers())
    assert inside.all()
    i, j = np.indices(grid.shape)
    np.testing.assert_array_equal(index[..., 0], i)
    np.testing.assert_array_equal(index[..., 1], j)


@given(grids, st.floats(-100, 100), st.floats(-100, 100))
def test_inside_is_within_the_bounds(grid, x, y):
    (i, j), inside = grid.cells(np.array([x, y, 7.0]))
    low, high = np.array([grid.x_min, grid.y_min]), np.array([grid.x_max, grid.y_max])
    margin = 1e-6
    if ((low + margin <= [x, y]) & ([x, y] <= high - margin)).all():
        assert inside
        assert abs(grid.centers()[i, j] - [x, y]).max() <= grid.resolution / 2 + 1e-9
    if (([x, y] < low - margin) | ([x, y] > high + margin)).any():
        assert not inside


def test_default_is_the_grid_of_lss():
    grid = BevGrid()
    assert grid.shape == (200, 200)
    assert grid.centers()[0, 0].tolist() == [-49.75, -49.75]
    (i, j), inside = grid.cells(np.array([49.99, -50.0]))
    assert (i, j, inside) == (199, 0, True)


@pytest.mark.parametrize("point", [[np.nan, 0.0], [0.0, np.inf], [-np.inf, np.nan], [1e300, 0.0]])
def test_points_that_are_nowhere_are_outside(point):
    _, inside = BevGrid().cells(np.array(point))
    assert not inside


@pytest.mark.parametrize(
    "bounds",
    [
        (0, 0, 0, 1, 1),
        (0, 1, 1, 0, 1),
        (0, 1, 0, 1, 0),
        (0, 1, 0, 1, -1),
        (0, 1, 0, 1, np.nan),
        (0, np.nan, 0, 1, 1),
        (0, np.inf, 0, 1, 1),
        (0, 0.1, 0, 1, 1),
        (0, 1, 0, 1.25, 0.5),
    ],
)
def test_impossible_grids_are_refused(bounds):
    with pytest.raises(GeometryError):
        BevGrid(*bounds)
