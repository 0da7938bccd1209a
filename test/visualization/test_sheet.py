"""The sheet of a frame holds its parts, and does without those that are missing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid
from lss_bev_ros.visualization.sheet import frame_sheet

GRID = BevGrid()


def solid(color) -> np.ndarray:
    return np.full((90, 160, 3), color, np.uint8)


@pytest.mark.parametrize("width", [960, 1920])
def test_cameras_stand_in_two_rows_of_three(width):
    colors = {name: (40 * i + 30, 255 - 30 * i, 60) for i, name in enumerate(CAMERA_NAMES)}
    images = {name: solid(color) for name, color in colors.items()}
    sheet = frame_sheet(images, np.zeros(GRID.shape, np.int8), GRID, width=width)
    assert sheet.shape[1] == width
    assert sheet.dtype == np.uint8
    places = {name: np.argwhere((sheet == color).all(axis=-1)).mean(axis=0) for name, color in colors.items()}
    rows = [places[name][0] for name in CAMERA_NAMES]
    columns = [places[name][1] for name in CAMERA_NAMES]
    assert max(rows[:3]) < min(rows[3:])
    assert columns[0] < columns[1] < columns[2]
    assert columns[:3] == pytest.approx(columns[3:], abs=5)


def test_cameras_of_another_car_are_all_shown():
    names = ("cam_front", "cam_roof", "cam_left", "cam_right", "cam_rear", "cam_side_left", "cam_side_right")
    colors = {name: (30 * i + 30, 255 - 30 * i, 60) for i, name in enumerate(names)}
    images = {name: solid(color) for name, color in colors.items()}
    sheet = frame_sheet(images, np.zeros(GRID.shape, np.int8), GRID, width=960)
    places = [np.argwhere((sheet == colors[name]).all(axis=-1)).mean(axis=0) for name in names]
    rows = [round(place[0] / 10) for place in places]
    assert rows[:3] == [rows[0]] * 3
    assert rows[3:6] == [rows[3]] * 3
    assert rows[0] < rows[3] < rows[6]


def test_missing_parts_leave_a_sheet_of_the_same_size():
    occupancy = np.full(GRID.shape, -1, np.int8)
    bare = frame_sheet({}, occupancy, GRID, width=960)
    full = frame_sheet(
        {"cam_front": solid(9)},
        occupancy,
        GRID,
        truth=np.zeros(GRID.shape, bool),
        title="scene",
        subtitle="weights",
        metrics={"iou": math.nan, "precision": 0.5, "something": 1.0},
        width=960,
    )
    assert bare.shape == full.shape


def test_broken_jpeg_is_shown_as_no_image():
    occupancy = np.zeros(GRID.shape, np.int8)
    broken = frame_sheet({"cam_front": b"\xff\xd8\xff\xd9"}, occupancy, GRID, width=960)
    np.testing.assert_array_equal(broken, frame_sheet({}, occupancy, GRID, width=960))
