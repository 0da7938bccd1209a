"""With ROS 2 sourced: `ros2 bag` takes our bags, and we take those of `ros2 bag`."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipros.bag import Bag, BagWriter, describe
from pipros.interfaces import type_hash

if shutil.which("ros2") is None:
    pytest.skip("ROS 2 is not sourced", allow_module_level=True)
if importlib.util.find_spec("ros2bag") is None:
    pytest.skip("this ROS 2 has no `ros2 bag`", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("ros_environment")

STRING = "std_msgs/msg/String"


def cdr(text: str) -> bytes:
    """A std_msgs/String on the wire, where DDS fills up four bytes."""
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data + bytes(-len(data) % 4)


WORDS = [cdr("word " * number) for number in range(50)]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A bag of ours."""
    writer = BagWriter(tmp_path / "ours")
    topic = writer.add_topic("/words", STRING)
    for number, word in enumerate(WORDS):
        writer.write(topic, 10**9 + number * 10**7, word)
    writer.close()
    return tmp_path / "ours"


@pytest.fixture
def recorded(tmp_path: Path, ros_environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """`ros2 bag record` at work on the folder `theirs`."""
    command = ["ros2", "bag", "record", "-s", "mcap", "-o", str(tmp_path / "theirs"), "/words"]
    process = subprocess.Popen(
        command, env=ros_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    impatience = threading.Timer(60, process.kill)
    impatience.start()
    try:
        while "Listening for topics" not in (line := process.stdout.readline()):
            assert line, "ros2 bag record does not listen; it may have no MCAP storage"
        impatience.cancel()
        yield process
    finally:
        impatience.cancel()
        process.kill()
        process.communicate()


def ros2_bag(*arguments: object) -> str:
    """Run `ros2 bag` and return what it prints."""
    command = ["ros2", "bag", *map(str, arguments)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_info_of_our_bag_reads_the_same(bag: Path) -> None:
    theirs = ros2_bag("info", bag)
    assert (
        theirs.splitlines()[: theirs.splitlines().index("Service:           0")] == describe(bag).splitlines()
    )


def test_a_bag_of_a_killed_recorder_can_be_reindexed(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()
    file = bag / "ours_0.mcap"
    file.write_bytes(file.read_bytes()[:-100])
    ros2_bag("reindex", "-s", "mcap", bag)
    with Bag(bag) as read:
        assert not read.complete
        assert read.message_count == len(WORDS)


def test_ros_2_plays_and_records_what_we_wrote(bag: Path, recorded: subprocess.Popen, tmp_path: Path) -> None:
    ros2_bag("play", "--delay", "1", bag)
    time.sleep(0.5)
    recorded.send_signal(signal.SIGINT)
    recorded.communicate(timeout=20)
    with Bag(tmp_path / "theirs") as read:
        assert [data for _, _, data in read.messages()] == WORDS
        assert read.topics[0].type_hash == type_hash(STRING)
        assert "Topic: /words" in describe(read.path)
