"""A study of a few frames ends in a report, a contact sheet and two curves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros.dataset import vehicle_raster
from lss_bev_ros.dataset.frame import CameraShot, Keyframe
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import Study, study_table
from lss_bev_ros.evaluation.evaluator import FrameScore
from lss_bev_ros.files import to_json
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, Box, Camera, Pose, Rig
from lss_bev_ros.runtime.frame_set import Prediction
from lss_bev_ros.visualization.study import write_study_pictures

GRID = BevGrid()
INTRINSICS = np.array([[100.0, 0, 80], [0, 100, 45], [0, 0, 1]])


@pytest.fixture
def study(tmp_path):
    image = tmp_path / "image.jpg"
    cv2.imwrite(str(image), np.full((90, 160, 3), 128, np.uint8))
    cameras = [Camera(name, INTRINSICS, 160, 90, Pose.identity()) for name in CAMERA_NAMES]
    shots = {c.name: CameraShot(c.name, 0, image, c, Pose.identity(), True) for c in cameras[:5]}
    result = Study(GRID)
    for k in range(7):
        boxes = tuple(
            Box(
                Pose.from_yaw(0.3 * k, (12.0, 4.0 * n, 0.8)),
                np.array([4.5, 1.9, 1.6]),
                "vehicle.car",
                visibility=4,
                num_lidar_pts=n,
            )
            for n in range(5)
        )
        keyframe = Keyframe(f"token-{k}", "scene-1", k, Rig(tuple(cameras)), shots, None, boxes)
        # The prediction moves away from the annotation frame by frame.
        logits = np.roll(np.where(vehicle_raster(boxes, GRID, 1), 3.0, -3.0), k, axis=0).astype(np.float32)
        result(keyframe, Prediction(k, GRID, logits, np.ones(GRID.shape, bool)), FrameScore(k, {}))
    return result


def test_frames_are_picked_from_best_to_worst(study):
    picked = study.picked(2)
    assert [label for label, _ in picked] == ["best", "best", "median", "median", "worst", "worst"]
    ious = [frame.iou for _, frame in picked]
    assert ious == sorted(ious, reverse=True)
    assert ious[0] == 1.0


def test_the_report_is_json_and_fits_a_table(study):
    report = to_json(study.report())
    assert report["vehicles_with_lidar"]["recall"] > report["all_vehicles"]["recall"]
    assert 0 <= report["vehicles_with_lidar"]["ece"] <= 1
    assert study_table(report).row_count > 20


def test_pictures_are_written(study, tmp_path):
    written = write_study_pictures(study, tmp_path / "out")
    assert sorted(path.name for path in written) == ["contact_sheet.png", "curves.png"]
    assert all(cv2.imread(str(path)).std() > 5 for path in written)


def test_a_folder_that_cannot_be_written_is_named(study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="file"):
        write_study_pictures(study, tmp_path / "file")
