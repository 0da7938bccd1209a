"""Stamps, rates and pauses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.doctor import CameraRecord, Recording, TopicRecord
from lss_bev_ros.doctor.clocks import check_clocks

NAMES = ("cam_a", "cam_b", "cam_c", "cam_d")
BEGIN = 1_700_000_000_000_000_000
S = 1_000_000_000


def recording(change=lambda name, times, stamps: (times, stamps), hz=12.0, seconds=20.0, **told):
    """Four cameras in step, 30 ms after exposure; `change` may take one out of it."""
    topics, cameras = {}, []
    draw = np.random.default_rng(0)
    for index, name in enumerate(NAMES):
        stamps = BEGIN + (np.arange(round(hz * seconds)) / hz * S).astype(np.int64) + index * 5_000_000
        times = stamps + 30_000_000 + draw.integers(0, 4_000_000, len(stamps))
        times, stamps = change(name, times, stamps)
        topic = f"/{name}/image_raw/compressed"
        topics[topic] = TopicRecord(
            topic, "sensor_msgs/msg/CompressedImage", len(times), (), np.array(times), np.array(stamps)
        )
        cameras.append(CameraRecord(name, image_topic=topic))
    return Recording("test", topics, tuple(cameras), start=BEGIN, end=BEGIN + round(seconds * S), **told)


def only(name, change):
    return lambda one, times, stamps: change(times, stamps) if one == name else (times, stamps)


def found(**options):
    return [(problem.code, problem.subject) for problem in check_clocks(recording(**options))]


def test_cameras_in_step_are_well():
    assert found() == []


def test_keyframes_at_two_hertz_are_well():
    assert found(hz=2.0) == []


def test_a_pause_of_all_sensors_is_one_of_the_recording():
    assert found(change=lambda name, times, stamps: (np.delete(times, range(60, 90)),) * 2) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda times, stamps: (times, stamps - 1_500_000_000), "clock.offset"),
        (lambda times, stamps: (times, stamps + 86_400 * S), "clock.offset"),
        (lambda times, stamps: (times, np.zeros_like(stamps)), "clock.zero"),
        (lambda times, stamps: (times, np.repeat(stamps[::2], 2)[: len(stamps)]), "clock.repeating"),
        (
            lambda times, stamps: (times, np.where(times > times[100], stamps - 5 * S, stamps)),
            "clock.backwards",
        ),
        (lambda times, stamps: (times, stamps - ((times - times[0]) * 0.01).astype(np.int64)), "clock.drift"),
        (lambda times, stamps: (times[::2], stamps[::2]), "rate.uneven"),
        (
            lambda times, stamps: (np.delete(times, range(50, 80)), np.delete(stamps, range(50, 80))),
            "rate.gaps",
        ),
    ],
)
def test_what_is_wrong_with_one_camera_is_named(change, code):
    assert (code, "cam_c") in found(change=only("cam_c", change))
    assert {subject for _, subject in found(change=only("cam_c", change))} == {"cam_c"}


def test_offsets_are_told_in_seconds():
    (problem,) = check_clocks(recording(only("cam_b", lambda times, stamps: (times, stamps - 1_500_000_000))))
    assert "1.5 s behind" in problem.text


def test_an_offset_shows_where_a_bag_has_stamps_for_times():
    (problem,) = check_clocks(recording(only("cam_b", lambda times, stamps: (stamps + 1_500_000_000,) * 2)))
    assert problem.code == "clock.offset"
    assert problem.subject == "cam_b"
    assert "ahead" in problem.text


def test_old_stamps_of_all_sensors_are_those_of_a_played_bag():
    played = recording(lambda name, times, stamps: (times, stamps - 3600 * S))
    problems = check_clocks(replace(played, source="live"))
    assert [problem.code for problem in problems] == ["clock.stale"]
    assert "use_sim_time" in problems[0].remedy


def test_a_camera_that_is_exposed_between_the_others_is_named():
    late = only("cam_c", lambda times, stamps: (times, stamps + 80_000_000))
    assert found(change=late, hz=5.0) == [("clock.spread", "cam_c")]


def test_slop_decides_what_belongs_together():
    late = only("cam_c", lambda times, stamps: (times, stamps + 80_000_000))
    assert found(change=late, hz=5.0, slop=0.1) == []
