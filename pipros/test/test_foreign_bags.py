"""Every message in the files of a bag is read and played, or it is said, whatever is written beside them."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.interfaces import QosDurability

from pipros import activate
from pipros.bag import Bag, describe, summarise
from pipros.bag.metadata import profiles
from pipros.errors import PiprosError

from .foreign_bags import STRING, Recorded, cdr, qos, write_mcap, write_metadata

STAND_IN = activate()
without_ros2 = pytest.mark.skipif(not STAND_IN, reason="ROS 2 plays less of a broken bag")

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

START = 1_700_000_000_000_000_000
STEP = 100_000_000
WHEEL = "std_msgs/Header header\nfloat32[4] rad_per_s\n" + "=" * 80 + "\nMSG: std_msgs/Header\n"
WHEEL += "builtin_interfaces/Time stamp\nstring frame_id\n"


def talk(
    count: int = 9, topics: Sequence[str] = ("/a", "/b"), start: int = START, **told: object
) -> list[Recorded]:
    """Messages of topics in turn."""
    return [
        Recorded(topics[number % len(topics)], start + number * STEP, cdr(str(number)), **told)
        for number in range(count)
    ]


def folder(path: Path, messages: Sequence[Recorded], offers: dict | None = None, **changes: object) -> Path:
    """A bag of one file with metadata."""
    path.mkdir()
    write_mcap(path / f"{path.name}_0.mcap", messages)
    write_metadata(path, {f"{path.name}_0.mcap": messages}, offers=offers, **changes)
    return path


def read(path: Path) -> list[tuple[str, int, bytes]]:
    """All messages of a bag."""
    with Bag(path) as bag:
        return list(bag.messages())


def told(messages: Sequence[Recorded]) -> list[tuple[str, int, bytes]]:
    """What is to be read of them."""
    return [(message.topic, message.stamp, message.data) for message in messages]


# What the files hold


@pytest.mark.parametrize(
    ("in_file", "in_metadata"),
    [
        (qos(), qos(depth=3)),
        (qos(), qos(reliability=2)),
        (qos(words=True), qos()),
        (qos(), ""),
        (None, qos()),
        ("no: profile", qos()),
        (qos(), "}{"),
        (qos() + "\n" + qos(durability=1), qos()),
    ],
)
def test_quality_of_service_never_decides_what_is_read(tmp_path, in_file, in_metadata) -> None:
    messages = talk(qos=in_file)
    assert read(folder(tmp_path / "bag", messages, {"/a": in_metadata, "/b": in_metadata})) == told(messages)


def test_channels_of_one_topic_are_one_topic(tmp_path) -> None:
    messages = [
        Recorded("/a", START + number, cdr(str(number)), qos=qos(depth=1 + number % 2), channel=number % 2)
        for number in range(9)
    ]
    path = folder(tmp_path / "bag", messages, {"/a": qos(depth=1)})
    assert read(path) == told(messages)
    with Bag(path) as bag:
        assert [(topic.name, topic.count) for topic in bag.topics] == [("/a", 9)]


def test_a_topic_of_two_types_is_read_as_the_more_frequent_and_the_other_is_named(tmp_path) -> None:
    spellings = ("std_msgs/String", STRING)
    messages = [Recorded("/a", START + n, cdr(str(n)), spellings[n % 2], "CDR") for n in range(4)]
    other = Recorded("/a", START + 9, bytes(8), "std_msgs/msg/Int32", schema=b"int32 data\n")
    unsaid = Recorded("/b", START + 9, cdr("b"), encoding="")
    write_mcap(tmp_path / "a.mcap", [*messages, other, unsaid])
    with Bag(tmp_path / "a.mcap") as bag:
        assert sorted(bag.messages()) == told([*messages, unsaid])
        assert {topic.name: (topic.type, topic.count) for topic in bag.topics} == {
            "/a": (STRING, 4),
            "/b": (STRING, 1),
        }
        (passed,) = bag.passed_over
    assert str(passed) == f"/a (std_msgs/msg/Int32, 1 messages): the topic has more messages of type {STRING}"


def test_the_profile_is_of_the_metadata_and_of_the_file_where_they_have_none(tmp_path) -> None:
    messages = talk(qos=qos(durability=1))
    with Bag(folder(tmp_path / "bag", messages, {"/a": qos(), "/b": ""})) as bag:
        durability = {topic.name: topic.offered_qos[0].durability for topic in bag.topics}
    assert durability == {"/a": QosDurability.VOLATILE, "/b": QosDurability.TRANSIENT_LOCAL}


@settings(max_examples=60, deadline=None)
@given(
    stamps=st.lists(st.integers(0, 2**40), max_size=20),
    chunk=st.sampled_from([None, 1, 3, 100]),
    profile=st.sampled_from(["ros2", "", "ros1"]),
    options=st.fixed_dictionaries(
        dict.fromkeys(("summary", "statistics", "chunk_index", "repeated", "chunk_times"), st.booleans())
    ),
)
def test_any_mcap_file_gives_all_its_messages_in_order(
    tmp_path_factory, stamps, chunk, profile, options
) -> None:
    messages = [Recorded("/a", stamp, cdr(str(number))) for number, stamp in enumerate(stamps)]
    path = tmp_path_factory.mktemp("bag") / "a.mcap"
    write_mcap(path, messages, chunk=chunk, profile=profile, **options)
    with Bag(path) as bag:
        got = list(bag.messages())
        assert sorted(got) == sorted(told(messages))
        assert bag.message_count == len(messages)
        assert not bag.lost
        if options["chunk_times"] or chunk is None:
            assert [stamp for _, stamp, _ in got] == sorted(stamps)
            assert (bag.start, bag.end) == (min(stamps, default=0), max(stamps, default=0))


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("cut", range(1, 700, 37))
def test_of_a_cut_file_all_that_is_whole_is_read(tmp_path, chunk, cut) -> None:
    messages = talk(12)
    path = tmp_path / "a.mcap"
    write_mcap(path, messages, chunk=chunk)
    data = path.read_bytes()
    path.write_bytes(data[: max(9, len(data) - cut)])
    with Bag(path) as bag:
        got = list(bag.messages())
        assert got == told(messages)[: len(got)]
        assert not bag.complete
        assert bag.message_count == len(got)
        assert len(got) == 12 or bag.lost


def test_a_damaged_chunk_costs_its_own_messages_and_is_named(tmp_path) -> None:
    messages = talk(9)
    path = tmp_path / "a.mcap"
    write_mcap(path, messages, chunk=3)
    data = path.read_bytes()
    # The length of the first record in the second chunk.
    at = data.index(cdr("3")) - 31 + 1
    path.write_bytes(data[:at] + struct.pack("<Q", 2**40) + data[at + 8 :])
    with Bag(path) as bag:
        assert list(bag.messages()) == told(messages[:3] + messages[6:])
        assert any("a.mcap: messages in the chunk" in line for line in bag.lost)


def test_an_index_that_gives_a_chunk_no_length_is_done_without(tmp_path) -> None:
    messages = talk(9)
    path = tmp_path / "a.mcap"
    write_mcap(path, messages, chunk=3)
    data = path.read_bytes()
    (header,) = struct.unpack_from("<Q", data, 9)
    first = 8 + 9 + header  # behind magic and header
    at = data.rindex(struct.pack("<Q", first)) + 8
    path.write_bytes(data[:at] + struct.pack("<Q", 0) + data[at + 8 :])
    with Bag(path) as bag:
        assert list(bag.messages()) == told(messages)


def test_sqlite_bags_are_read(tmp_path) -> None:
    messages = talk(7)
    path = tmp_path / "bag"
    path.mkdir()
    database = sqlite3.connect(path / "bag_0.db3")
    database.executescript(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, "
        "offered_qos_profiles TEXT); CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
        "timestamp INTEGER, data BLOB);"
    )
    for number, name in enumerate(("/a", "/b"), 1):
        database.execute("INSERT INTO topics VALUES (?, ?, ?, 'cdr', ?)", (number, name, STRING, qos()))
    rows = [(1 + number % 2, message.stamp, message.data) for number, message in enumerate(messages)]
    database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()
    write_metadata(path, {"bag_0.db3": messages}, storage="sqlite3", offers={"/a": qos(reliability=2)})
    for place in (path, path / "bag_0.db3"):
        with Bag(place) as bag:
            assert list(bag.messages()) == told(messages)
            assert list(bag.messages(["/b"], START + 2 * STEP, START + 5 * STEP)) == told([messages[3]])
            assert bag.storage == "sqlite3"
            assert (bag.start, bag.end) == (START, START + 6 * STEP)
    assert [file.name for file in sorted(path.iterdir())] == ["bag_0.db3", "metadata.yaml"]
    (path / "bag_0.db3").write_bytes(b"SQLite format 3\0" + bytes(4000))
    with pytest.raises(PiprosError, match=r"bag_0.db3 is not an SQLite bag"):
        Bag(path)


def sqlite_bag(path: Path) -> sqlite3.Connection:
    """A bag of a topic and three messages, open to be changed."""
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT); "
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INT, timestamp INT, data BLOB); "
        f"INSERT INTO topics VALUES (1, '/a', '{STRING}', 'cdr');"
    )
    rows = [(1, stamp, cdr("x")) for stamp in (5, 6, 7)]
    database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    return database


@pytest.mark.parametrize(
    "change",
    ["timestamp = NULL", "timestamp = 'soon'", "data = NULL", "data = 4000000000", "data = 'text'"],
)
def test_a_row_of_other_types_is_told_of_and_the_rest_is_read(tmp_path, change) -> None:
    """What a single damaged byte of a record makes of it."""
    with contextlib.closing(sqlite_bag(tmp_path / "a.db3")) as database, database:
        database.execute(f"UPDATE messages SET {change} WHERE id = 2")
    with Bag(tmp_path / "a.db3") as bag:
        assert [stamp for _, stamp, _ in bag.messages()] == [5, 7]
        assert (bag.start, bag.end) == (5, 7)
        assert any("1 damaged messages" in line for line in bag.lost)


@pytest.mark.parametrize("column", ["name", "type", "serialization_format"])
def test_a_topic_without_a_name_or_type_is_a_damaged_file(tmp_path, column) -> None:
    with contextlib.closing(sqlite_bag(tmp_path / "a.db3")) as database, database:
        database.execute(f"UPDATE topics SET {column} = NULL")
    with pytest.raises(PiprosError, match=r"a\.db3 is damaged: topic 1 has no name, type or encoding"):
        Bag(tmp_path / "a.db3")


def test_a_schema_that_is_no_text_is_refused_in_one_line(tmp_path) -> None:
    """SQLite's message quotes it, which Python cannot decode."""
    path = tmp_path / "a.db3"
    sqlite_bag(path).close()
    path.write_bytes(path.read_bytes().replace(b"TABLE messages", b"TAB\xccE messages"))
    with pytest.raises(PiprosError, match=r"a\.db3 is not an SQLite bag, or damaged") as refused:
        Bag(path)
    assert "\n" not in str(refused.value)


