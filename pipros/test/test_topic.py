"""`pipros.topic` prints what `ros2 topic` prints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipros import activate

activate()

from pipros.topic import Bandwidth, Rate, TopicListing, format_listing  # noqa: E402
from pipros.topic.text import Abridgement, to_csv, to_data, to_json, to_yaml  # noqa: E402

DOMAIN = os.environ.get("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
START = "import sys\nfrom pipros import activate\nactivate()\n"
PUBLISH = (
    START
    + """
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from geometry_msgs.msg import PointStamped
rclpy.init()
node = rclpy.create_node("talker")
chatter = node.create_publisher(String, "chatter", 10)
point = node.create_publisher(PointStamped, "point", 10)
hidden = node.create_publisher(String, "_hidden", 10)
kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
latched = node.create_publisher(String, "latched", kept)
latched.publish(String(data="latched"))
message = PointStamped()
message.header.frame_id = "map"
message.point.x = 1e-7
def tick():
    chatter.publish(String(data="hello: world"))
    point.publish(message)
node.create_timer(0.02, tick)
print("ready", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
"""
)


@pytest.fixture(scope="module")
def talker() -> Iterator[None]:
    """A process that publishes."""
    process = python(PUBLISH)
    assert process.stdout.readline() == "ready\n"
    yield
    process.kill()
    process.communicate()


def python(code: str) -> subprocess.Popen:
    """Start Python code."""
    env = {**os.environ, "ROS_DOMAIN_ID": DOMAIN}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run(code: str) -> str:
    """Run Python code with the topic commands at hand and return what it prints."""
    imports = "from pipros.topic import *\n"
    process = python(START + imports + textwrap.dedent(code))
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    return out


def test_echo_prints_a_message_as_yaml_csv_and_json(talker: None) -> None:
    out = run(
        """
        echo("chatter", once=True)
        echo("/point", once=True)
        echo("/point", once=True, field="point")
        echo("/point", once=True, field="header.frame_id")
        echo("/point", once=True, form="csv")
        echo("/latched", once=True, form="json")
        """
    )
    point = "x: 1.0e-07\n{0}y: 0.0\n{0}z: 0.0\n"
    assert out == (
        "data: 'hello: world'\n---\n"
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: map\n"
        f"point:\n  {point.format('  ')}---\n"
        f"{point.format('')}---\n"
        "map\n---\n"
        "0,0,map,1e-07,0.0,0.0\n"
        '{"data": "latched"}\n'
    )


def test_echo_takes_type_qos_index_and_filter(talker: None) -> None:
    out = run(
        """
        String = "std_msgs/msg/String"
        echo("/latched", once=True, request=Request(String, durability="transient_local", depth=1))
        print(echo("/latched", once=True, timeout=1.0, request=Request(String, durability="volatile")))
        print(echo("/latched", once=True, timeout=1.0, request=Request(profile="sensor_data")))
        echo("/point", once=True, field="header.stamp", condition="m.sec < 1 and m.nanosec == 0")
        print(echo("/chatter", once=True, timeout=1.0, condition="'bye' in m.data"))
        rate("chatter", duration=1.2, condition="len(m.data) > 3", request=Request(depth=2))
        print(echo("/nobody", once=True, timeout=1.0, request=Request("std_msgs/String")))
        """
    )
    lines = out.splitlines()
    assert lines[:2] == ["data: latched", "---"]
    assert lines[2:4] == ["0", "0"]
    assert lines[4:8] == ["sec: 0", "nanosec: 0", "---", "0"]
    assert lines[8].startswith("average rate: ")
    assert lines[-1] == "0"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"profile": "best"}, "qos-profile 'best' is not one of default, system_default, sensor_data"),
        ({"reliability": "unknown"}, "qos-reliability 'unknown' is not one of system_default, reliable"),
        ({"depth": -1}, "qos-depth -1 is below 0"),
    ],
)
def test_qos_that_is_none_is_told_with_those_there_are(asked: dict, message: str) -> None:
    from pipros.errors import PiprosError
    from pipros.topic import Request

    with pytest.raises(PiprosError, match=message):
        Request(**asked)


def test_echo_waits_for_the_topic_and_ends_with_ctrl_c(talker: None) -> None:
    process = python(START + "from pipros.topic import echo\nprint(echo('/nothing'))")
    assert process.stdout.readline() == "WARNING: topic [/nothing] does not appear to be published yet\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "0\n")


def test_list_hz_bw_and_info(talker: None) -> None:
    out = run(
        """
        found = [topic for topic in list_topics() if topic.publishers and "r" != topic.name[1]]
        print(format_listing(found, show_types=True))
        rate("chatter", duration=1.0)
        bandwidth("chatter", duration=1.0)
        print(describe("chatter"))
        """
    )
    assert "/chatter [std_msgs/msg/String]\n" in out
    assert "/point [geometry_msgs/msg/PointStamped]\n" in out
    assert "hidden" not in out
    seconds = r"\d+\.\d{3}s"
    assert re.search(
        rf"^average rate: \d+\.\d{{3}}\n\tmin: {seconds} max: {seconds} std dev: \d+\.\d{{5}}s window: \d+$",
        out,
        re.M,
    )
    assert re.search(r"^[\d.]+ K?B/s from \d+ messages\n\tMessage size mean: .* min: .* max: .*$", out, re.M)
    assert "Type: std_msgs/msg/String\nPublisher count: 1\nSubscription count: 0\n" in out


def test_a_field_that_is_not_there_is_named(talker: None) -> None:
    out = run(
        """
        from pipros.errors import PiprosError
        try:
            echo("point", once=True, field="point.w")
        except PiprosError as error:
            print(error)
        """
    )
    assert out.startswith("topic point has no field point.w: ")


def test_verbose_lists_and_figures_read_as_in_ros_2() -> None:
    topics = [TopicListing("/a", ("std_msgs/msg/String",), 2, 1), TopicListing("/b", ("x/msg/Y",), 0, 1)]
    assert format_listing(topics) == "/a\n/b"
    assert format_listing(topics, verbose=True) == (
        "Published topics:\n * /a [std_msgs/msg/String] 2 publishers\n\n"
        "Subscribed topics:\n * /a [std_msgs/msg/String] 1 subscriber\n * /b [x/msg/Y] 1 subscriber"
    )
    assert str(Rate(1.987, 0.499, 0.508, 0.00279, 7)) == (
        "average rate: 1.987\n\tmin: 0.499s max: 0.508s std dev: 0.00279s window: 7"
    )
    assert str(Bandwidth(1_500_000, 10, 150_000, 149_000, 151_000)) == (
        "1.50 MB/s from 10 messages\n\tMessage size mean: 0.15 MB min: 0.15 MB max: 0.15 MB"
    )


def test_arrays_and_texts_are_abridged() -> None:
    from sensor_msgs.msg import CameraInfo, CompressedImage

    image = CompressedImage(format="j" * 200, data=bytes(200))
    data = to_data(image)
    assert data["data"] == [0] * 128 + ["..."]
    assert data["format"] == "j" * 128 + "..."
    assert len(to_data(image, Abridgement(length=None))["data"]) == 200
    named = to_data(image, Abridgement(arrays=True, strings=True))
    assert named["data"] == "<sequence type: uint8, length: 200>"
    assert named["format"] == "<string length: <200>>"
    assert to_data(CameraInfo(), Abridgement(arrays=True))["k"] == "<array type: double[9]>"
    assert to_csv({"a": [1, 2], "b": {"c": "x"}}) == "1,2,x"
    assert json.loads(to_json({"a": [float("nan"), 1.5]})) == {"a": [None, 1.5]}
    assert to_data(np.float64(1.5)) == 1.5


# Readers differ over 1e5, in which YAML 1.1 and the writer of ROS 2 want a dot, and over y and n.
TEXTS = st.text().filter(lambda text: not re.fullmatch(r"[-+]?[0-9_]+[eE][-+]?[0-9]+|[yYnN]", text))
SCALARS = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda part: (
        st.lists(part, max_size=4)
        | st.dictionaries(st.sampled_from(["one", "two", "three"]), part, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["first", "second"]), VALUES))
def test_yaml_means_the_same_to_a_yaml_reader(data: dict) -> None:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    assert reader.load(to_yaml(data)) == data
