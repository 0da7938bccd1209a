"""Samples cross from process to process over DDS."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription

from pipros import cdr, idl, transport
from pipros.discovery import Discovery
from pipros.endpoint_qos import EndpointQos
from pipros.errors import PiprosError
from pipros.message import message_class
from pipros.transport import Guard, Participant, Reader, WaitSet, parse_user_data

pytest.importorskip("cyclonedds")

NAME = "sensor_msgs/msg/CompressedImage"
KIND = idl.message_type(NAME)
Image = message_class(NAME)

# Writes so many images of so many bytes on rt/images once a reader is there; their format is their number.
WRITER = """
import os, sys, time
from pipros import cdr, idl
from pipros.discovery import Discovery
from pipros.endpoint_qos import EndpointQos
from pipros.message import message_class
from pipros.transport import Participant
count, size, pause, latched = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "latched"
participant = Participant(Discovery.from_environment(os.environ))
name = "sensor_msgs/msg/CompressedImage"
qos = EndpointQos(depth=None, transient_local=latched)
writer = participant.writer("rt/images", idl.message_type(name), qos, "")
if latched:
    print("ready", flush=True)
while not latched and not writer.matched():
    time.sleep(0.01)
for number in range(count):
    image = message_class(name)(format=str(number), data=bytes([number % 256]) * size)
    writer.write(cdr.serialize(image))
    time.sleep(pause)
if latched:
    print("written", flush=True)
    sys.stdin.readline()
writer.wait_for_acknowledgements(10 * 10**9)
participant.close()
"""


@pytest.fixture
def participant(ros_environment: dict[str, str]) -> Iterator[Participant]:
    participant = Participant(Discovery.from_environment(ros_environment))
    yield participant
    participant.close()


def received(participant: Participant, reader: Reader, count: int, timeout: float = 20.0) -> list[object]:
    """Images that come until there are `count`."""
    images, waiting = [], WaitSet(participant)
    waiting.set_conditions([reader])
    deadline = time.monotonic() + timeout
    while len(images) < count and time.monotonic() < deadline:
        waiting.wait(10**8)
        while (sample := reader.take()) is not None:
            images.append(cdr.deserialize(sample.data, Image))
    waiting.close()
    return images


@pytest.mark.parametrize("ending", ["writer.close(); participant.close()", "participant.close()"])
def test_what_was_written_before_the_end_arrives(
    participant: Participant, start: Callable[..., subprocess.Popen], ending: str
) -> None:
    reader = participant.reader("rt/images", KIND, EndpointQos(depth=None), "")
    code = WRITER.replace("writer.wait_for_acknowledgements(10 * 10**9)\nparticipant.close()", ending)
    assert ending in code
    start(code, "40", "200000", "0", "")
    assert [image.format for image in received(participant, reader, 40)] == list(map(str, range(40)))


def test_writers_that_close_one_after_the_other_wait_for_one_second_together(
    participant: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by itself, a node beside a subscriber that stands still would end seconds late."""
    now = 100.0
    monkeypatch.setattr(transport.time, "monotonic", lambda: now)
    left = []
    for step in (0.0, 0.4, 0.6, 0.1, 5.0):
        now += step
        left.append(participant._patience() / 1e9)
    assert left == pytest.approx([1.0, 0.6, 0.0, 0.0, 1.0])


@pytest.mark.parametrize("size", [0, 1, 150_000, 3_000_000])
def test_a_reliable_reader_gets_every_sample_in_order(
    participant: Participant, start: Callable[..., subprocess.Popen], size: int
) -> None:
    reader = participant.reader("rt/images", KIND, EndpointQos(depth=None), "")
    process = start(WRITER, "20", str(size), "0", "")

    images = received(participant, reader, 20)

    assert [image.format for image in images] == [str(number) for number in range(20)]
    assert all(len(image.data) == size and set(image.data) <= {n} for n, image in enumerate(images))
    assert process.wait(20) == 0


def test_a_best_effort_reader_hears_a_reliable_writer(
    participant: Participant, start: Callable[..., subprocess.Popen]
) -> None:
    reader = participant.reader("rt/images", KIND, EndpointQos(reliable=False, depth=5), "")
    start(WRITER, "200", "140000", "0.01", "")

    assert len(received(participant, reader, 20)) >= 20


