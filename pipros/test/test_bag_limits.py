"""A bag takes no more than it may, and is whole at its limit."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

from pipros import PiprosError
from pipros.bag import Bag, BagStorage, StorageOptions

STRING = "std_msgs/msg/String"
MIB = 1 << 20
FOREVER = QosTime(9223372036, 854775807)
LATCHED = Qos(
    QosHistory.UNKNOWN,
    0,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    FOREVER,
    FOREVER,
    QosLiveliness.AUTOMATIC,
    FOREVER,
    False,
)
SECOND = 1_000_000_000


def payload(number: int, size: int = 50_000) -> bytes:
    """A std_msgs/String that begins with its number."""
    text = f"{number} ".encode().ljust(size, b".") + b"\0"
    return b"\0\1\0\0" + len(text).to_bytes(4, "little") + text


def recorded(path: Path, count: int, options: StorageOptions) -> str:
    """Write numbered messages, ten a second; the limit that was reached."""
    storage = BagStorage(path, options=options)
    latched = storage.add_topic("/tf_static", STRING, [LATCHED])
    topic = storage.add_topic("/numbers", STRING)
    full = storage.write(latched, SECOND, payload(-1, 100))
    for number in range(count):
        full = full or storage.write(topic, SECOND + number * SECOND // 10, payload(number))
        full = full or (storage.flush() if number % 10 == 0 else "")
    storage.close()
    return full


def numbers(path: Path) -> list[int]:
    """Numbers of the messages that a bag holds, which its metadata counts too."""
    found = []
    with Bag(path) as bag:
        for _, _, data in bag.messages(["/numbers"]):
            found.append(int(bytes(data)[8:28].split()[0]))
    return found


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("*.mcap*"))


@pytest.mark.parametrize("compression", ["none", "chunk"])
def test_a_bag_ends_whole_before_it_is_larger_than_it_may_be(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "bag"
    full = recorded(
        path, 100 if compression == "none" else 2000, StorageOptions(compression, max_total=2 * MIB)
    )
    assert full == f"it has the largest size of {2 * MIB} bytes"
    kept = numbers(path)
    assert kept == list(range(len(kept)))
    assert 0.7 * 2 * MIB < size(path) <= 2 * MIB if compression == "none" else size(path) <= 2 * MIB


def test_a_ring_keeps_the_newest_within_its_size_and_what_is_latched(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    assert recorded(path, 300, StorageOptions(max_total=2 * MIB, ring=True)) == ""
    kept = numbers(path)
    assert kept == list(range(kept[0], 300)), "the newest, without a gap"
    assert size(path) <= 2 * MIB
    assert len(kept) * 50_000 > 0.6 * 2 * MIB, "it makes use of its room"
    with Bag(path) as bag:
        assert next(iter(bag.messages(["/tf_static"]))), "the first file begins with it"


def test_a_ring_reaches_back_as_far_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    assert recorded(path, 300, StorageOptions(ring=True, ring_duration=8.0)) == ""
    kept = numbers(path)
    assert kept == list(range(kept[0], 300))
    assert 80 <= len(kept) <= 110, "8 s at ten a second, and up to two files more"


@pytest.mark.parametrize("ring", [False, True])
def test_a_bag_has_no_more_files_than_it_may(tmp_path: Path, ring: bool) -> None:
    path = tmp_path / "bag"
    full = recorded(path, 100, StorageOptions(max_duration=1.0, max_files=3, ring=ring))
    assert len(list(path.glob("*.mcap"))) == 3
    assert full == ("" if ring else "it has 3 files")
    kept = numbers(path)
    assert kept[0] > 0 if ring else kept == list(range(len(kept)))


@pytest.mark.parametrize("ring", [False, True])
def test_a_bag_leaves_some_of_the_disk_free(tmp_path: Path, monkeypatch, ring: bool) -> None:
    path, disk = tmp_path / "bag", 4 * MIB
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: usage(disk, size(path), disk - size(path)), raising=True
    )
    options = StorageOptions(max_size=MIB // 4, min_free=2 * MIB, ring=ring)
    full = recorded(path, 200, options)
    assert full == ("" if ring else f"no more than {2 * MIB} bytes of the disk are free")
    assert size(path) <= 2 * MIB + 11 * 51_000, "looked at every tenth message"
    kept = numbers(path)
    assert kept == list(range(kept[0], kept[0] + len(kept)))
    assert (kept[-1] == 199) is ring


def test_a_disk_that_is_too_full_already_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(PiprosError, match="free some or record to another disk"):
        BagStorage(tmp_path / "bag", options=StorageOptions(min_free=1 << 60))
    assert not (tmp_path / "bag").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"ring": True},
        {"max_total": 1000},
        {"max_total": -1},
        {"ring_duration": 5.0},
        {"max_files": 3},
        {"ring": True, "ring_duration": float("nan")},
    ],
)
def test_limits_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(PiprosError):
        StorageOptions(**options)
