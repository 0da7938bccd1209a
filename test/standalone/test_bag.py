"""Bags: every byte and its order survive, whatever ends the recorder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.bag import Bag, BagWriter, describe, summarise
from lss_bev_ros.standalone.interfaces import type_hash

STRING = "std_msgs/msg/String"
FOREVER = QosTime(9223372036, 854775807)


def offered(*, latched: bool = False) -> Qos:
    """What discovery tells of a reliable publisher."""
    return Qos(
        QosHistory.UNKNOWN,
        0,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        False,
    )


def cdr(text: str) -> bytes:
    """A std_msgs/String on the wire, where DDS fills up four bytes."""
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data + bytes(-len(data) % 4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.binary(max_size=3000)), max_size=30))
def test_a_bag_gives_back_bytes_and_order(tmp_path_factory, messages: list[tuple[str, bytes]]) -> None:
    path = tmp_path_factory.mktemp("bag") / "bag"
    writer = BagWriter(path)
    topics = {name: writer.add_topic(name, STRING, [offered()]) for name in ("/a", "/b")}
    for stamp, (name, data) in enumerate(messages, 1):
        assert writer.write(topics[name], stamp, data)
    writer.close()
    expected = [(name, stamp, data) for stamp, (name, data) in enumerate(messages, 1)]
    with Bag(path) as bag:
        assert bag.complete
        assert list(bag.messages()) == expected
    with Reader(path) as reader:
        assert [(c.topic, stamp, data) for c, stamp, data in reader.messages()] == expected


def test_a_bag_tells_types_hashes_and_qos(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic("/tf_static", "tf2_msgs/msg/TFMessage", [offered(latched=True)])
    writer.close()
    with Bag(tmp_path / "bag") as bag:
        (topic,) = bag.topics
        assert topic.type == "tf2_msgs/msg/TFMessage"
        assert topic.type_hash == type_hash("tf2_msgs/msg/TFMessage")
        assert topic.offered_qos == (offered(latched=True),)
        assert (bag.start, bag.end, bag.message_count) == (0, 0, 0)


@pytest.mark.parametrize("cut", [1, 20, 40, 200])
def test_a_bag_without_its_end_is_read_up_to_there(tmp_path: Path, cut: int) -> None:
    writer = BagWriter(tmp_path / "bag")
    topic = writer.add_topic("/a", STRING)
    for stamp in range(1, 200):
        writer.write(topic, stamp, bytes(20000))
    writer.close()
    (tmp_path / "bag" / "metadata.yaml").unlink()
    file = tmp_path / "bag" / "bag_0.mcap"
    file.write_bytes(file.read_bytes()[:-cut])
    with Bag(tmp_path / "bag") as bag:
        assert not bag.complete
        stamps = [stamp for _, stamp, _ in bag.messages()]
        assert stamps == list(range(1, len(stamps) + 1))
        assert bag.message_count == len(stamps) > 100
    assert "was killed or is still at work" in describe(tmp_path / "bag")


def test_what_is_no_bag_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mcap").write_text("not an MCAP file")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "metadata.yaml").write_text("something: else")
    with Writer(tmp_path / "sqlite", version=8, storage_plugin=StoragePlugin.SQLITE3):
        pass
    for name, message in {
        "nothing": "no bag at",
        "empty": "no metadata.yaml and no MCAP file",
        "text.mcap": "is no MCAP file",
        "odd": "is no rosbag2 metadata",
        "sqlite": "storage sqlite3; only mcap is supported",
    }.items():
        with pytest.raises(StandaloneError, match=message) as caught:
            Bag(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StandaloneError, match="exists already; record to another folder"):
        BagWriter(tmp_path)


def test_info_reads_as_ros_2_prints_it(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    topic = writer.add_topic("/a", STRING)
    writer.write(topic, 1_700_000_000_123_456_789, cdr("a"))
    writer.write(topic, 1_700_000_001_623_456_789, cdr("b"))
    writer.close()
    lines = describe(tmp_path / "bag").splitlines()
    assert lines[1] == "Files:             bag_0.mcap"
    assert lines[3] == "Storage id:        mcap"
    assert lines[5] == "Duration:          1.500000000s"
    assert re.fullmatch(
        r"Start:             Nov 1\d 2023 \d\d:\d\d:20.123456789 \(1700000000.123456789\)", lines[6]
    )
    assert lines[8] == "Messages:          2"
    assert lines[9] == f"Topic information: Topic: /a | Type: {STRING} | Count: 2 | Serialization Format: cdr"
    assert summarise(tmp_path / "bag")["duration"] == 1_500_000_000


# Real processes on real DDS

START = "import sys\nfrom lss_bev_ros.standalone import activate\nactivate()\n"
RECORD = (
    START
    + """
