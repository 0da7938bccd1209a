from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dashboard.packing import MAX_POINTS, pack, pack_frame, unpack
from lss_bev_ros.dashboard.scene import Frame
from lss_bev_ros.geometry import BevGrid, Box, Pose

WORDS = st.text('ab_"\\\n é😀', max_size=12)


@given(
    header=st.dictionaries(WORDS, st.integers() | WORDS),
    blobs=st.dictionaries(WORDS, st.binary(max_size=200), max_size=12),
)
def test_what_is_packed_comes_out_again(header, blobs):
    assert unpack(pack(header, blobs)) == (header, blobs)


def test_a_frame_carries_what_there_is():
    boxes = [Box(Pose.from_yaw(0.3, (5.0, 1.0, 1.0)), np.array([4.0, 2.0, 1.5]), "vehicle.car")]
    occupancy = np.arange(40000).reshape(200, 200).astype(np.int8)
    points = np.array([[1.234, -2.0, 0.5], [51.0, 0.0, 0.0]], np.float32)
    frame = Frame(1_500_000_000, occupancy=occupancy, boxes=boxes, points=points, latency_ms=80.0)
    header, blobs = unpack(pack_frame(frame, {"a": b"jpeg"}, ("a", "b")))
    assert header["stamp"] == 1.5
    assert header["categories"] == ["vehicle.car"]
    assert header["cameras"] == [{"name": "a", "calibration": None}, {"name": "b", "calibration": None}]
    assert blobs["a"] == b"jpeg"
    assert (np.frombuffer(blobs["occupancy"], np.int8).reshape(200, 200) == occupancy).all()
    corners = np.frombuffer(blobs["boxes"], np.float32).reshape(1, 8, 3)
    assert corners[0] == pytest.approx(boxes[0].corners(), abs=1e-5)
    assert np.frombuffer(blobs["points"], np.int16).reshape(-1, 3).tolist() == [[123, -200, 50]]


def test_what_is_not_there_is_absent():
    header, blobs = unpack(pack_frame(Frame(0), {}, ("a",)))
    assert not blobs
    assert "categories" not in header


@given(st.integers(0, 5 * MAX_POINTS))
def test_points_are_thinned_out_to_a_limit(count):
    points = np.zeros((count, 3), np.float32)
    _, blobs = unpack(pack_frame(Frame(0, points=points), {}, ()))
    kept = len(blobs["points"]) // 6
    assert kept <= MAX_POINTS
    assert kept == count or kept >= MAX_POINTS // 2


def test_cells_of_another_grid_keep_their_order():
    grid = BevGrid(0.0, 10.0, -5.0, 5.0, 1.0)
    occupancy = np.arange(100, dtype=np.int8).reshape(10, 10).T  # not contiguous
    header, blobs = unpack(pack_frame(Frame(0, grid=grid, occupancy=occupancy), {}, ()))
    assert header["grid"] == {"x_min": 0.0, "y_min": -5.0, "resolution": 1.0, "shape": [10, 10]}
    assert np.frombuffer(blobs["occupancy"], np.int8).reshape(10, 10).tolist() == occupancy.tolist()
