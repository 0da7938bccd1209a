"""`lss-bev bag` tells what went wrong by its exit code and in one line."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from lss_bev_ros.commands.bag import bag
from pipros.bag import BagStorage


@pytest.mark.parametrize("asked", ["/tf_static=0", "/tf_static=", "/tf_static=a", "=2"])
def test_what_to_repeat_is_a_topic_and_a_depth(tmp_path, asked):
    result = CliRunner().invoke(
        bag, ["record", "-a", "-o", str(tmp_path / "bag"), "--repeat-transient-local", asked]
    )
    assert "give TOPIC or TOPIC=DEPTH" in str(result.exception)


def test_a_bag_that_is_not_played_whole_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    path = tmp_path / "bag"
    storage = BagStorage(path)
    topic = storage.add_topic("/a", "std_msgs/msg/String")
    for stamp in range(1, 5):
        storage.write(topic, stamp, b"\0\1\0\0\1\0\0\0\0\0\0\0")
    storage.close()
    play = ["play", str(path), "--rate", "1000", "--disable-keyboard-controls"]
    good = CliRunner().invoke(bag, [*play, "-s", "mcap"])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, f"{path}: 4 messages played")
    metadata = path / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 4", "message_count: 6"))
    bad = CliRunner().invoke(bag, play)
    assert bad.exit_code == 1
    assert f"{path}: 4 messages played" in bad.output
    assert "was not played whole; lost: /a: metadata.yaml claims 6 messages" in str(bad.exception)


def test_verify_names_what_is_damaged(tmp_path):
    path = tmp_path / "bag"
    storage = BagStorage(path)
    topic = storage.add_topic("/a", "std_msgs/msg/String")
    for stamp in range(1, 5):
        storage.write(topic, stamp, b"\0\1\0\0\1\0\0\0\0\0\0\0")
    storage.close()
    good = CliRunner().invoke(bag, ["verify", str(path)])
    assert good.exit_code == 0
    assert good.output.splitlines() == [
        f"{path}: 4 messages of 1 topics can be read",
        "nothing is damaged",
    ]
    file = path / "bag_0.mcap"
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    bad = CliRunner().invoke(bag, ["verify", str(path)])
    assert bad.exit_code == 1
    assert "chunk" in str(bad.exception)
    assert "/a: 4 of 4 messages" in str(bad.exception)
    assert "\n" not in str(bad.exception)
