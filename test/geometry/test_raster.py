"""The vehicle raster: LSS's own on a synthetic frame (on a real one: test_nuscenes.py), and beyond."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset import vehicle_raster
from lss_bev_ros.geometry import BevGrid, Box, Pose
from lss_bev_ros.geometry.raster import draw_line, fill_rings, to_cells

GRID = BevGrid()


def vehicle(x=0.0, y=0.0, yaw=0.0, length=4.0, width=2.0, category="vehicle.car", points=5) -> Box:
    size = np.array([length, width, 1.5])
    return Box(Pose.from_yaw(yaw, (x, y, 0.8)), size, category, num_lidar_pts=points)


def test_the_raster_is_that_of_the_published_code():
    golden = np.load(Path(__file__).resolve().parents[1] / "golden" / "golden.npz")
    names = ("box_categories", "box_centers", "box_sizes", "box_rotations")
    boxes = [
        Box(Pose.from_quaternion(rotation, center), np.array([length, width, height]), str(category))
        for category, center, (width, length, height), rotation in zip(
            *(golden[name] for name in names), strict=True
        )
    ]
    np.testing.assert_array_equal(vehicle_raster(boxes, GRID), golden["vehicle_raster"])


def test_box_fills_its_cells_and_the_border_that_lss_adds():
    raster = vehicle_raster([vehicle(x=10.0, y=5.0)], GRID)
    i, j = np.nonzero(raster)
    # Corners at 8 and 12 m are the cell indices 116 and 124, and both ends are filled.
    assert (i.min(), i.max(), j.min(), j.max()) == (116, 124, 108, 112)
    assert raster.sum() == 9 * 5


@pytest.mark.parametrize("category", ["human.pedestrian.adult", "movable_object.barrier", "animal"])
def test_other_objects_are_left_out(category):
    assert not vehicle_raster([vehicle(category=category)], GRID).any()


def test_bicycles_count_as_in_lss():
    assert vehicle_raster([vehicle(category="vehicle.bicycle")], GRID).any()


def test_vehicles_without_returns_can_be_left_out():
    boxes = [vehicle(points=0)]
    assert vehicle_raster(boxes, GRID).any()
    assert not vehicle_raster(boxes, GRID, min_lidar_pts=1).any()


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6), yaw=st.floats(-4, 4))
def test_vehicles_anywhere_cover_their_own_centre_or_nothing(x, y, yaw):
    raster = vehicle_raster([vehicle(x, y, yaw)], GRID)
    index, inside = GRID.cells(np.array([x, y]))
    if inside:
        assert raster[tuple(index)]
    if max(abs(x), abs(y)) > 60.0:
        assert not raster.any()


@given(resolution=st.sampled_from([0.25, 0.5, 1.0]), x=st.floats(-20, 20), y=st.floats(-20, 20))
def test_area_is_that_of_the_vehicle_within_its_border(resolution, x, y):
    grid = BevGrid(-30.0, 30.0, -30.0, 30.0, resolution)
    area = vehicle_raster([vehicle(x, y, length=6.0, width=2.0)], grid).sum() * resolution**2
    assert 6.0 * 2.0 - 8 * resolution <= area <= (6.0 + 2 * resolution) * (2.0 + 2 * resolution)


SMALL = BevGrid(-5.0, 5.0, -5.0, 5.0, 0.5)


def filled(*rings) -> np.ndarray:
    canvas = np.zeros(SMALL.shape, bool)
    fill_rings(canvas, [to_cells(np.asarray(ring, float), Pose.identity(), SMALL) for ring in rings])
    return canvas


def square(low: float, high: float) -> list[tuple[float, float]]:
    return [(low, low), (high, low), (high, high), (low, high)]


def test_a_cell_is_of_an_area_where_its_centre_is():
    x, y = np.moveaxis(SMALL.centers(), -1, 0)
    np.testing.assert_array_equal(
        filled(square(-1.3, 2.2)), (np.abs(x - 0.45) < 1.75) & (np.abs(y - 0.45) < 1.75)
    )
    assert filled(square(-1.3, -1.25 + 0.001)).sum() == 1
    assert not filled(square(-1.2, -0.8)).any(), "no centre lies in it"


def test_holes_are_left_out_and_what_lies_in_them_is_not():
    ring, hole, island = filled(square(-4, 4)), filled(square(-3, 3)), filled(square(-1, 1))
    np.testing.assert_array_equal(filled(square(-4, 4), square(-3, 3)), ring & ~hole)
    np.testing.assert_array_equal(filled(square(-4, 4), square(-3, 3), square(-1, 1)), ring & ~hole | island)


def test_areas_that_share_a_side_leave_no_gap_and_share_no_cell():
    left = [(-4, -4), (0.25, -4), (0.25, 4), (-4, 4)]
    right = [(0.25, -4), (4, -4), (4, 4), (0.25, 4)]
    assert not (filled(left) & filled(right)).any()
    np.testing.assert_array_equal(filled(left) | filled(right), filled(square(-4, 4)))


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=3, max_size=8),
    st.floats(-4, 4),
)
def test_any_ring_fills_what_a_ray_to_the_border_leaves_an_odd_number_of_times(ring, yaw):
    ego = Pose.from_yaw(yaw, (1.0, -2.0, 0.0))
    cells = to_cells(np.array(ring), ego, SMALL)
    canvas = np.zeros(SMALL.shape, bool)
    fill_rings(canvas, [cells])
    expected, unsure = np.zeros(SMALL.shape, bool), np.zeros(SMALL.shape, bool)
    i, j = np.indices(SMALL.shape)
    for (x0, y0), (x1, y1) in zip(cells, np.roll(cells, -1, 0), strict=True):
        crosses = (x0 > i) != (x1 > i)
        with np.errstate(divide="ignore", invalid="ignore"):
            place = y0 + (i - x0) * (y1 - y0) / (x1 - x0)
        expected ^= crosses & (place <= j)
        unsure |= crosses & (np.abs(place - j) < 1e-6)
    # Of a centre on an edge itself rounding decides.
    assert not ((canvas != expected) & ~unsure).any()


def test_places_turn_with_the_car():
    ego = Pose.from_yaw(np.pi / 2, (10.0, 20.0, 3.0))
    # One metre ahead of the car, which looks along y.
    np.testing.assert_allclose(to_cells(np.array([[10.0, 21.0]]), ego, SMALL), [[11.5, 9.5]])


def test_a_line_marks_the_cells_that_it_passes_through():
    canvas = np.zeros(SMALL.shape, np.uint8)
    draw_line(canvas, to_cells(np.array([[-9.0, 0.3], [9.0, 0.3]]), Pose.identity(), SMALL), closed=False)
    np.testing.assert_array_equal(np.argwhere(canvas)[:, 1], np.full(20, 10))
    far = np.zeros(SMALL.shape, np.uint8)
    draw_line(far, np.array([[1e9, 0.0], [1e9, 5.0]]), closed=True)
    draw_line(far, np.zeros((0, 2)), closed=False)
    assert not far.any()
