"""Everything together: launch file, bag, evaluation, over real processes and real DDS."""

from __future__ import annotations

import json
import signal
import time

import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.demo.demonstration import answer_arguments, demo_weights
from lss_bev_ros.evaluation import evaluate_dataset
from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.model import multi_sense_names
from lss_bev_ros.runtime import create_engine
from pipros.bag import Bag

WEIGHTS = "builtin-pruned"
"""Keep up with the replay on any machine."""

ANSWERS = {
    "/bev/objects",
    "/bev/drivable",
    "/bev/voxels",
    "/bev/lanes",
    "/bev/plan",
    "/bev/prompts/prompt_0",
}
"""Of what a multi-sense network adds."""

TOPICS = {
    *(f"/{name}/image_raw/compressed" for name in CAMERA_NAMES),
    *(f"/{name}/camera_info" for name in CAMERA_NAMES),
    "/lidar_top/points",
    "/tf",
    "/tf_static",
    "/ground_truth/occupancy",
    "/ground_truth/boxes",
    "/bev/occupancy",
    "/bev/image",
    "/bev/image/compressed",
    "/evaluation/iou",
    "/evaluation/lidar_support",
    "/diagnostics",
}


@pytest.fixture(scope="module")
def finished(street, module_processes, tmp_path_factory):
    """The folder that a whole demonstration leaves."""
    runs = tmp_path_factory.mktemp("demo")
    arguments = (f"dataroot:={street}", f"weights:={WEIGHTS}", "rate:=0.25", "deadline:=10.0")
    process = module_processes.start("lss_bev_ros.cli", "demo", "--runs", runs, *arguments)
    assert process.wait(300) == 0, module_processes.output(process)
    assert f"weights {WEIGHTS}" in module_processes.output(process)
    return runs / "demo"


def test_the_bag_holds_every_topic(finished):
    with Bag(finished / "bag") as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
    assert counts.keys() >= TOPICS
    assert all(counts[topic] > 0 for topic in TOPICS)


def test_every_keyframe_is_scored_as_offline(finished, street):
    live = json.loads((finished / "evaluation.json").read_text())
    assert live["frames"]["evaluated"] >= 18
    assert live["frames"]["evaluated"] == live["frames"]["with_annotations"] == live["frames"]["with_lidar"]
    with create_engine(weights=WEIGHTS) as engine:
        offline = evaluate_dataset(NuScenesReader(street, ""), engine)
    scores = [_scores(frame) for frame in offline["per_frame"]]
    repeats, rest = divmod(len(live["per_frame"]), len(scores))
    assert rest == 0
    assert [_scores(frame) for frame in live["per_frame"]] == scores * repeats
    assert live["metrics"]["running"] == pytest.approx(offline["metrics"]["running"], nan_ok=True)


def test_the_weights_that_ship_see_the_cars(finished):
    metrics = json.loads((finished / "evaluation.json").read_text())["metrics"]["running"]
    assert metrics["iou"] > 0.35
    assert metrics["lidar_contradiction"] < 0.15


def test_the_picture_is_there(finished):
    import cv2

    picture = cv2.imread(str(finished / "frame.png"))
    assert picture.shape[1] == 1920


def test_only_a_multi_sense_network_is_asked_for_more():
    assert answer_arguments(WEIGHTS) == {}
    assert answer_arguments("model.pt") == {}
    found = answer_arguments("multi-seed:0")
    assert found.get("stamp", "dataset") == "dataset"
    assert ("rate" in found) == ("stamp" in found)
    assert "stamp" not in answer_arguments("multi-seed:0", {"rate": "1.0"})


def test_the_multi_sense_network_is_shown_where_it_ships(monkeypatch, tmp_path):
    monkeypatch.setattr(multi_sense_names, "SHIPPED", tmp_path / "lss_multi.safetensors")
    assert demo_weights() in ("builtin", "builtin-pruned")
    (tmp_path / "lss_multi.safetensors").touch()
    assert demo_weights() == "builtin-multi"


def test_the_published_network_leaves_no_picture_of_answers(finished):
    assert not (finished / "answers.png").exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_nothing_is_lost_when_it_is_ended(street, processes, tmp_path, ending):
    process = processes.start(
        "lss_bev_ros.cli", "demo", "--runs", tmp_path, f"dataroot:={street}", "loop:=true"
    )
    report = tmp_path / "demo" / "evaluation.json"
    deadline = time.monotonic() + 300
    while not (report.exists() and json.loads(report.read_text())["frames"]["evaluated"] > 3):
        assert time.monotonic() < deadline, processes.output(process)
        time.sleep(0.2)
    process.send_signal(ending)
    assert process.wait(60) == 0
    assert json.loads(report.read_text())["frames"]["evaluated"] > 3
    with Bag(tmp_path / "demo" / "bag") as bag:
        assert bag.complete
        assert bag.message_count > 50
        if demo_weights() == "builtin-multi":
            counts = {topic.name: topic.count for topic in bag.topics}
            assert all(counts.get(topic) for topic in ANSWERS)


def _scores(frame):
    return {name: value for name, value in frame.items() if name not in ("stamp", "latency_ms", "scene")}
