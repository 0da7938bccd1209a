"""Boxes: corners, contents and what counts as a vehicle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lss_bev_ros.geometry import Box, Pose
from lss_bev_ros.geometry.box import corners_of
from lss_bev_ros.geometry.vehicle import RENAULT_ZOE

sizes = hnp.arrays(np.float64, 3, elements=st.floats(0.2, 20))
poses = st.builds(
    Pose.from_yaw, st.floats(-3.1, 3.1), hnp.arrays(np.float64, 3, elements=st.floats(-100, 100)).map(tuple)
)
boxes = st.builds(lambda pose, size: Box(pose, size, "vehicle.car"), poses, sizes)


@given(boxes)
def test_corners_lie_on_the_box(box):
    corners = box.corners()
    assert box.contains(corners, margin=1e-6).all()
    assert not box.contains(corners, margin=-1e-3).any()
    np.testing.assert_allclose(corners.mean(axis=0), box.pose.translation, atol=1e-9)
    assert np.ptp(corners[:, 2]) == pytest.approx(box.size[2])


@given(boxes)
def test_bottom_comes_first_counter_clockwise_from_front_left(box):
    corners = box.corners()
    assert (corners[:4, 2] < corners[4:, 2]).all()
    np.testing.assert_allclose(corners[:4, :2], corners[4:, :2], atol=1e-9)
    local = box.pose.inverse().apply(corners)
    assert (local[0, :2] > 0).all()
    x, y = corners[:4, :2].T
    area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    assert area == pytest.approx(box.size[0] * box.size[1])


@given(boxes, hnp.arrays(np.float64, (20, 3), elements=st.floats(-1.5, 1.5)))
def test_contents_are_those_of_the_box_frame(box, local):
    inside = (np.abs(local) < 0.999).all(axis=1)
    outside = (np.abs(local) > 1.001).any(axis=1)
    found = box.contains(box.pose.apply(local * box.size / 2))
    assert found[inside].all()
    assert not found[outside].any()


@pytest.mark.parametrize(
    ("category", "wanted"),
    [
        ("vehicle.car", True),
        ("vehicle.bicycle", True),
        ("vehicles", True),
        ("static_object.vehicles", False),
        ("human.pedestrian.adult", False),
    ],
)
def test_vehicles_are_what_lss_counts(category, wanted):
    assert Box(Pose.identity(), np.ones(3), category).is_vehicle is wanted


def test_the_car_covers_its_outline():
    outline = RENAULT_ZOE.outline
    assert np.ptp(outline[:, 0]) == pytest.approx(4.084)
    assert np.ptp(outline[:, 1]) == pytest.approx(1.730)
    assert RENAULT_ZOE.covers(outline * 0.999).all()
    assert not RENAULT_ZOE.covers(outline * 1.001).any()
    assert RENAULT_ZOE.covers(outline * 1.001, margin=0.1).all()


@given(st.lists(boxes, max_size=4))
def test_corners_of_many_are_those_of_each(many):
    together = corners_of(many)
    assert together.shape == (len(many), 8, 3)
    for box, corners in zip(many, together, strict=True):
        np.testing.assert_allclose(corners, box.corners(), atol=1e-9)
