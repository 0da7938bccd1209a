"""Two cars in one ROS domain: two whole demonstrations at once."""

from __future__ import annotations

import json
import re

import pytest

from lss_bev_ros.dataset.contents import count_keyframes
from pipros.bag import Bag

CARS = {"car1": "builtin-pruned", "car2": "seed:2"}


@pytest.fixture(scope="module")
def cars(street, module_processes, tmp_path_factory):
    """Namespace to the folder that its demonstration leaves and what it printed."""
    runs = tmp_path_factory.mktemp("cars")
    running = {
        name: module_processes.start(
            *("lss_bev_ros.cli", "demo", "--runs", runs, f"dataroot:={street}", f"namespace:={name}"),
            # So slow that two networks on two busy processors keep up.
            *("repeat:=1", f"weights:={weights}", "stamp:=dataset", "rate:=0.25", "deadline:=10.0"),
        )
        for name, weights in CARS.items()
    }
    for process in running.values():
        assert process.wait(300) == 0, module_processes.output(process)
    return {name: (runs / f"demo-{name}", module_processes.output(each)) for name, each in running.items()}


def test_each_report_is_of_its_own_car(cars, street):
    scores, weights = {}, {}
    for name in CARS:
        report = json.loads((cars[name][0] / "evaluation.json").read_text())
        weights[name] = report["engine"]["weights"]
        assert report["frames"]["evaluated"] >= count_keyframes(street) - 2
        assert report["frames"]["with_lidar"] == report["frames"]["evaluated"]
        scores[name] = {frame["stamp"]: frame["precision"] for frame in report["per_frame"]}
        assert len(scores[name]) == report["frames"]["evaluated"], "a stamp twice: two cars in one report"
    assert ["seed 2" in weights[name] for name in CARS] == [False, True]
    # An untrained network sees nothing, and of nothing there is no precision.
    assert [set(scores[name].values()) == {None} for name in CARS] == [False, True]


def test_each_bag_holds_its_own_car_with_its_transforms_and_time(cars):
    grids = {}
    for name in CARS:
        with Bag(cars[name][0] / "bag") as bag:
            counts = {topic.name: topic.count for topic in bag.topics}
            grids[name] = [data for _, _, data in bag.messages([f"/{name}/bev/occupancy"])]
        shared = {topic for topic in counts if not topic.startswith(f"/{name}/")}
        assert shared <= {"/diagnostics", "/rosout"}
        for topic in ("tf", "tf_static", "clock", "cam_front/image_raw/compressed", "evaluation/iou"):
            assert counts[f"/{name}/{topic}"] > 0
    assert grids["car1"]
    assert not set(grids["car1"]) & set(grids["car2"])


def test_each_page_has_a_port_of_its_own(cars):
    ports = {re.search(r"dashboard +http://127\.0\.0\.1:(\d+)", output)[1] for _, output in cars.values()}
    assert len(ports) == len(CARS)
