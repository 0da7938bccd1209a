from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset import CameraShot, Keyframe, LidarScan
from lss_bev_ros.dataset.timeline import next_start, timeline
from lss_bev_ros.geometry import CAMERA_NAMES, Camera, Pose, Rig

MS = 1_000_000
CAMERA = Camera("cam_front", np.diag([1000.0, 1000.0, 1.0]), 1600, 900, Pose.identity())


def recording(turns, period=500, start=10_000):
    """Cameras that fire one after the other, 8 ms apart, and a scan with annotations at the end of a turn."""
    shots, keyframes = [], []
    for turn in range(turns):
        base = (start + turn * period) * MS
        for index, name in enumerate(CAMERA_NAMES):
            shots.append(
                CameraShot(name, base + index * 8 * MS, Path("x"), CAMERA, Pose.identity(), is_key=True)
            )
        scan = LidarScan(base + 45 * MS, Path("x"), Pose.identity(), Pose.identity(), is_key=True)
        shots.append(scan)
        keyframes.append(Keyframe(str(turn), "scene", scan.stamp, Rig((CAMERA,)), {}, scan))
    return shots, keyframes


def test_real_time_keeps_every_distance():
    events = timeline(*recording(3))
    stamps = [event.item.stamp for event in events]
    assert [event.stamp for event in events] == [stamp - stamps[0] for stamp in stamps]
    assert [event.due for event in events] == [event.stamp for event in events]


@given(rate=st.floats(0.1, 10.0))
def test_another_rate_moves_turns_not_the_sensors_within_one(rate):
    events = timeline(*recording(4), rate=rate)
    for turn in range(4):
        stamps = [event.stamp for event in events[turn * 8 : turn * 8 + 8]]
        assert [stamp - stamps[0] for stamp in stamps] == [0, 8 * MS, 16 * MS, 24 * MS, 32 * MS, 40 * MS] + [
            45 * MS
        ] * 2
    firsts = [events[turn * 8].due for turn in range(4)]
    assert np.diff(firsts) == pytest.approx([500 * MS / rate] * 3, abs=2)


def test_annotations_come_last_and_end_a_step():
    events = timeline(*recording(2))
    assert [type(event.item) for event in events[6:8]] == [LidarScan, Keyframe]
    assert [index for index, event in enumerate(events) if event.ends_step] == [7, 15]


def test_scenes_follow_each_other():
    first = timeline(*recording(2))
    second = timeline(*recording(2), start=next_start(first))
    assert second[0].due == first[-1].due + 500 * MS
    assert second[0].stamp > first[-1].stamp


def test_a_scene_without_recordings_has_no_events():
    assert timeline([], []) == []