def test_what_a_killed_recorder_left_in_sqlites_log_is_read(tmp_path) -> None:
    path = tmp_path / "a.db3"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT)"
    )
    database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INT, timestamp INT, data BLOB)")
    database.execute(f"INSERT INTO topics VALUES (1, '/a', '{STRING}', 'cdr')")
    database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, 5, ?)", (cdr("x"),))
    database.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("a.db3*"):
        (killed / file.name).write_bytes(file.read_bytes())
    database.close()
    with Bag(killed / "a.db3") as bag:
        assert list(bag.messages()) == [("/a", 5, cdr("x"))]
        assert not bag.complete


# What the metadata claim


def test_times_are_those_of_the_files(tmp_path) -> None:
    path = tmp_path / "bag"
    path.mkdir()
    parts = {f"bag_{number}.mcap": talk(3, start=START + number * 10 * STEP) for number in range(3)}
    for name, messages in parts.items():
        write_mcap(path / name, messages)
    wrong = {"nanoseconds_since_epoch": START + 20 * STEP}
    write_metadata(path, parts, starting_time=wrong, duration={"nanoseconds": 2 * STEP})
    with Bag(path) as bag:
        assert (bag.start, bag.end) == (START, START + 22 * STEP)
        assert len(list(bag.messages())) == 9
        assert any("metadata.yaml says that it begins at" in line for line in bag.notes)
    assert "Note: metadata.yaml says that it begins at" in describe(path)


