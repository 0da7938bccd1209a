"""A byte of a bag that changed is found, what it hit is named, and all the rest is read."""

from __future__ import annotations

import random
import struct
from binascii import crc32
from pathlib import Path

import pytest

from pipros.bag import Bag, BagStorage, StorageOptions, verify
from pipros.errors import PiprosError

MIB = 1 << 20
MESSAGES = [bytes([0, 1, 0, 0]) + random.Random(number).randbytes(MIB // 3) for number in range(12)]
"""Three to a chunk and a bit."""


@pytest.fixture(scope="module", params=["none", "chunk"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / request.param
    storage = BagStorage(path, options=StorageOptions(compression=request.param))
    topic = storage.add_topic("/told", "std_msgs/msg/String")
    for number, data in enumerate(MESSAGES):
        storage.write(topic, 10**9 * (number + 1), data)
    storage.close()
    return path


def copy(written: Path, folder: Path, content: bytes) -> Path:
    path = folder / "copy.mcap"
    path.write_bytes(content)
    return path


def file_of(written: Path) -> bytes:
    return (written / f"{written.name}_0.mcap").read_bytes()


def test_the_checksums_are_those_of_mcap(written: Path) -> None:
    """As its specification has them: of all data, and of the summary with the footer."""
    data = file_of(written)
    (summary,) = struct.unpack_from("<Q", data, len(data) - 28)
    assert data[summary - 13] == 0x0F
    assert struct.unpack_from("<I", data, summary - 4)[0] == crc32(data[: summary - 13])
    assert struct.unpack_from("<I", data, len(data) - 12)[0] == crc32(data[summary : len(data) - 12])
    found = verify(written)
    assert (found.messages, found.topics, found.bare, found.lost) == (12, 1, 0, ())
    assert found.complete


def test_one_damaged_chunk_costs_itself_and_is_named(written: Path, tmp_path: Path) -> None:
    data = bytearray(file_of(written))
    data[len(data) // 2] ^= 0x10
    path = copy(written, tmp_path, bytes(data))
    with Bag(path) as bag:
        read = {stamp: message for _, stamp, message in bag.messages()}
        assert any("chunk" in line for line in bag.lost)
    assert 0 < len(read) < 12
    assert all(message == MESSAGES[stamp // 10**9 - 1] for stamp, message in read.items())
    lost = verify(path).lost
    assert f"/told: {12 - len(read)} of 12 messages" in lost
    assert all("\n" not in line for line in lost)


@pytest.mark.parametrize("seed", range(4))
def test_no_changed_or_cut_byte_is_taken_for_what_was_written(
    written: Path, tmp_path: Path, seed: int
) -> None:
    chance, data = random.Random(seed), file_of(written)
    (summary,) = struct.unpack_from("<Q", data, len(data) - 28)
    places = [chance.randrange(summary - 200, len(data)) for _ in range(30)]
    places += [chance.randrange(len(data)) for _ in range(5)] + [chance.randrange(200) for _ in range(5)]
    damaged = []
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        damaged.append(bytes(changed))
    damaged += [data[: chance.randrange(len(data))] for _ in range(5)]
    for content in damaged:
        path = copy(written, tmp_path, content)
        try:
            with Bag(path) as bag:
                read = [(topic, stamp, message) for topic, stamp, message in bag.messages()]
                kept = bag.lost
            found = verify(path)
        except PiprosError:
            continue
        assert all(topic == "/told" and MESSAGES[stamp // 10**9 - 1] == data for topic, stamp, data in read)
        assert len(read) == 12 or kept
        assert found.lost or not found.complete


def test_a_bag_without_checksums_says_so(written: Path, tmp_path: Path) -> None:
    data = bytearray(file_of(written))
    at = 8
    while data[at] not in (0x06, 0x0F):
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
    data[at + 33 : at + 37] = bytes(4)
    assert verify(copy(written, tmp_path, bytes(data))).bare == 1


def test_metadata_that_were_cut_anywhere_cost_no_message(tmp_path: Path) -> None:
    storage = BagStorage(tmp_path / "bag")
    topic = storage.add_topic("/told", "std_msgs/msg/String")
    storage.write(topic, 10**9, b"\0\1\0\0\1\0\0\0\0\0\0\0")
    storage.close()
    metadata = tmp_path / "bag" / "metadata.yaml"
    text = metadata.read_text()
    for length in range(0, len(text), 23):
        metadata.write_text(text[:length])
        assert verify(tmp_path / "bag").messages == 1
    metadata.write_text(text.replace("message_count: 1", "message_count: .inf"))
    assert verify(tmp_path / "bag").messages == 1
