"""One transform of another time costs itself alone; a clock that is set anew is followed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.time import Time

from lss_bev_ros import messages
from lss_bev_ros.geometry import Pose
from lss_bev_ros.nodes import transform_buffer
from lss_bev_ros.nodes.transform_buffer import TransformBuffer

NOW = 1_700_000_000
SECOND = 10**9
FAR = 2_100_000_000
"""Seconds; a time that the gate lets through."""


class Car:
    """Publishes where the car is, at 10 Hz of a clock that the test moves."""

    def __init__(self, monkeypatch):
        self.refused = []
        self.buffer = TransformBuffer(self.refused.append)
        self.steady = 100.0
        monkeypatch.setattr(transform_buffer.time, "monotonic", lambda: self.steady)

    def says(self, seconds, x, child="base_link", after=0.1):
        self.steady += after
        pose = Pose.from_yaw(0.0, (x, 0.0, 0.0))
        stamp = round(seconds * SECOND)
        self.buffer.set_transform(messages.transform(pose, "odom", child, stamp), "test")

    def is_at(self):
        return self.buffer.lookup_transform("odom", "base_link", Time()).transform.translation.x


@pytest.fixture
def car(monkeypatch):
    return Car(monkeypatch)


@pytest.mark.parametrize("wrong", [FAR, NOW - 3600.0, NOW + 20.0])
def test_one_transform_of_another_time_is_refused_and_the_next_one_counts(car, wrong):
    car.says(NOW, 1.0)
    car.says(wrong, 99.0)
    assert car.is_at() == 1.0
    car.says(NOW + 0.2, 2.0)
    assert car.is_at() == 2.0
    assert len(car.refused) == 1
    assert "'base_link'" in car.refused[0]


def test_a_publisher_of_another_clock_beside_the_good_one_never_counts(car):
    for step in range(20):
        car.says(NOW + step / 10, step)
        car.says(FAR + step / 10, 99.0)
        assert car.is_at() == step


def test_where_the_first_of_all_is_of_the_far_future_the_second_good_one_counts(car):
    car.says(FAR, 99.0)
    car.says(NOW, 1.0)
    car.says(NOW + 0.1, 2.0)
    assert car.is_at() == 2.0


@pytest.mark.parametrize("then", [NOW + 3600.0, NOW - 3600.0])
def test_a_clock_that_was_set_is_followed_from_the_second_on(car, then):
    car.says(NOW, 1.0)
    car.says(then, 2.0)
    car.says(then + 0.1, 3.0)
    assert car.is_at() == 3.0


def test_who_publishes_seldom_is_taken_at_its_word(car):
    car.says(NOW, 1.0)
    car.says(NOW + 86_400.0, 2.0, after=30.0)
    assert car.is_at() == 2.0


def test_a_bag_that_stood_still_goes_on(car):
    car.says(NOW, 1.0)
    car.says(NOW + 0.1, 2.0, after=600.0)
    assert car.is_at() == 2.0
    assert car.refused == []


def test_frames_are_followed_one_by_one(car):
    car.says(NOW, 1.0)
    car.says(NOW + 3600.0, 1.0, child="lidar_top")
    assert car.refused == []


@given(st.lists(st.integers(0, 2**31 - 90_000), max_size=20))
def test_whatever_came_before_two_good_ones_are_enough(stamps):
    refused = []
    buffer = TransformBuffer(refused.append)
    for stamp in [*stamps, NOW, NOW + 1, NOW + 2]:
        pose = Pose.from_yaw(0.0, (float(stamp), 0.0, 0.0))
        buffer.set_transform(messages.transform(pose, "odom", "base_link", stamp * SECOND), "test")
    found = buffer.lookup_transform("odom", "base_link", Time()).transform.translation.x
    assert found == NOW + 2
