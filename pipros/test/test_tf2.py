"""Transforms are kept and looked up as tf2 does (passes on a real tf2_ros as well)."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable

import pytest
from geometry_msgs.msg import TransformStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformException,
    TransformListener,
)

SECOND = 10**9
LATEST = Time()


def stamped(parent: str, child: str, stamp: int, x: float = 0.0, yaw: float = 0.0) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=stamp).to_msg()
    message.transform.translation.x = x
    message.transform.rotation.z = math.sin(yaw / 2)
    message.transform.rotation.w = math.cos(yaw / 2)
    return message


def planar(message: TransformStamped) -> tuple[float, float, float]:
    """x, y and yaw of a transform."""
    moved, turned = message.transform.translation, message.transform.rotation
    return moved.x, moved.y, 2 * math.atan2(turned.z, turned.w)


def driving() -> Buffer:
    """base_link drives from x = 10 to 20 m and turns by 1 rad between 10 and 11 s; a camera is on it."""
    buffer = Buffer()
    buffer.set_transform(stamped("map", "base_link", 10 * SECOND, 10.0, 0.0), "test")
    buffer.set_transform(stamped("map", "base_link", 11 * SECOND, 20.0, 1.0), "test")
    buffer.set_transform_static(stamped("base_link", "cam", 0, 2.0, math.pi / 2), "test")
    return buffer


def test_a_lookup_goes_through_the_tree() -> None:
    found = driving().lookup_transform("map", "cam", Time(seconds=10))

    assert (found.header.frame_id, found.child_frame_id) == ("map", "cam")
    assert planar(found) == pytest.approx((12.0, 0.0, math.pi / 2))
    assert planar(driving().lookup_transform("cam", "base_link", LATEST)) == pytest.approx(
        (0.0, 2.0, -math.pi / 2)
    )
    assert planar(driving().lookup_transform("cam", "cam", LATEST)) == pytest.approx((0.0, 0.0, 0.0))


def test_between_two_times_it_is_interpolated() -> None:
    x, y, yaw = planar(
        driving().lookup_transform("map", "base_link", Time(seconds=10, nanoseconds=SECOND // 4))
    )

    assert (x, y, yaw) == pytest.approx((12.5, 0.0, 0.25))


def test_time_zero_is_the_latest() -> None:
    found = driving().lookup_transform("map", "cam", LATEST)

    assert Time.from_msg(found.header.stamp).nanoseconds == 11 * SECOND
    assert found.transform.translation.x == pytest.approx(20.0 + 2.0 * math.cos(1.0))


@given(st.floats(-50, 50), st.floats(-3, 3), st.floats(-50, 50), st.floats(-3, 3))
def test_there_and_back_is_where_it_began(x1: float, yaw1: float, x2: float, yaw2: float) -> None:
    buffer = Buffer()
    buffer.set_transform_static(stamped("root", "a", 0, x1, yaw1), "test")
    buffer.set_transform_static(stamped("root", "b", 0, x2, yaw2), "test")

    ax, ay, ayaw = planar(buffer.lookup_transform("a", "b", LATEST))
    bx, by, byaw = planar(buffer.lookup_transform("b", "a", LATEST))

    assert math.cos(ayaw + byaw) == pytest.approx(1.0)
    assert ax + math.cos(ayaw) * bx - math.sin(ayaw) * by == pytest.approx(0.0, abs=1e-6)
    assert ay + math.sin(ayaw) * bx + math.cos(ayaw) * by == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("target", "source", "stamp", "kind", "text"),
    [
        ("map", "lidar", 0, LookupException, "lidar"),
        ("nowhere", "cam", 0, LookupException, "nowhere"),
        ("other", "cam", 0, ConnectivityException, "tree"),
        ("map", "cam", 9 * SECOND, ExtrapolationException, "past"),
        ("map", "cam", 12 * SECOND, ExtrapolationException, "future"),
    ],
)
def test_what_is_not_known_is_said(target: str, source: str, stamp: int, kind: type, text: str) -> None:
    buffer = driving()
    buffer.set_transform_static(stamped("other", "child", 0), "test")

    assert not buffer.can_transform(target, source, Time(nanoseconds=stamp))
    with pytest.raises(kind, match=text):
        buffer.lookup_transform(target, source, Time(nanoseconds=stamp))
    assert issubclass(kind, TransformException)


def test_old_transforms_are_forgotten() -> None:
    buffer = Buffer(cache_time=Duration(seconds=5.0))
    for second in range(1, 20):
        buffer.set_transform(stamped("map", "base_link", second * SECOND, float(second)), "test")

    assert buffer.can_transform("map", "base_link", Time(seconds=15))
    assert not buffer.can_transform("map", "base_link", Time(seconds=2))


def test_a_lookup_waits_for_what_comes(ros: None) -> None:
    with_node = Node("node")
    buffer = Buffer(node=with_node)
    threading.Timer(0.05, lambda: buffer.set_transform(stamped("map", "base_link", SECOND), "test")).start()

    assert buffer.can_transform("map", "base_link", LATEST, timeout=Duration(seconds=10.0))
    assert not buffer.can_transform("map", "moon", LATEST, timeout=Duration(seconds=0.05))
    with_node.destroy_node()


def test_broadcasters_reach_listeners(ros: None, spin_until: Callable[..., bool]) -> None:
    sender, receiver = Node("sender"), Node("receiver")
    static, moving = StaticTransformBroadcaster(sender), TransformBroadcaster(sender)
    static.sendTransform([stamped("base_link", "cam", 0, 2.0), stamped("base_link", "lidar", 0, 1.0)])
    static.sendTransform(stamped("base_link", "radar", 0, 3.0))
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)

    def arrived() -> bool:
        moving.sendTransform(stamped("map", "base_link", time.time_ns(), 10.0))
        return all(buffer.can_transform("map", each, LATEST) for each in ("cam", "lidar", "radar"))

    assert spin_until(arrived, sender, receiver)
    assert planar(buffer.lookup_transform("map", "cam", LATEST))[0] == pytest.approx(12.0)
    listener.unregister()
    for node in (sender, receiver):
        node.destroy_node()


def test_a_transform_that_makes_no_sense_is_not_kept() -> None:
    buffer = Buffer()
    bad = stamped("map", "base_link", SECOND)
    bad.transform.rotation.w = 0.0

    for message in (bad, stamped("map", "map", SECOND), stamped("", "base_link", SECOND)):
        with contextlib.suppress(TransformException):
            buffer.set_transform(message, "test")
        assert not buffer.can_transform("map", "base_link", LATEST)


def test_what_made_up_frames_and_crowded_times_take_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = pytest.importorskip("tf2_ros.frame_tree", reason="a real tf2_ros keeps them all")
    monkeypatch.setattr(tree, "_MOST_FRAMES", 5)
    monkeypatch.setattr(tree, "_MOST_KEPT", 3)
    buffer = driving()
    for number in range(10):
        buffer.set_transform(stamped("map", f"made_up_{number}", SECOND), "test")
        buffer.set_transform(stamped("map", "base_link", 11 * SECOND + number, 20.0 + number), "test")

    assert len(buffer._pipros_tree.names()) == 5
    assert len(buffer._pipros_tree._frames["base_link"].stamps) == 3
    assert planar(buffer.lookup_transform("map", "base_link", LATEST))[0] == pytest.approx(29.0)
