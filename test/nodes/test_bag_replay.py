"""Bags played to the nodes: real processes, real DDS."""

from __future__ import annotations

import time

import pytest
from nav_msgs.msg import OccupancyGrid
from rosbag2_interfaces.srv import IsPaused, PlayNext, Resume
from rosgraph_msgs.msg import Clock

from lss_bev_ros import messages
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.standalone.bag.convert import convert

PLAYER = "rosbag2_player"


@pytest.fixture(scope="session")
def converted(street, tmp_path_factory):
    reader = NuScenesReader(street)
    (bag,) = convert(reader, tmp_path_factory.mktemp("converted") / "bags").bags
    return bag


def test_a_bag_gives_the_same_grids_as_the_live_replay_bit_for_bit(street, converted, processes, listener):
    """Rate a half and a long deadline, so that a busy machine completes every frame set."""
    listener.listen(OccupancyGrid, "bev/occupancy")
    network = {"reliability": "reliable", "deadline": 20.0, "threads": 1}
    keyframes = NuScenesReader(street).count_keyframes("scene-0001")

    def grids(source):
        inference = processes.node("inference", **network)
        deadline = time.monotonic() + 90
        while not listener.node.count_publishers("/bev/occupancy") and time.monotonic() < deadline:
            assert inference.poll() is None, processes.output(inference)
            time.sleep(0.1)
        player = source()
        assert player.wait(120) == 0, processes.output(player)
        listener.wait_for(lambda got: len(got["bev/occupancy"]) >= keyframes - 1)
        inference.terminate()
        inference.wait(30)
        while listener.node.count_publishers("/bev/occupancy") and time.monotonic() < deadline:
            time.sleep(0.1)
        received = listener.received.pop("bev/occupancy")
        return {messages.from_stamp(each.header.stamp): bytes(each.data) for each in received}

    live = grids(
        lambda: processes.node(
            "replay", dataroot=street, stamp="dataset", rate=0.5, wait_for_subscribers=1, linger=4.0
        )
    )
    played = grids(
        lambda: processes.start("lss_bev_ros.cli", "bag", "play", converted, "--rate", "0.5", "--delay", "3")
    )
    both = live.keys() & played.keys()
    assert len(both) >= keyframes - 2
    assert all(live[stamp] == played[stamp] for stamp in both)
    assert len({played[stamp] for stamp in both}) == len(both), "every frame has a grid of its own"


def test_a_paused_player_steps_and_tells_the_time_of_the_bag(converted, processes, listener):
    truth, clock = "/renamed", "/clock"
    listener.listen(OccupancyGrid, truth, latched=True)
    listener.listen(Clock, clock)
    clients = {
        kind: listener.node.create_client(kind, f"{PLAYER}/{name}")
        for kind, name in ((PlayNext, "play_next"), (Resume, "resume"), (IsPaused, "is_paused"))
    }
    player = processes.start(
        *("lss_bev_ros.cli", "bag", "play", converted, "--start-paused", "--clock", "--rate", "5"),
        *("--topics", "/ground_truth/occupancy", "/tf", "--exclude-topics", "/tf"),
        *("--remap", f"/ground_truth/occupancy:={truth}"),
    )
    assert listener.call(clients[IsPaused], IsPaused.Request()).paused
    assert listener.call(clients[PlayNext], PlayNext.Request()).success
    (first,) = listener.wait_for(lambda got: got[truth])
    told = listener.wait_for(lambda got: got[clock])
    assert messages.from_stamp(told[0].clock) <= messages.from_stamp(first.header.stamp)
    listener.call(clients[Resume], Resume.Request())
    assert player.wait(60) == 0, processes.output(player)
    received = listener.wait_for(lambda got: len(got[truth]) >= 3 and got[truth])
    stamps = [messages.from_stamp(each.header.stamp) for each in received]
    assert stamps == sorted(set(stamps))
    clocks = [messages.from_stamp(each.clock) for each in listener.received[clock]]
    assert clocks == sorted(clocks)
    assert f"{len(received)} messages played" in processes.output(player)