def test_counts_that_differ_are_named(tmp_path) -> None:
    path = tmp_path / "bag"
    path.mkdir()
    write_mcap(path / "bag_0.mcap", talk(4))
    write_metadata(path, {"bag_0.mcap": talk(6)})
    assert summarise(path)["lost"] == [
        "/a: metadata.yaml claims 3 messages, the files hold 2",
        "/b: metadata.yaml claims 3 messages, the files hold 2",
    ]
    write_metadata(path, {"bag_0.mcap": talk(6)}, topics_with_message_count=[])
    assert summarise(path)["lost"] == ["metadata.yaml claims 6 messages, the files hold 4"]
    write_metadata(path, {"bag_0.mcap": talk(6)})
    write_mcap(path / "bag_0.mcap", talk(8, topics=("/a", "/c")))
    with Bag(path) as bag:
        assert "/a: metadata.yaml claims 3 messages, the files hold 4" in bag.notes
        assert "/c: 4 messages that metadata.yaml does not list" in bag.notes
        assert bag.lost == ("/b: metadata.yaml claims 3 messages, the files hold 0",)


@pytest.mark.parametrize("listed", ["/elsewhere/on/the/car/bag_0.mcap", "old_name/bag_0.mcap", "bag_0.mcap"])
def test_a_bag_that_moved_is_read(tmp_path, listed) -> None:
    path = folder(tmp_path / "bag", talk(), relative_file_paths=[listed])
    assert read(path) == told(talk())
    with Bag(path) as bag:
        assert (bag.complete, bag.lost, bag.notes) == (True, (), [])


