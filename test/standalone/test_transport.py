"""Samples cross from process to process over DDS."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone import cdr, idl
from lss_bev_ros.standalone.discovery import Discovery
from lss_bev_ros.standalone.endpoint_qos import EndpointQos
from lss_bev_ros.standalone.message import message_class
from lss_bev_ros.standalone.transport import Guard, Participant, Reader, WaitSet, parse_user_data

pytest.importorskip("cyclonedds")

NAME = "sensor_msgs/msg/CompressedImage"
KIND = idl.message_type(NAME)
Image = message_class(NAME)

# Writes so many images of so many bytes on rt/images once a reader is there; their format is their number.
WRITER = """
import os, sys, time
from lss_bev_ros.standalone import cdr, idl
from lss_bev_ros.standalone.discovery import Discovery
from lss_bev_ros.standalone.endpoint_qos import EndpointQos
from lss_bev_ros.standalone.message import message_class
from lss_bev_ros.standalone.transport import Participant
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

    with pytest.raises(StandaloneError, match="rt/images"):
        writer.write(b"\x00\x01\x00\x00\xff\xff\xff\xff")


def test_a_domain_that_cannot_be_opened_is_one_line(start: Callable[..., subprocess.Popen]) -> None:
    code = (
        "import os\n"
        "from lss_bev_ros.errors import StandaloneError\n"
        "from lss_bev_ros.standalone.discovery import Discovery\n"
        "from lss_bev_ros.standalone.transport import Participant\n"
        "try:\n    Participant(Discovery.from_environment(os.environ))\n"
        "except StandaloneError as error:\n    print(error)\n"
    )
    nowhere = (
        '<CycloneDDS><Domain><General><Interfaces><NetworkInterface address="203.0.113.9"/>'
        "</Interfaces></General></Domain></CycloneDDS>"
    )

    output, _ = start(code, CYCLONEDDS_URI=nowhere).communicate(timeout=20)

    assert output.startswith("ROS domain ")
    assert output.count("\n") == 1
