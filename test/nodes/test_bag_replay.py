"""Bags played to the nodes: real processes, real DDS."""

from __future__ import annotations

import time

import pytest
from nav_msgs.msg import OccupancyGrid
from rosbag2_interfaces.srv import IsPaused, PlayNext, Resume
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from lss_bev_ros import messages
from lss_bev_ros.bags.convert import convert
from lss_bev_ros.dataset import NuScenesReader
from pipros.bag import Bag

PLAYER = "rosbag2_player"


@pytest.fixture(scope="session")
def converted(street, tmp_path_factory):
    reader = NuScenesReader(street)
    (bag,) = convert(reader, tmp_path_factory.mktemp("converted") / "bags").bags
    return bag


def test_a_bag_gives_the_same_grids_as_the_live_replay_bit_for_bit(street, converted, processes, listener):
    """Frame by frame, so that a busy machine leaves no frame set out and completes every one."""
    listener.listen(OccupancyGrid, "bev/occupancy")
    network = {"reliability": "reliable", "deadline": 20.0, "threads": 1}
    with Bag(converted) as bag:
        order = [topic for topic, _, _ in bag.messages()]

    def settle(client):
        """Wait until who publishes is there, and a while more for writers and readers to find each other."""
        assert client.wait_for_service(timeout_sec=90)
        time.sleep(3.0)

    def step_replay():
        processes.node(
            "replay", dataroot=street, stamp="dataset", paused="true", wait_for_subscribers=1, linger=0.5
        )
        step = listener.node.create_client(Trigger, "replay/step")
        settle(step)
        for _ in range(order.count("/ground_truth/occupancy")):
            yield listener.call(step, Trigger.Request())

    def step_player():
        processes.start("lss_bev_ros.cli", "bag", "play", converted, "--start-paused")
        step = listener.node.create_client(PlayNext, f"{PLAYER}/play_next")
        settle(step)
        for topic in order:
            answer = listener.call(step, PlayNext.Request())
            if topic == "/ground_truth/occupancy":
                yield answer

    def grids(source):
        inference = processes.node("inference", **network)
        # The node announces its grid last, when the cameras are subscribed to; then they find each other.
        deadline = time.monotonic() + 90
        while not listener.node.count_publishers("/bev/occupancy") and time.monotonic() < deadline:
            assert inference.poll() is None, processes.output(inference)
            time.sleep(0.1)
        for count, answer in enumerate(source(), 1):
            assert answer.success
            listener.wait_for(lambda got, count=count: len(got["bev/occupancy"]) >= count)
        inference.terminate()
        inference.wait(30)
        received = listener.received.pop("bev/occupancy")
        while listener.node.count_publishers("/bev/occupancy"):
            time.sleep(0.1)
        return {messages.from_stamp(each.header.stamp): bytes(each.data) for each in received}

    live, played = grids(step_replay), grids(step_player)
    assert len(live) == order.count("/ground_truth/occupancy") > 2
    assert live == played
    assert len(set(played.values())) == len(played), "every frame has a grid of its own"


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