def test_who_comes_late_gets_what_was_latched(
    participant: Participant, start: Callable[..., subprocess.Popen]
) -> None:
    process = start(WRITER, "3", "10", "0", "latched")
    assert process.stdout.readline() == "ready\n"
    assert process.stdout.readline() == "written\n"

    volatile = participant.reader("rt/images", KIND, EndpointQos(depth=10), "")
    assert received(participant, volatile, 1, timeout=0.5) == []

    latched = participant.reader("rt/images", KIND, EndpointQos(transient_local=True, depth=10), "")
    assert [image.format for image in received(participant, latched, 3)] == ["0", "1", "2"]


def test_user_data_is_seen_on_the_other_side(participant: Participant) -> None:
    writer = participant.writer("rt/other", KIND, EndpointQos(), "a=1;b=x;")
    reader = participant.reader("rt/other", KIND, EndpointQos(), "c=3;")
    deadline = time.monotonic() + 10
    while not (reader.matched() and writer.matched()) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert reader.matched_user_data(reader.matched()[0]) == {"a": "1", "b": "x"}
    assert writer.matched_user_data(writer.matched()[0]) == {"c": "3"}
    assert parse_user_data(b"") == {}


def test_a_guard_wakes_who_waits(participant: Participant) -> None:
    guard, waiting = Guard(participant), WaitSet(participant)
    waiting.set_conditions([guard])
    assert waiting.wait(0) == []

    threading.Timer(0.05, guard.trigger).start()

    assert waiting.wait(10 * 10**9) == [guard]
    guard.clear()
    assert waiting.wait(0) == []


def test_any_bytes_like_object_can_be_written(participant: Participant) -> None:
    writer = participant.writer("rt/images", KIND, EndpointQos(depth=None), "")
    reader = participant.reader("rt/images", KIND, EndpointQos(depth=None), "")
    data = cdr.serialize(Image(data=b"1"))

    for each in (data, bytes(data), memoryview(data), bytes(data)[:-3]):  # the last without its padding
        writer.write(each)

    assert len(received(participant, reader, 4)) == 4


def test_what_is_no_message_is_refused(participant: Participant) -> None:
    writer = participant.writer("rt/images", KIND, EndpointQos(), "")

    with pytest.raises(PiprosError, match="rt/images"):
        writer.write(b"\x00\x01\x00\x00\xff\xff\xff\xff")


# Opens a domain with each of the configurations on its input, and prints "open" or why not.
OPENER = """
import json, os, sys
from pipros.errors import PiprosError
from pipros.discovery import Discovery
from pipros.transport import Participant
for number, environment in enumerate(json.load(sys.stdin)):
    # A process has one configuration a domain.
    domain_id = (int(os.environ["ROS_DOMAIN_ID"]) + 37 * number) % 100
    try:
        Participant(Discovery.from_environment({**os.environ, **environment}, domain_id)).close()
        print("open")
    except PiprosError as error:
        print(error)
"""


def opened(start: Callable[..., subprocess.Popen], environments: list[dict[str, str]]) -> list[str]:
    process = start(OPENER)
    output, errors = process.communicate(json.dumps(environments), timeout=60)
    assert process.returncode == 0, errors
    assert all("deprecated" in line for line in errors.splitlines())  # Cyclone's own warnings are kept
    assert output.count("\n") == len(environments)
    return output.splitlines()


def domain(settings: str) -> dict[str, str]:
    return {"CYCLONEDDS_URI": f"<CycloneDDS><Domain>{settings}</Domain></CycloneDDS>"}


