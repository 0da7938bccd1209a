"""The picture of a moment: left is left, ahead is up, and what is near hides what is far."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.geometry import BevGrid, Box, Camera, Pose, Rig
from lss_bev_ros.visualization import palette
from lss_bev_ros.visualization.layers import LAYER_COLORS, PLAN, PROMPT, layer_colors
from lss_bev_ros.visualization.moment import (
    ShownMoment,
    ShownVoxels,
    camera_picture,
    map_picture,
    moment_sheet,
)
from lss_bev_ros.visualization.space import View, voxel_image

AHEAD = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([1.5, 0.0, 1.6]))
FRONT = Camera("cam_front", np.array([[200.0, 0, 160], [0, 200.0, 90], [0, 0, 1]]), 320, 180, AHEAD)


def places(picture, color, slack=12):
    """Mean row and column of a colour's pixels."""
    found = np.argwhere((np.abs(picture.astype(int) - color) < slack).all(axis=-1))
    assert len(found), f"no {color}"
    return found.mean(axis=0)


def moment(**parts):
    return ShownMoment(BevGrid(), Rig((FRONT,)), {"cam_front": np.zeros((180, 320, 3), np.uint8)}, **parts)


def test_a_higher_layer_covers_a_lower_one_and_an_unlikely_cell_shows_nothing():
    grid = BevGrid(0.0, 2.0, 0.0, 1.0, 1.0)
    layers = {"crossing": np.array([[100], [0]]), "drivable": np.array([[100], [100]])}
    colors = layer_colors({**layers, "walkway": np.full((2, 1), -1)}, grid)
    assert colors[:, 0].tolist() == [list(LAYER_COLORS["crossing"]), list(LAYER_COLORS["drivable"])]
    assert layer_colors({"a text": np.full((2, 1), 90)}, grid)[0, 0].tolist() == list(PROMPT)
    with pytest.raises(EvaluationError, match="cannot be drawn"):
        layer_colors({"drivable": np.zeros((1, 1))}, grid)


def test_ahead_is_up_and_left_is_left():
    drivable = np.zeros((200, 200), np.int8)
    drivable[160:170, 150:160] = 100  # 30 m ahead, 25 m to the left
    picture = map_picture(moment(layers={"drivable": drivable}), scale=2)
    row, column = places(picture, LAYER_COLORS["drivable"])
    assert (row, column) == pytest.approx((69.5, 89.5), abs=1)


def test_the_plan_and_what_moves_are_drawn_into_the_map_and_the_camera():
    car = Box(
        Pose.from_yaw(0.0, (20.0, 5.0, 0.8)), np.array([4.0, 2.0, 1.6]), "car", velocity=np.array([8.0, 0.0])
    )
    plan = np.stack([np.arange(1, 7) * 4.0, np.zeros(6)], axis=1)
    shown = moment(objects=[car], plan=plan, lines={"lane_boundary": [np.array([[3.0, -2.0], [40.0, -2.0]])]})
    above = map_picture(shown, scale=4)
    assert places(above, palette.TRUTH)[1] < 400 < places(above, LAYER_COLORS["lane_boundary"], 70)[1]
    assert places(above, PLAN)[0] < 400
    image = camera_picture(shown, "cam_front", 320)
    assert places(image, palette.TRUTH)[1] < 160 < places(image, LAYER_COLORS["lane_boundary"], 70)[1]
    assert places(image, PLAN)[1] == pytest.approx(159.5, abs=2)
    assert moment_sheet(shown, 900).shape[1] == 900


def test_a_near_voxel_hides_a_far_one_and_left_is_left():
    red, blue = (200, 0, 0), (0, 0, 200)
    view = View((-10.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    cells, colors = np.array([[0, 0, 0], [5, 0, 0]]), np.array([red, blue], np.uint8)
    picture = voxel_image(cells, colors, (0.0, -0.5, 0.5), (1.0, 1.0, 1.0), (200, 200), view)
    assert picture[100, 100, 2] == 0 < picture[100, 100, 0]
    cells = np.array([[0, 0, 0], [0, 6, 0]])
    picture = voxel_image(cells, colors, (0.0, -3.5, 0.5), (1.0, 1.0, 1.0), (200, 200), view)
    assert (
        np.argwhere(picture[..., 2] > 100).mean(axis=0)[1]
        < np.argwhere(picture[..., 0] > 100).mean(axis=0)[1]
    )
    assert (
        voxel_image(np.empty((0, 3)), np.empty((0, 3)), (0, 0, 0), (1, 1, 1), (4, 4)) == palette.PAGE
    ).all()


def test_voxels_are_on_the_sheet():
    voxels = ShownVoxels(
        np.array([[100, 100, 3]]), np.array([[250, 40, 40]], np.uint8), (-50.0, -50.0, -1.0), (0.5, 0.5, 0.4)
    )
    sheet = moment_sheet(moment(voxels=voxels), 900)
    assert (sheet[220:, 600:, 0].astype(int) - sheet[220:, 600:, 2] > 100).any()
