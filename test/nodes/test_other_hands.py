"""Data sets of other hands through the nodes: the same scores as offline, or none."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid

from lss_bev_ros import messages
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.evaluation import evaluate_dataset
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.runtime import create_engine

WEIGHTS = "builtin-pruned"
CHANNELS = {"CAM_FRONT": "CAM_FRONT_WIDE", "CAM_BACK_LEFT": "CAMERA_LEFT_BACK", "LIDAR_TOP": "LIDAR_CONCAT"}


def foreign(street, root):
    """The street as somebody else would have it, with two cameras moved for the last keyframes."""
    (root / "annotation").mkdir(parents=True)
    for folder in ("samples", "sweeps"):
        if (street / folder).exists():
            (root / folder).symlink_to(street / folder)
    tables = {path.stem: json.loads(path.read_text()) for path in (street / "v1.0-mini").glob("*.json")}
    for sensor in tables["sensor"]:
        sensor["channel"] = CHANNELS.get(sensor["channel"], sensor["channel"])
    for category in tables["category"]:
        category["name"] = category["name"].removeprefix("vehicle.").split(".")[0]
    tables["map"], tables["log"] = [], []
    sensors = {record["token"]: record["channel"] for record in tables["sensor"]}
    stamps = sorted(sample["timestamp"] for sample in tables["sample"])
    late = {s["token"] for s in tables["sample"] if s["timestamp"] >= stamps[len(stamps) // 2]}
    moved = {}
    for record in list(tables["calibrated_sensor"]):
        if sensors[record["sensor_token"]] in ("CAM_FRONT_WIDE", "CAM_FRONT_LEFT"):
            new = {**record, "token": record["token"][::-1]}
            new["translation"] = [value + 1.0 for value in record["translation"]]
            tables["calibrated_sensor"].append(new)
            moved[record["token"]] = new["token"]
    for shot in tables["sample_data"]:
        if shot["sample_token"] in late:
            shot["calibrated_sensor_token"] = moved.get(
                shot["calibrated_sensor_token"], shot["calibrated_sensor_token"]
            )
    for name, records in tables.items():
        (root / "annotation" / f"{name}.json").write_text(json.dumps(records))
    return root


def test_the_demonstration_scores_it_as_offline(street, tmp_path, processes):
    root = foreign(street, tmp_path / "root")
    report = tmp_path / "report.json"
    process = processes.start(
        *("lss_bev_ros.cli", "launch", "demo.launch.py", f"dataroot:={root}", f"report:={report}"),
        *("dashboard:=false", f"weights:={WEIGHTS}", "rate:=0.3", "linger:=5.0", "deadline:=10.0"),
    )
    assert process.wait(300) == 0, processes.output(process)
    live = json.loads(report.read_text())
    reader = NuScenesReader(root, "")
    assert len({keyframe.rig.fingerprint for keyframe in reader.keyframes("scene-0001")}) == 2
    with create_engine(weights=WEIGHTS) as engine:
        offline = evaluate_dataset(reader, engine)
    assert live["frames"]["evaluated"] == offline["frames"]["evaluated"]
    assert live["metrics"]["running"] == pytest.approx(offline["metrics"]["running"], nan_ok=True)
    assert live["metrics"]["running"]["recall"] is not None


def test_truth_that_nobody_knows_is_not_scored(tmp_path, processes, listener):
    report = tmp_path / "report.json"
    listener.listen(DiagnosticArray, "/diagnostics")
    publishers = {
        topic: listener.node.create_publisher(OccupancyGrid, topic, 10)
        for topic in ("bev/occupancy", "ground_truth/occupancy")
    }
    grid = BevGrid()
    process = processes.node("evaluation", report=report, match_timeout=0.2)
    for stamp in range(1, 100):
        for topic, value in (("ground_truth/occupancy", -1), ("bev/occupancy", 80)):
            cells = np.full(grid.shape, value, np.int8)
            publishers[topic].publish(messages.occupancy_grid(cells, grid, stamp * 500_000_000))
        done = [
            messages.diagnostic_values(status)
            for array in list(listener.received["/diagnostics"])
            for status in array.status
            if status.name.endswith("metrics") and "nothing to score against" in status.message
        ]
        if done:
            break
        time.sleep(0.3)
    assert done, processes.output(process)
    assert int(done[-1]["missing_references"]) > 0
    processes.stop()
    written = json.loads(report.read_text())
    assert written["frames"]["with_annotations"] == 0
    assert written["passed"] is None
    assert set(written["metrics"]["running"].values()) == {None}