def test_what_is_valid_for_cyclone_is_valid_here(start: Callable[..., subprocess.Popen]) -> None:
    """Whatever it is checked against, and on either range."""
    valid = [
        domain("<Internal><Watermarks><WhcHigh>500kB</WhcHigh></Watermarks></Internal>"),
        domain(
            "<Internal><Watermarks><WhcHighInit>9MB</WhcHighInit><WhcHigh>9MB</WhcHigh></Watermarks></Internal>"
        ),
        domain('<General><Interfaces><NetworkInterface name="lo"/></Interfaces></General>'),
        domain('<General><Interfaces><NetworkInterface autodetermine="true"/></Interfaces></General>'),
        domain("<General><NetworkInterfaceAddress>127.0.0.1</NetworkInterfaceAddress></General>"),
        domain("<General><AllowMulticast>true</AllowMulticast></General><!-- \u00fc -->"),
        domain('<Internal><SocketReceiveBufferSize min="64kB" max="128kB"/></Internal>'),
        domain('<Discovery><Peers><Peer address="localhost"/></Peers></Discovery>'),
        domain('<Discovery><Peers><Peer address="127.0.0.1:7412"/></Peers></Discovery>'),
        {"CYCLONEDDS_URI": "<Gen><AllowM>false</></>"},
        {"CYCLONEDDS_URI": "<General><UseIPv6>true</></>", "ROS_STATIC_PEERS": "::1"},
        {"CYCLONEDDS_URI": "<General><Transport>none</></>", "ROS_STATIC_PEERS": "127.0.0.1"},
        {"ROS_STATIC_PEERS": "127.0.0.1; 127.0.0.2;0.0.0.0;10.0.0.0/24;nobody.invalid"},
    ]
    ranges = ("LOCALHOST", "SUBNET")
    each = [{**given, "ROS_AUTOMATIC_DISCOVERY_RANGE": reach} for given in valid for reach in ranges]

    assert opened(start, each) == ["open"] * len(each)


def test_a_domain_that_cannot_be_opened_is_one_line(start: Callable[..., subprocess.Popen]) -> None:
    """It names the setting and says what Cyclone says."""
    twice = '<NetworkInterface name="lo"/>' * 2
    refused = {
        "203.0.113.9: does not match an available interface": domain(
            '<General><Interfaces><NetworkInterface address="203.0.113.9"/></Interfaces></General>'
        ),
        "selected twice; correct General/Interfaces in CYCLONEDDS_URI": domain(
            f"<General><Interfaces>{twice}</Interfaces></General>"
        ),
        "correct Internal/Watermarks in CYCLONEDDS_URI": domain(
            "<Internal><Watermarks><WhcHigh>1kB</WhcHigh><WhcLow>2kB</WhcLow></Watermarks></Internal>"
        ),
        "Genral: unknown element": domain("<Genral/>"),
        "parser error": {"CYCLONEDDS_URI": "<CycloneDDS><Domain"},
        "/nowhere/a.xml": {"CYCLONEDDS_URI": "file:///nowhere/a.xml"},
        "'nobody.invalid' cannot be resolved": domain(
            '<Discovery><Peers><Peer address="nobody.invalid"/></Peers></Discovery>'
        ),
    }

    for line, words in zip(opened(start, list(refused.values())), refused, strict=True):
        assert words in line
        assert "CYCLONEDDS_URI" in line


# -- others' middleware ------------------------------------------------------------------------------


def test_types_match_by_name_and_not_by_fields(participant: Participant) -> None:
    """As those of rmw do: a Point has the fields of a Vector3."""
    point, vector = "geometry_msgs/msg/Point", "geometry_msgs/msg/Vector3"
    writer = participant.writer("rt/spot", idl.message_type(point), EndpointQos(), "")
    same = participant.reader("rt/spot", idl.message_type(point), EndpointQos(), "")
    other = participant.reader("rt/spot", idl.message_type(vector), EndpointQos(), "")

    writer.write(cdr.serialize(message_class(point)(x=1.0)))

    waiting = WaitSet(participant)
    waiting.set_conditions([same])
    assert waiting.wait(10 * 10**9) == [same]
    waiting.close()
    assert len(writer.matched()) == 1
    assert same.take() is not None
    assert other.take() is None


def test_no_type_is_described_to_others(participant: Participant) -> None:
    """Cyclone refuses how Kilted's Fast DDS describes sequences, but looks only where both describe."""
    endpoints = [
        participant.writer("rt/images", KIND, EndpointQos(), ""),
        participant.reader("rt/images", KIND, EndpointQos(), ""),
    ]
    ours = [each.entity.guid for each in endpoints]

    for topic in (BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription):
        found = BuiltinDataReader(participant.entity, topic).take(100)
        images = [each for each in found if each.topic_name == "rt/images" and each.key in ours]
        assert [each.type_name for each in images] == ["sensor_msgs::msg::dds_::CompressedImage_"]
        assert [each.type_id for each in images] == [None]


def test_types_are_described_to_cyclone_itself_again_after_an_endpoint_was_made(
    participant: Participant,
) -> None:
    for _ in range(3):
        for name in ("rt/one", "rt/two"):
            participant.reader(name, KIND, EndpointQos(), "").close()