def test_a_renamed_file_is_read_and_a_file_that_is_not_listed_is_named(tmp_path) -> None:
    path = folder(tmp_path / "bag", talk())
    write_mcap(path / "copy.mcap", talk())
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 9
        assert bag.notes == ["left out, since metadata.yaml does not list them: copy.mcap"]
    (path / "bag_0.mcap").unlink()
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 9
        assert bag.notes == ["metadata.yaml lists bag_0.mcap; read instead: copy.mcap"]


def test_metadata_that_are_none_are_done_without(tmp_path) -> None:
    path = folder(tmp_path / "bag", talk())
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: {version: 5, storage_id")
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 9
        assert "is not rosbag2 metadata; the files are read without it" in bag.notes[0]


def test_files_come_in_the_order_of_their_numbers(tmp_path) -> None:
    for names in (
        [f"bag_{number}.mcap" for number in range(12)],
        [f"{number}_bag_2026_01_0{1 + number % 2}-10_{59 - number}_00.mcap" for number in range(12)],
    ):
        path = tmp_path / names[1]
        path.mkdir()
        for number, name in enumerate(names):
            write_mcap(path / name, talk(2, start=START + number * 10 * STEP))
        with Bag(path) as bag:
            assert [file.name for file in bag.files] == names
            stamps = [stamp for _, stamp, _ in bag.messages()]
        assert stamps == sorted(stamps)


@pytest.mark.parametrize("mode", ["FILE", "MESSAGE"])
def test_packed_splits_are_read_and_an_unpacked_copy_is_not_read_twice(tmp_path, mode) -> None:
    path = tmp_path / "bag"
    path.mkdir()
    parts = {}
    for number in range(2):
        messages = talk(4, start=START + number * 10 * STEP)
        file = path / f"bag_{number}.mcap"
        if mode == "MESSAGE":
            packed = [Recorded(each.topic, each.stamp, zstd.compress(each.data)) for each in messages]
            write_mcap(file, packed)
            parts[file.name] = messages
            continue
        write_mcap(file, messages)
        (path / f"{file.name}.zstd").write_bytes(zstd.compress(file.read_bytes()))
        parts[f"{file.name}.zstd"] = messages
        if number:  # `ros2 bag play` leaves the other one behind
            file.unlink()
    write_metadata(path, parts, compression_format="zstd", compression_mode=mode)
    expected = told([message for each in parts.values() for message in each])
    assert read(path) == expected
    (path / "metadata.yaml").unlink()
    assert read(path) == expected


def test_what_is_packed_otherwise_is_refused(tmp_path) -> None:
    path = folder(tmp_path / "bag", talk(), compression_format="lz4", compression_mode="MESSAGE")
    with pytest.raises(PiprosError, match="is packed with lz4; only zstd is supported"):
        Bag(path)


def test_profiles_are_understood_in_numbers_words_and_parts() -> None:
    numbers, words = (
        profiles(qos(durability=1, reliability=2)),
        profiles(qos(words=True, durability=1, reliability=2)),
    )
    assert [(each.durability, each.reliability, each.depth) for each in numbers] == [
        (each.durability, each.reliability, each.depth) for each in words
    ]
    (part,) = profiles([{"durability": "transient_local"}])
    assert part.durability == QosDurability.TRANSIENT_LOCAL
    (foxy,) = profiles("- {durability: 1, deadline: {sec: 2147483647, nsec: 4294967295}}")
    assert foxy.deadline == part.deadline
    assert profiles("nothing at all") == profiles("") == profiles(None) == ()


# Playing


@pytest.fixture
def heard(ros_environment, monkeypatch):
    """Plays a bag; returns what was published, with topics, the account, and each publisher's profile."""
    from rclpy.node import Node

    from pipros.bag import player

    offers: dict[str, object] = {}
    said: list[tuple[str, bytes]] = []
    create = Node.create_publisher

    def watched(node, kind, topic, profile, **options):
        publisher = create(node, kind, topic, profile, **options)
        offers[topic], publish = profile, publisher.publish

        def noted(message):
            publish(message)
            if isinstance(message, bytes):  # not the node's own
                said.append((topic, message))

        publisher.publish = noted
        return publisher

    def play(path, **changes):
        account = player.play(path, player.PlayOptions(rate=1000.0, **changes))
        return said, account, offers

    monkeypatch.setattr(Node, "create_publisher", watched)
    monkeypatch.setattr(player, "_DISCOVERY_SECONDS", 0.0)
    return play


@without_ros2
def test_unknown_types_are_played_by_the_definition_in_the_bag_or_named(heard, tmp_path, capfd) -> None:
    speed = b"\0\1\0\0" + struct.pack("<iII", 1, 2, 2) + b"a\0\0\0" + struct.pack("<4f", 1, 2, 3, 4)
    own = {"data": speed, "schema": WHEEL.encode()}
    idl = (
        b"=" * 80
        + b"\nIDL: own_msgs/msg/Gauge\nmodule own_msgs { module msg { struct Gauge { double level; }; }; };\n"
    )
    messages = [
        *talk(4),
        Recorded("/wheels", START + 5 * STEP, type="own_msgs/msg/WheelSpeed", **own),
        Recorded("/short", START + 6 * STEP, type="own_msgs/Short", **own),
        Recorded(
            "/gauge", START + 7 * STEP, bytes(12), "own_msgs/msg/Gauge", schema_encoding="ros2idl", schema=idl
        ),
        Recorded("/dark", START + 8 * STEP, bytes(8), "own_msgs/msg/Dark", schema=b""),
        Recorded("/broken", START + 8 * STEP, bytes(8), "own_msgs/msg/Broken", schema=b"int what is\nthis"),
        Recorded(
            "/add/_service_event", START + 9 * STEP, bytes(8), "own_msgs/srv/Add_Event", schema=b"---\n"
        ),
        Recorded("/log", START + 9 * STEP, b"{}", "foxglove.Log", "json", "jsonschema", b"{}"),
        Recorded(
            "/video", START + 9 * STEP, b"\n\3abc", "foxglove.Image", "protobuf", "protobuf", b"\xff\xfe"
        ),
        Recorded("/old", START + 9 * STEP, b"\3\0\0\0abc", "std_msgs/String", "ros1", "ros1msg"),
    ]
    said, account, _ = heard(folder(tmp_path / "bag", messages))
    assert [topic for topic, _ in said] == ["/a", "/b", "/a", "/b", "/wheels", "/short", "/gauge"]
    assert said[4][1] == speed
    assert account.messages == 7
    assert account.lost == ()
    warned = capfd.readouterr().err
    for line in (
        "not played: /dark (own_msgs/msg/Dark, 1 messages): type own_msgs/msg/Dark is not known here",
        "not played: /broken (own_msgs/msg/Broken, 1 messages): type own_msgs/msg/Broken is not known here",
        "not played: /add/_service_event (own_msgs/srv/Add_Event, 1 messages): it holds the events",
        "not played: /log (foxglove.Log, 1 messages): encoded as json",
        "not played: /video (foxglove.Image, 1 messages): encoded as protobuf",
        "not played: /old (std_msgs/String, 1 messages): messages of ROS 1",
    ):
        assert line in warned


def test_a_bag_of_which_nothing_can_be_played_is_an_error(heard, tmp_path) -> None:
    path = tmp_path / "a.mcap"
    write_mcap(path, [Recorded("/log", START, b"{}", "foxglove.Log", "json", "jsonschema", b"{}")])
    with pytest.raises(PiprosError, match="no messages that can be played here"):
        heard(path)
    write_mcap(path, [])
    assert heard(path)[1].messages == 0


@without_ros2
def test_a_message_that_is_refused_and_one_that_is_missing_are_lost(heard, tmp_path) -> None:
    path = tmp_path / "bag"
    path.mkdir()
    messages = [Recorded("/a", START, b""), *talk(3, topics=("/a",), start=START + 1)]
    write_mcap(path / "bag_0.mcap", messages)
    write_metadata(path, {"bag_0.mcap": [*messages, Recorded("/a", START + 2, b"")]})
    said, account, _ = heard(path)
    assert len(said) == account.messages == 3
    assert "/a: metadata.yaml claims 5 messages, the files hold 4" in account.lost
    assert any(line.startswith("/a: 1 messages that cannot be published") for line in account.lost)


def test_a_gap_of_years_is_skipped_and_named(heard, tmp_path, capfd) -> None:
    path = tmp_path / "a.mcap"
    messages = [Recorded("/a", 0, cdr("zero")), *talk(20, topics=("/a",))]
    write_mcap(path, messages, chunk=100, chunk_times=False)
    said, account, _ = heard(path)
    assert account.messages == len(said) == 21
    assert "skipped: a gap of 54 years in the stamps, from 0.000 to 1700000000.000" in capfd.readouterr().err
    assert "Gap: no message from Jan  1 1970" in describe(path)
    # The gap takes no time of the bag's.
    said.clear()
    heard(path, start_offset=0.45, playback_duration=0.4)
    assert [data for _, data in said] == [cdr(str(number)) for number in range(5, 9)]


def test_latched_topics_come_before_the_start_and_are_latched_by_their_names(heard, tmp_path) -> None:
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    tf = {
        "type": "tf2_msgs/msg/TFMessage",
        "schema": b"geometry_msgs/TransformStamped[] transforms\n",
        "qos": None,
    }
    messages = [
        Recorded("/tf_static", START, b"\0\1\0\0\0\0\0\0", **tf),
        Recorded("/tf", START, b"\0\1\0\0\0\0\0\0", **tf),
        Recorded("/mixed", START, cdr("m"), qos=qos() + "\n" + qos(durability=1, reliability=2)),
        Recorded("/robot/map", START + 20 * STEP, cdr("m"), qos=qos()),
        *talk(20, topics=("/a",), start=START + 1),
        *talk(20, topics=("/fast",), start=START + 2, qos=qos(reliability=2)),
    ]
    path = tmp_path / "a.mcap"
    write_mcap(path, messages)
    said, _, offers = heard(path, start_offset=1.0)
    assert {topic for topic, _ in said[:2]} == {"/tf_static", "/mixed"}
    assert {topic for topic, _ in said[2:]} == {"/a", "/fast", "/robot/map"}
    assert offers["/tf_static"].durability == offers["/mixed"].durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert offers["/robot/map"].durability == DurabilityPolicy.TRANSIENT_LOCAL, "though recorded as volatile"
    assert offers["/tf"].durability == offers["/a"].durability == DurabilityPolicy.VOLATILE
    assert offers["/mixed"].reliability == ReliabilityPolicy.RELIABLE
    assert offers["/fast"].reliability == ReliabilityPolicy.BEST_EFFORT


def test_overrides_replace_what_was_recorded(heard, tmp_path) -> None:
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy

    from pipros.bag import read_overrides

    file = tmp_path / "qos.yaml"
    file.write_text(
        "/a:\n  history: keep_all\n  depth: 0\n  reliability: best_effort\n  durability: transient_local\n"
        "  deadline: {sec: 0, nsec: 0}\n  liveliness: automatic\n  avoid_ros_namespace_conventions: false\n"
        "b: {depth: 7, durability: 1}\n"
    )
    path = tmp_path / "a.mcap"
    write_mcap(path, talk(4))
    _, _, offers = heard(path, qos_overrides=read_overrides(file))
    assert offers["/a"].history == HistoryPolicy.KEEP_ALL
    assert offers["/a"].reliability == ReliabilityPolicy.BEST_EFFORT
    assert offers["/b"].depth == 7
    assert offers["/a"].durability == offers["/b"].durability == DurabilityPolicy.TRANSIENT_LOCAL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/a: {depht: 1}", "topic /a: depht is not a QoS policy; the policies are history"),
        ("/a: {depth: -1}", "topic /a: depth -1 is not a number from 0 on"),
        ("/a: {reliability: sure}", "topic /a: reliability 'sure' is not one of system_default, reliable"),
        ("/a: {history: keep_last}", "topic /a: history keep_last needs a depth"),
        ("/a: {depth: 1, deadline: {sec: 2}}", "topic /a: deadline .* is not sec and nsec"),
        ("- /a", "each topic takes policies"),
        ("}", "are not YAML"),
    ],
)
def test_wrong_overrides_are_told_in_one_line(tmp_path, text, message) -> None:
    from pipros.bag import read_overrides

    (tmp_path / "qos.yaml").write_text(text)
    with pytest.raises(PiprosError, match=message) as caught:
        read_overrides(tmp_path / "qos.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(PiprosError, match="cannot be read"):
        read_overrides(tmp_path / "missing.yaml")


@pytest.mark.parametrize("kept", [8, 45, None])
def test_a_bag_that_holds_nothing_says_so(heard, tmp_path, capfd, kept) -> None:
    path = tmp_path / "a.mcap"
    write_mcap(path, [] if kept is None else talk(3))
    path.write_bytes(path.read_bytes()[:kept])
    if kept is None:
        heard(path)
        assert "holds no messages" in capfd.readouterr().err
    else:
        with pytest.raises(PiprosError, match="cut before its first message"):
            heard(path)


def test_a_recorder_asks_as_the_overrides_say(ros, open_node, tmp_path) -> None:
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from std_msgs.msg import String

    from pipros.bag import Recorder

    asked = QoSProfile(depth=3, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    with open_node("recorder") as node:
        # The transient-local reader would not be heard by default: not all publishers latch.
        publishers = [
            node.create_publisher(String, "/a", profile) for profile in (asked, QoSProfile(depth=3))
        ]
        with Recorder(node, tmp_path / "bag", ["/a"], qos_overrides={"/a": asked}) as recorder:
            recorder.discover()
            (info,) = node.get_subscriptions_info_by_topic("/a")
            assert info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        for publisher in publishers:
            node.destroy_publisher(publisher)
