"""The vehicle raster: LSS's own on a synthetic frame (on a real one: test_nuscenes.py), and beyond."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset import vehicle_raster
from lss_bev_ros.geometry import BevGrid, Box, Pose

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