class TestRenewal:
    """A latched reader is made anew where Fast DDS' latched samples came too early for Cyclone."""

    def test_what_was_latched_comes_once(self, participant: Participant) -> None:
        qos = EndpointQos(transient_local=True, depth=5)
        writer = participant.writer("rt/images", KIND, qos, "")
        writer.write(cdr.serialize(Image(format="kept")))
        reader = participant.reader("rt/images", KIND, qos, "")
        before = reader.guid

        assert reader.renew(writer.guid)
        assert reader.guid != before
        assert [image.format for image in received(participant, reader, 2, timeout=0.5)] == ["kept"]
        assert not reader.renew(writer.guid)  # of whom something came

    def test_what_was_taken_before_does_not_come_again(self, participant: Participant) -> None:
        qos = EndpointQos(transient_local=True, depth=5)
        first, second = (participant.writer("rt/images", KIND, qos, "") for _ in range(2))
        reader = participant.reader("rt/images", KIND, qos, "")
        first.write(cdr.serialize(Image(format="first")))
        assert [image.format for image in received(participant, reader, 1)] == ["first"]

        assert reader.renew(second.guid)
        first.write(cdr.serialize(Image(format="later")))
        second.write(cdr.serialize(Image(format="second")))

        assert {image.format for image in received(participant, reader, 3, timeout=1.0)} == {
            "later",
            "second",
        }

    def test_others_are_left_as_they_are(self, participant: Participant) -> None:
        volatile = participant.reader("rt/images", KIND, EndpointQos(), "")
        writer = participant.writer("rt/images", KIND, EndpointQos(), "")

        assert not volatile.renew(writer.guid)
        assert not volatile.renew(bytes(16))
        volatile.close()
        assert not volatile.renew(writer.guid)


def test_a_second_reader_is_there_for_a_while_and_takes_nothing(participant: Participant) -> None:
    """With which Fast DDS repeats its first heartbeat."""
    writer = participant.writer("rt/images", KIND, EndpointQos(), "")
    reader = participant.reader("rt/images", KIND, EndpointQos(), "")

    assert reader.introduce(writer.guid)
    assert len(writer.matched()) == 2
    writer.write(cdr.serialize(Image(format="one")))
    assert [image.format for image in received(participant, reader, 2, timeout=0.5)] == ["one"]
    reader.part()
    assert len(writer.matched()) == 1
    reader.introduce(writer.guid)
    reader.close()
    assert not writer.matched()


def test_only_readers_that_wait_for_a_heartbeat_need_a_second_one(participant: Participant) -> None:
    latched = EndpointQos(transient_local=True)
    writer = participant.writer("rt/images", KIND, latched, "")
    for qos in (EndpointQos(reliable=False), latched):
        assert not participant.reader("rt/images", KIND, qos, "").introduce(writer.guid)
    assert not participant.reader("rt/images", KIND, EndpointQos(), "").introduce(bytes(16))


def test_an_endpoint_that_comes_while_they_are_listed_is_no_error() -> None:
    """Cyclone's binding asks for their number and then for them, and fails where there are more by then."""
    answers = iter([IndexError("invalid index"), IndexError("invalid index"), [-1, 5]])

    def matched() -> list[int]:
        answer = next(answers)
        if isinstance(answer, IndexError):
            raise answer
        return answer

    assert transport._handles(matched) == [(1 << 64) - 1, 5]


def test_two_threads_that_ask_of_endpoints_get_each_what_is_theirs(
    participant: Participant, request: pytest.FixtureRequest
) -> None:
    """Cyclone's binding reads what is told of an endpoint into memory that all threads share."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    looks: dict[str, list[dict[str, str]]] = {name: [] for name in ("a", "bb", "ccc", "dddd")}

    def look(name: str) -> None:
        writer = participant.writer(f"rt/{name}", KIND, EndpointQos(), "")
        reader = participant.reader(f"rt/{name}", KIND, EndpointQos(), f"name={name};")
        while not (handles := writer.matched()):
            time.sleep(0.01)
        looks[name] += [writer.matched_user_data(handles[0]) for _ in range(2000)]
        reader.close()

    threads = [threading.Thread(target=look, args=(name,)) for name in looks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, told in looks.items():
        assert len(told) == 2000
        assert all(each == {"name": name} for each in told)
