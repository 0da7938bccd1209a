from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset import CameraShot, Keyframe, LidarScan
from lss_bev_ros.dataset.timeline import next_start, recorded_time, timeline, with_mountings
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


sensor_offsets = st.lists(st.integers(0, 80), min_size=6, max_size=6)
"""Milliseconds after the start of a turn at which each camera fires."""


@given(
    rate=st.floats(0.01, 1.0),
    offsets=st.lists(sensor_offsets, min_size=1, max_size=4),
    scans=st.lists(st.integers(0, 2000), max_size=20, unique=True),
)
def test_a_slow_replay_publishes_a_turn_in_its_real_time(rate, offsets, scans):
    shots = [
        CameraShot(name, (turn * 500 + offset) * MS, Path("x"), CAMERA, Pose.identity(), is_key=True)
        for turn, of_turn in enumerate(offsets)
        for name, offset in zip(CAMERA_NAMES, of_turn, strict=True)
    ]
    shots += [LidarScan(at * MS, Path("x"), Pose.identity(), Pose.identity(), is_key=False) for at in scans]
    events = timeline(shots, (), rate)
    for turn, of_turn in enumerate(offsets):
        images = [
            event
            for event in events
            if isinstance(event.item, CameraShot) and event.item.stamp // (500 * MS) == turn
        ]
        assert [e.due - images[0].due for e in images] == [
            e.item.stamp - images[0].item.stamp for e in images
        ]
        assert images[-1].due - images[0].due == (max(of_turn) - min(of_turn)) * MS
    assert events[0].due == 0
    assert [event.due for event in events] == [event.stamp for event in events]
    assert [event.due for event in events] == sorted(event.due for event in events)
    assert [event.item.stamp for event in events] == sorted(event.item.stamp for event in events)


@given(rate=st.floats(0.05, 20.0), period=st.integers(150, 1000))
def test_scans_without_cameras_follow_each_other_at_the_rate(rate, period):
    scans = [
        LidarScan(turn * period * MS, Path("x"), Pose.identity(), Pose.identity(), is_key=False)
        for turn in range(5)
    ]
    events = timeline(scans, (), rate)
    assert [event.due for event in events] == [round(turn * period * MS / rate) for turn in range(5)]
    assert [event.stamp for event in events] == [event.due for event in events]


def test_a_scan_just_before_a_turn_keeps_its_distance_from_it():
    shots, _ = recording(2)
    early = LidarScan(shots[0].stamp - 20 * MS, Path("x"), Pose.identity(), Pose.identity(), is_key=False)
    events = timeline([*shots, early], (), rate=0.1)
    assert (events[0].due, events[1].due) == (0, 20 * MS)


@given(rate=st.floats(0.05, 10.0))
def test_the_recorded_time_never_goes_back(rate):
    events = with_mountings(timeline(*recording(3), rate), rate)
    times = []
    for before, event in zip([None, *events], events, strict=False):
        wait = event.due - (before.due if before else 0)
        times += [recorded_time(event, before, remaining, rate) for remaining in (wait, wait // 2, 0)]
        assert times[-1] == event.item.stamp
    assert times == sorted(times)
