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
from rosbags.rosbag2 import Reader

from pipros import PiprosError
from pipros.bag import Bag, BagStorage, BagWriter, Selection, StorageOptions, describe, summarise
from pipros.interfaces import type_hash

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


# Every message on the wire begins with the four bytes that name its encoding.
PAYLOADS = st.binary(max_size=3000).map(lambda data: b"\0\1\0\0" + data)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), PAYLOADS), max_size=30))
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
    assert "was killed or is still running" in describe(tmp_path / "bag")


def test_what_is_no_bag_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mcap").write_text("not an MCAP file")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "metadata.yaml").write_text("something: else")
    (tmp_path / "other").mkdir()
    metadata = "{storage_identifier: other, relative_file_paths: [a.other]}"
    (tmp_path / "other" / "metadata.yaml").write_text(f"rosbag2_bagfile_information: {metadata}")
    for name, message in {
        "nothing": "no bag at",
        "empty": "no metadata.yaml and no MCAP file",
        "text.mcap": "is not an MCAP file",
        "odd": "is not rosbag2 metadata",
        "other": "storage other; only mcap and sqlite3 are supported",
    }.items():
        with pytest.raises(PiprosError, match=message) as caught:
            Bag(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(PiprosError, match="already exists; record to another folder"):
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


def written(
    path: Path, count: int, options: StorageOptions = StorageOptions(), size: int = 20000
) -> list[bytes]:
    """Write a bag of one topic with stamps 1 ms apart; return its messages."""
    writer = BagWriter(path, options)
    topic = writer.add_topic("/a", STRING, [offered()])
    data = [cdr(f"{number} ".ljust(size, "x")) for number in range(count)]
    for number, each in enumerate(data):
        assert writer.write(topic, number * 1_000_000 + 1, each)
    writer.close()
    return data


@pytest.mark.parametrize("compression", ["none", "chunk", "message", "file"])
@pytest.mark.parametrize("limits", [{}, {"max_size": 1_500_000}, {"max_duration": 0.03}])
def test_split_and_compressed_bags_are_read(tmp_path: Path, compression: str, limits: dict) -> None:
    path = tmp_path / "bag"
    data = written(path, 200, StorageOptions(compression, **limits))
    with Bag(path) as bag:
        assert bag.complete
        assert [each for _, _, each in bag.messages()] == data
        assert [each for _, _, each in bag.messages(start=150_000_001)] == data[150:]
        # By size, what counts is the size on disk, and these messages shrink to next to nothing.
        shrunk = "max_size" in limits and compression in ("chunk", "message")
        assert (len(bag.files) > 1) == (bool(limits) and not shrunk)
        assert bag.message_count == 200
        assert (bag.end - bag.start) == 199_000_000
    # What rosbags, and so everyone else who follows the metadata, reads of it.
    with Reader(path) as reader:
        assert [each for _, _, each in reader.messages()] == data
    if compression != "none":
        assert sum(file.stat().st_size for file in path.iterdir()) < 2_000_000


@pytest.mark.parametrize("compression", ["none", "chunk", "message", "file"])
def test_each_later_file_begins_with_the_latched_messages_that_are_asked_for(
    tmp_path: Path, compression: str
) -> None:
    path = tmp_path / "bag"
    options = StorageOptions(compression, max_duration=0.03, repeat={"/tf_static": 2, "/map": 1})
    writer = BagWriter(path, options)
    latched = {
        name: writer.add_topic(name, STRING, [offered(latched=True)]) for name in ("/tf_static", "/map")
    }
    plain = writer.add_topic("/a", STRING, [offered()])
    for number in range(3):
        writer.write(latched["/tf_static"], number + 1, cdr(f"static {number}"))
    writer.write(latched["/map"], 4, cdr("old map"))
    for number in range(90):
        writer.write(plain, number * 1_000_000 + 10, cdr(f"{number}"))
        if number == 40:
            writer.write(latched["/map"], number * 1_000_000 + 11, cdr("new map"))
    writer.close()
    with Bag(path) as bag:
        assert bag.complete
        assert len(bag.files) == 3
        assert [bytes(data) for _, _, data in bag.messages(["/map"])] == list(
            map(cdr, ("old map", "old map", "new map", "new map"))
        )
        stamps = [stamp for _, stamp, _ in bag.messages()]
        assert stamps == sorted(stamps)
    suffix = ".mcap.zstd" if compression == "file" else ".mcap"
    last = tmp_path / f"alone{suffix}"
    last.write_bytes((path / f"bag_2{suffix}").read_bytes())
    if compression in ("none", "chunk"):
        with Bag(last) as bag:
            assert [data for _, _, data in bag.messages(["/tf_static"])] == [cdr("static 1"), cdr("static 2")]


@pytest.mark.parametrize("compression", ["none", "chunk", "message", "file"])
def test_files_without_metadata_are_one_bag(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "bag"
    data = written(path, 100, StorageOptions(compression, max_duration=0.03))
    (path / "metadata.yaml").unlink()
    with Bag(path) as bag:
        assert not bag.complete
        assert not bag.lost
        assert [each for _, _, each in bag.messages()] == data
        assert bag.topics[0].count == 100


def test_of_a_split_bag_with_a_cut_and_a_missing_file_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    data = written(path, 400, StorageOptions(max_duration=0.1))
    cut = path / "bag_1.mcap"
    cut.write_bytes(cut.read_bytes()[:1_200_000])
    (path / "bag_2.mcap").unlink()
    (path / "bag_3.mcap").write_text("not an MCAP file at all")
    with Bag(path) as bag:
        read = [each for _, _, each in bag.messages()]
        assert not bag.complete
    assert read[:100] == data[:100]
    assert read == data[: len(read)]
    assert 100 < len(read) < 200
    told = describe(path)
    assert re.search(r"Lost: bag_1.mcap: its index and the last \d+ bytes", told)
    assert "Lost: bag_2.mcap: the file is missing" in told
    assert "Lost: bag_3.mcap: not an MCAP file" in told
    assert f"Lost: /a: metadata.yaml claims 400 messages, the files hold {len(read)}" in told
    assert len(summarise(path)["lost"]) == 4


def test_messages_of_a_cut_bag_come_in_the_order_of_their_stamps(tmp_path: Path) -> None:
    """Other recorders write topics in batches, so that chunks overlap in time."""
    storage = BagStorage(tmp_path / "bag")
    topic = storage.add_topic("/a", STRING)
    for stamp in [*range(0, 100, 2), *range(1, 100, 2)]:
        storage.write(topic, stamp + 1, cdr(f"{stamp}".ljust(40000)))
    storage.close()
    file = tmp_path / "bag" / "bag_0.mcap"
    file.write_bytes(file.read_bytes()[:-50])
    with Bag(file) as bag:
        assert [stamp for _, stamp, _ in bag.messages()] == list(range(1, 101))
        assert not bag.complete
        assert not bag.lost, "only the index was cut"


@given(
    st.sets(st.sampled_from(["/a", "/b/c", "/b/d"])),
    st.sampled_from(["", "/b/.*", "/.*"]),
    st.sets(st.sampled_from(["/a", "/b/c"])),
    st.sampled_from(["", ".*/d"]),
)
def test_what_is_excluded_is_never_taken(topics, regex, exclude_topics, exclude_regex) -> None:
    selection = Selection(tuple(topics), regex, tuple(exclude_topics), exclude_regex)
    for topic in ("/a", "/b/c", "/b/d"):
        asked = (not topics and not regex) or topic in topics or bool(regex and re.fullmatch(regex, topic))
        left_out = topic in exclude_topics or bool(exclude_regex and re.fullmatch(exclude_regex, topic))
        assert selection.takes(topic) == (asked and not left_out)


# Real processes on real DDS

START = "import sys\nfrom pipros import activate\nactivate()\n"
RECORD = (
    START
    + """
from pipros.bag import record
print(record(sys.argv[1], sys.argv[2:] or None, exclude=["/rosout", "/param.*", "/left_out"]))
"""
)
PLAY = (
    START
    + """
from pipros.bag import PlayOptions, play
print(play(sys.argv[1], PlayOptions(rate=2.0, delay=3.0, remap={"/numbers": "/again"})).messages)
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
    env = {"ROS_DOMAIN_ID": str(1 + os.getpid() % 100), **os.environ}

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
        ("play(path, PlayOptions(selection=Selection(('/b',))))", "has no topic /b; it has /a"),
        ("play(path, PlayOptions(remap={'/b': '/c'}))", "has no topic /b"),
        ("play(path, PlayOptions(rate=0))", "rate 0 is not above 0"),
        ("play(path, PlayOptions(start_offset=9))", "start offset 9 s is outside"),
        ("play(path, PlayOptions(clock=0))", "clock 0 is not above 0"),
        ("play(path, PlayOptions(delay=-1))", "delay -1 s is below 0"),
        ("play(path, PlayOptions(selection=Selection(regex='(')))", "regex '\\(' is not a regular"),
        (
            "play(path, PlayOptions(selection=Selection(regex='/z')))",
            "has no topic of those asked for",
        ),
        ("record(path)", "already exists"),
        ("record(path + '2', [])", "no topics to record"),
        ("record(path + '2', exclude=['('])", "exclude '\\(' is not a regular expression"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(tmp_path: Path, call: str, message: str) -> None:
    from pipros import activate

    activate()
    from pipros.bag import PlayOptions, play, record

    writer = BagWriter(tmp_path / "bag")
    writer.write(writer.add_topic("/a", STRING), 1, cdr("a"))
    writer.close()
    names = {"play": play, "record": record, "PlayOptions": PlayOptions, "Selection": Selection}
    with pytest.raises(PiprosError, match=message):
        eval(call, {**names, "path": str(tmp_path / "bag")})


@pytest.mark.parametrize(
    "error", [ValueError("no such thing"), OSError(28, "No space left on device"), MemoryError()]
)
def test_any_failure_of_the_writer_is_reported_and_what_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write = BagStorage.write

    def failing(storage: BagStorage, topic: object, stamp: int, data: bytes) -> None:
        if stamp == 50:
            raise error
        write(storage, topic, stamp, data)

    monkeypatch.setattr(BagStorage, "write", failing)
    writer = BagWriter(tmp_path / "bag")
    topic = writer.add_topic("/a", STRING)
    for stamp in range(1, 51):
        assert writer.write(topic, stamp, cdr(str(stamp)))
    while writer.failure is None:
        time.sleep(0.01)
    assert not writer.write(topic, 51, cdr("late"))
    with pytest.raises(PiprosError, match=r"bag .* is incomplete: .*(no such|No space|MemoryError)"):
        writer.close()
    assert writer.dropped == 2
    assert not (tmp_path / "bag" / "metadata.yaml").exists()
    with Bag(tmp_path / "bag") as bag:
        assert not bag.complete
        assert [stamp for _, stamp, _ in bag.messages()] == list(range(1, 50))


def test_a_message_that_is_none_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    topic = writer.add_topic("/a", STRING)
    writer.write(topic, 1, cdr("good"))
    writer.write(topic, -1, cdr("before all time"))
    writer._thread.join(10)
    with pytest.raises(PiprosError, match="is incomplete"):
        writer.close()
    assert recorded(tmp_path / "bag", "/a") == [cdr("good")]
