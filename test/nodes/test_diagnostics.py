from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from lss_bev_ros.nodes.diagnostics import Latencies, is_of_another_car
from lss_bev_ros.nodes.latest import LatestSlot
from lss_bev_ros.nodes.replay import ReplayNode


def test_latencies_are_summed_up_while_stages_are_added():
    latencies = Latencies()
    done = threading.Event()

    def add():
        for index in range(20_000):
            latencies.add(f"stage{index % 500}", float(index))
            if index % 7 == 0:
                latencies.forget(f"stage{index % 500}")
        done.set()

    thread = threading.Thread(target=add)
    thread.start()
    while not done.is_set():
        latencies.summary()
    thread.join()
    assert latencies.summary()["stage1_ms"] > 0


def test_a_stage_that_is_forgotten_is_no_longer_told():
    latencies = Latencies()
    latencies.add("latency", 80.0)
    latencies.add("total", 70.0)
    latencies.forget("latency")
    latencies.forget("never")
    assert latencies.summary() == {"total_ms": 70.0, "total_p95_ms": 70.0}


def test_a_slot_holds_the_newest_item_and_counts_the_others():
    slot = LatestSlot()
    for item in (1, 2, 3):
        slot.put(item)
    assert slot.take() == 3
    assert slot.dropped == 2
    slot.close()
    assert slot.take() is None


@pytest.mark.parametrize(
    ("status", "namespace", "foreign"),
    [
        ("car1/inference: network", "/car1", False),
        ("car2/inference: network", "/car1", True),
        ("inference: network", "/car1", True),
        ("car1/inference: network", "/", True),
        ("inference: network", "/", False),
        ("fleet/car1/replay: replay", "/fleet/car1", False),
        ("fleet/car10/replay: replay", "/fleet/car1", True),
        ("usb_cam: Device", "/car1", False),  # diagnostic_updater leaves the namespace out
        ("car1/cam_front/usb_cam: Device", "/car1", False),
        ("car10/cam_front/usb_cam: Device", "/car1", True),
        ("cam_front/usb_cam: Device", "/", False),
    ],
)
def test_a_car_reads_its_own_diagnostics(status, namespace, foreign):
    assert is_of_another_car(status, namespace) is foreign


def test_a_call_of_a_service_does_not_cut_the_replays_last_seconds_short():
    node = SimpleNamespace(_control=threading.Condition(), _closing=False)
    sleeper = threading.Thread(target=ReplayNode._sleep, args=(node, 60.0), daemon=True)
    sleeper.start()
    for _ in range(5):
        with node._control:
            node._control.notify_all()  # as pause, resume and step do
        sleeper.join(0.05)
    assert sleeper.is_alive()
    node._closing = True
    with node._control:
        node._control.notify_all()
    sleeper.join(10.0)
    assert not sleeper.is_alive()
