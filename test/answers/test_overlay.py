from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.answers.overlay import densify, project_lines
from lss_bev_ros.geometry import Camera, Lens, Pose

FORWARD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
K = np.array([[800.0, 0, 800], [0, 800.0, 450], [0, 0, 1]])
LENSES = {
    "pinhole": Lens(),
    "plumb_bob": Lens("plumb_bob", (-0.3, 0.1, 1e-3, -5e-4, 0.0)),
    "fisheye": Lens("equidistant", (0.02, -0.01, 0.0, 0.0)),
}


def camera(lens="pinhole", yaw=0.0):
    turn = Pose.from_yaw(yaw).rotation
    return Camera("cam", K, 1600, 900, Pose(turn @ FORWARD, np.array([1.5, 0.0, 1.5])), LENSES[lens])


@pytest.mark.parametrize("lens", LENSES)
def test_every_point_of_a_line_is_where_the_camera_has_it(lens):
    line = np.array([(6.0, -2.0), (30.0, -2.0), (40.0, 5.0)])
    ((piece,),) = project_lines([line], camera(lens))
    places = np.column_stack([densify(line, 0.5), np.zeros(len(densify(line, 0.5)))])
    expected, _ = camera(lens).project(places)
    np.testing.assert_allclose(piece, expected, atol=1e-3)


def test_a_line_that_begins_behind_the_camera_is_cut_before_it():
    ((piece,),) = project_lines([np.array([(-20.0, 1.0), (30.0, 1.0)])], camera())
    assert np.isfinite(piece).all()
    assert piece[-1] == pytest.approx(camera().project(np.array([30.0, 1.0, 0.0]))[0], abs=1e-3)
    assert (piece[:, 1] > 450).all()  # below the horizon: nothing of behind was folded over


def test_what_is_behind_or_beside_the_image_is_not_there():
    lines = [np.array([(-5.0, 0.0), (-30.0, 0.0)]), np.array([(5.0, 60.0), (10.0, 80.0)]), np.empty((0, 2))]
    assert project_lines(lines, camera()) == [[], [], []]


def test_a_line_that_leaves_the_image_and_comes_back_has_two_pieces():
    line = np.array([(10.0, 0.0), (10.0, 40.0), (80.0, 40.0), (80.0, 0.0)])
    (pieces,) = project_lines([line], camera())
    assert len(pieces) == 2


def test_beyond_a_lens_nothing_is_drawn():
    line = np.array([(1.9, -30.0), (1.9, 30.0)])  # across, just before the camera: up to 89 degrees aside
    (pieces,) = project_lines([line], camera("plumb_bob"))
    for piece in pieces:
        assert np.isfinite(piece).all()


def test_a_smaller_image_shows_the_same_view():
    line = np.array([(6.0, -2.0, 0.3), (30.0, -2.0, 0.3)])
    ((full,),) = project_lines([line], camera())
    ((half,),) = project_lines([line], camera(), size=(800, 450))
    np.testing.assert_allclose(half + 0.5, (full + 0.5) / 2, atol=1e-3)


def test_points_are_added_and_none_is_lost():
    line = np.array([(0.0, 0.0), (1.2, 0.0), (1.2, 0.1)])
    dense = densify(line, 0.5)
    np.testing.assert_allclose(dense, [(0, 0), (0.4, 0), (0.8, 0), (1.2, 0), (1.2, 0.1)], atol=1e-12)
    assert len(densify(line[:1], 0.5)) == 1
