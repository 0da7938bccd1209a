"""What was scored against nothing is not scored: no number, neither pass nor fail."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from rich.console import Console

from lss_bev_ros.dataset import Keyframe, vehicle_raster
from lss_bev_ros.evaluation import Evaluator, LidarReference, LidarScore, Study, report_table, study_table
from lss_bev_ros.evaluation.evaluator import FrameScore
from lss_bev_ros.evaluation.reliability import ReliabilityDiagram
from lss_bev_ros.files import to_json
from lss_bev_ros.geometry import BevGrid, Box, Pose, Rig
from lss_bev_ros.runtime.frame_set import Prediction
from lss_bev_ros.visualization.study import write_study_pictures

GRID = BevGrid()
EVERYWHERE = np.full(GRID.shape, 90, np.int8)


def car(points=5):
    return Box(Pose.from_yaw(0.0, (10, 3, 0.8)), np.array([4.5, 1.9, 1.6]), "car", num_lidar_pts=points)


def keyframe(boxes=(), annotated=True):
    return Keyframe("token", "scene", 0, Rig(()), {}, None, boxes, annotated=annotated)


def shown(table):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


# -- the evaluator -----------------------------------------------------------------------------------


def test_a_scan_without_a_return_has_seen_nothing():
    evaluator = Evaluator()
    score = evaluator.update(0, EVERYWHERE, scan=(np.full((10, 3), np.nan), np.zeros(3)))
    assert score.metrics == {}
    assert evaluator.report()["frames"]["missing"] == {"annotations": 1, "lidar": 1}


def test_scans_joined_in_base_link_tell_nothing_of_free_space():
    ring = np.linspace(-np.pi, np.pi, 2000)
    ground = np.concatenate(
        [np.column_stack([d * np.cos(ring), d * np.sin(ring), 0 * ring]) for d in range(4, 40, 2)]
    )
    mast, floor = np.array([0.0, 0.0, 1.8]), np.zeros(3)
    reference, score = LidarReference(GRID), LidarScore(GRID)
    assert reference.observe(ground, mast).free.any()
    joined = reference.observe(ground, floor)
    assert not joined.free.any()
    assert np.isnan(score.update(EVERYWHERE, joined)["lidar_contradiction"])
    score.update(EVERYWHERE, reference.observe(ground, mast))
    assert score.running["lidar_contradiction"] == score.last["lidar_contradiction"] > 0


# -- the study ---------------------------------------------------------------------------------------


def studied(*keyframes):
    study = Study(GRID)
    for frame in keyframes:
        logits = np.where(vehicle_raster(frame.boxes, GRID), 4.0, -4.0).astype(np.float32)
        study(frame, Prediction(0, GRID, logits, np.ones(GRID.shape, bool)), FrameScore(0, {}))
    return study


@pytest.mark.parametrize("frames", [[], [keyframe(annotated=False)], [keyframe((car(),), annotated=False)]])
def test_a_study_of_nothing_has_no_numbers(frames, tmp_path):
    study = studied(*frames)
    report = to_json(study.report())
    for part in ("vehicles_with_lidar", "all_vehicles"):
        numbers = {**report[part], **report[part]["best"], "best": None}
        assert set(numbers.values()) == {None}
    assert set(report["visibility"].values()) == {None}
    for given in (report, study.report()):
        assert "nan" not in shown(study_table(given))
    assert [path.name for path in write_study_pictures(study, tmp_path)] == ["curves.png"]
    assert cv2.imread(str(tmp_path / "curves.png")) is not None


def test_a_study_of_clear_roads_draws_its_curves(tmp_path):
    assert write_study_pictures(studied(keyframe(), keyframe()), tmp_path)


def test_where_nobody_counted_points_only_all_vehicles_are_studied():
    report = to_json(studied(keyframe((car(-1),))).report())
    assert report["all_vehicles"]["iou"] == 1.0
    assert report["vehicles_with_lidar"]["iou"] is None


def test_the_best_of_nothing_is_nothing():
    assert all(np.isnan(value) for value in ReliabilityDiagram().best().values())


def test_a_table_of_nothing_passes_no_verdict():
    text = shown(report_table(Evaluator().report()))
    assert "pass" not in text
    assert "fail" not in text
