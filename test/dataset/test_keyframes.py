"""Keyframes of a drive are half a second apart, and each has the image that is nearest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset.keyframes import KEYFRAME_PERIOD, keyframes, nearest, spans

MS = 1_000_000


@pytest.mark.parametrize(("period", "every"), [(50, 10), (100, 5), (500, 1), (1000, 1)])
def test_a_steady_lidar_gives_two_keyframes_a_second_or_all_it_has(period, every):
    stamps = np.arange(40) * period * MS
    assert keyframes(stamps).tolist() == list(range(0, 40, every))


@given(st.lists(st.integers(60, 140), min_size=1, max_size=80))
def test_keyframes_of_a_trembling_lidar_stay_half_a_second_apart(steps):
    stamps = np.cumsum(np.array(steps) * MS)
    rows = keyframes(stamps)
    assert rows[0] == 0
    apart = np.diff(stamps[rows])
    assert (apart > KEYFRAME_PERIOD - 70 * MS).all()
    assert (apart < KEYFRAME_PERIOD + 140 * MS).all()


def test_a_pause_or_a_break_begins_a_scene():
    stamps = np.array([0, 100, 200, 2000, 2100, 2200]) * MS
    assert list(spans(stamps, 1000 * MS)) == [slice(0, 3), slice(3, 6)]
    assert list(spans(stamps, 1000 * MS, [5])) == [slice(0, 3), slice(3, 5), slice(5, 6)]
    assert list(spans(stamps[:0], 1000 * MS)) == []


@given(
    st.lists(st.integers(0, 5000), max_size=60, unique=True).map(sorted),
    st.lists(st.integers(0, 5000), max_size=20, unique=True).map(sorted),
)
def test_no_image_is_of_two_keyframes_and_none_is_too_far(shots, wanted):
    shots, wanted = np.array(shots, np.int64), np.array(wanted, np.int64)
    rows = nearest(shots, wanted, 100)
    taken = rows[rows >= 0]
    assert len(set(taken.tolist())) == len(taken)
    for row, instant in zip(rows, wanted, strict=True):
        apart = np.abs(shots - instant)
        if row >= 0:
            assert apart[row] == apart.min() <= 100
        else:
            assert not len(apart) or apart.min() > 100 or np.argmin(apart) in taken or len(taken)
