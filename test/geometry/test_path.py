from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.geometry.path import headings


def test_headings_follow_the_path_and_stay_when_the_car_stands():
    corner = np.array([[0, 0], [5, 0], [10, 0], [10, 5], [10, 10], [10, 10], [10, 10.0]])
    turned = np.degrees(headings(corner))
    assert turned[:2] == pytest.approx([0, 0])
    assert turned[2] == pytest.approx(45)
    assert turned[3:] == pytest.approx([90] * 4)


@given(turn=st.floats(0.05, 0.3), side=st.sampled_from((-1, 1)), radius=st.floats(5.0, 50.0))
def test_on_an_arc_a_car_looks_along_the_tangent(turn, side, radius):
    angles = turn * np.arange(7)
    arc = radius * np.column_stack([np.sin(angles), side * (1 - np.cos(angles))])
    assert headings(arc)[:-1] == pytest.approx(side * angles[:-1], abs=1e-6)


def test_of_no_place_and_of_one_there_is_little_to_say():
    assert headings(np.zeros((0, 2))).shape == (0,)
    assert headings(np.zeros((1, 2))).tolist() == [0.0]