from lss_bev_ros.standalone.bag.recorder import record
print(record(sys.argv[1], sys.argv[2:] or None, exclude=["/rosout", "/param.*", "/left_out"]))
"""
)
PLAY = (
    START
    + """
from lss_bev_ros.standalone.bag.player import play
print(play(sys.argv[1], rate=2.0, remap={"/numbers": "/again"}))
"""
)
# Says the numbers once somebody listens, then waits.
PUBLISH = (
    START
    + """
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import ByteMultiArray, String
rclpy.init()
node = rclpy.create_node("publisher")
publishers = {name: node.create_publisher(String, name, 10000) for name in ("/numbers", "/left_out")}
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
late = node.create_publisher(String, "/latched", latched)
late.publish(String(data="latched"))
while not publishers["/numbers"].get_subscription_count():
    rclpy.spin_once(node, timeout_sec=0.05)
for number in range(300):
    for publisher in publishers.values():
        publisher.publish(String(data=str(number) + "." * (number * 20)))
    rclpy.spin_once(node, timeout_sec=0.002)
print("said", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
"""
)
NUMBERS = [cdr(str(number) + "." * (number * 20)) for number in range(300)]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python code with arguments, on a domain of its own."""
    running = []
    env = {**os.environ, "ROS_DOMAIN_ID": os.environ.get("ROS_DOMAIN_ID", "41")}

    def begin(code: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        running.append(
            subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def await_line(process: subprocess.Popen, text: str) -> None:
    """Read lines until one holds the text."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"no {text!r} in:\n{''.join(seen)}")


def recorded(path: Path, topic: str) -> list[bytes]:
    """The bytes of a topic's messages."""
    with Bag(path) as bag:
        return [data for _, _, data in bag.messages([topic])]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_completes_the_bag_and_play_says_it_again(start, tmp_path: Path, signum: int) -> None:
    recorder = start(RECORD, tmp_path / "bag")
    await_line(recorder, "Recording to")
    publisher = start(PUBLISH)
    await_line(publisher, "said")
    recorder.send_signal(signum)
    out, _ = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, out
    publisher.kill()
    with Reader(tmp_path / "bag") as reader:
        messages = [(connection.topic, data) for connection, _, data in reader.messages()]
    assert [data for topic, data in messages if topic == "/numbers"] == NUMBERS
    assert {topic for topic, _ in messages} == {"/numbers", "/latched"}
    if signum == signal.SIGTERM:
        return

    again = start(RECORD, tmp_path / "again", "/again", "latched")
    await_line(again, "Recording to")
    player = start(PLAY, tmp_path / "bag")
    out, _ = player.communicate(timeout=20)
    assert out.strip().splitlines()[-1] == "301", out
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=20)
    assert recorded(tmp_path / "again", "/again") == NUMBERS
    with Bag(tmp_path / "again") as bag:
        durability = {topic.name: topic.offered_qos[0].durability for topic in bag.topics}
    assert durability == {"/again": QosDurability.VOLATILE, "/latched": QosDurability.TRANSIENT_LOCAL}


def test_a_killed_recorder_leaves_a_bag_up_to_the_last_second(start, tmp_path: Path) -> None:
    recorder = start(RECORD, tmp_path / "bag", "numbers")
    await_line(recorder, "Recording to")
    await_line(start(PUBLISH), "said")
    time.sleep(1.5)
    recorder.kill()
    recorder.wait()
    assert recorded(tmp_path / "bag", "/numbers") == NUMBERS


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("play(path, topics=['/b'])", "has no topic /b; it has /a"),
        ("play(path, remap={'/b': '/c'})", "has no topic /b"),
        ("play(path, rate=0)", "rate 0 is not above 0"),
        ("play(path, start_offset=9)", "start offset 9 s is outside"),
        ("play(path, clock=0)", "clock 0 is not above 0"),
        ("record(path)", "exists already"),
        ("record(path + '2', [])", "no topics to record"),
        ("record(path + '2', exclude=['('])", "exclude '\\(' is no regular expression"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(tmp_path: Path, call: str, message: str) -> None:
    from lss_bev_ros.standalone import activate

    activate()
    from lss_bev_ros.standalone.bag.player import play
    from lss_bev_ros.standalone.bag.recorder import record

    writer = BagWriter(tmp_path / "bag")
    writer.write(writer.add_topic("/a", STRING), 1, cdr("a"))
    writer.close()
    with pytest.raises(StandaloneError, match=message):
        eval(call, {"play": play, "record": record, "path": str(tmp_path / "bag")})
