"""The evaluator, its report and the evaluation of a data set."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset import NuScenesReader, vehicle_raster
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import Evaluator, LidarReference, Thresholds, evaluate_dataset, write_report
from lss_bev_ros.files import to_json
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.runtime import Engine
from lss_bev_ros.runtime.frame_set import Prediction

GRID = BevGrid()


class ConstantEngine(Engine):
    """An engine that always says the same."""

    name, weights, reason, grid = "constant", "none", "", GRID

    def __init__(self, logits=None, visible=None):
        self.logits = np.full(GRID.shape, -5.0, np.float32) if logits is None else logits
        self.visible = np.ones(GRID.shape, bool) if visible is None else visible
        self.seen = []

    def infer(self, frame_set):
        self.seen.append(frame_set)
        return Prediction(frame_set.stamp, GRID, self.logits, self.visible)


@pytest.fixture(scope="module")
def real(nuscenes_frame) -> NuScenesReader:
    return NuScenesReader(nuscenes_frame)


def test_perfect_prediction_passes_every_threshold(real):
    (frame,) = real.keyframes("scene-0061")
    truth = vehicle_raster(frame.boxes, GRID)
    report = evaluate_dataset(real, ConstantEngine(np.where(truth, 9.0, -9.0).astype(np.float32)))
    running = report["metrics"]["running"]
    assert running["iou"] == running["precision"] == running["near_iou"] == running["lidar_recall"] == 1.0
    assert running["iou_0_10"] is None  # no vehicle there
    assert report["passed"] is True
    assert report["frames"] == {"evaluated": 1, "with_annotations": 1, "with_lidar": 1, "missing": {}}
    assert report["metrics"]["last_frame"] == running
    assert report["engine"] == {"backend": "constant", "weights": "none"}
    assert report["per_frame"][0]["scene"] == "scene-0061"
    assert report["latency_ms"]["frames"] == 1


def test_offline_equals_what_a_node_computes_from_its_messages(real):
    (frame,) = real.keyframes("scene-0061")
    logits = np.random.default_rng(0).normal(-2, 2, GRID.shape).astype(np.float32)
    offline = evaluate_dataset(real, ConstantEngine(logits))
    node = Evaluator()
    prediction = Prediction(0, GRID, logits, np.ones(GRID.shape, bool))
    node.update(
        stamp=0,
        occupancy=prediction.occupancy,
        truth=np.where(vehicle_raster(frame.boxes, GRID), 100, 0) >= 50,
        scan=(frame.lidar.pose.apply(frame.lidar.points()[:, :3]), frame.lidar.pose.translation),
    )
    assert node.report()["metrics"]["running"] == offline["metrics"]["running"]


def test_boxes_stand_in_for_a_raster(real):
    (frame,) = real.keyframes("scene-0061")
    occupancy = np.full(GRID.shape, 60, np.int8)
    by_boxes, by_truth = Evaluator(), Evaluator()
    by_boxes.update(0, occupancy, boxes=frame.boxes)
    by_truth.update(0, occupancy, truth=vehicle_raster(frame.boxes, GRID))
    assert by_boxes.last == pytest.approx(by_truth.last, nan_ok=True)


def test_missing_references_are_counted_and_not_scored():
    evaluator = Evaluator()
    score = evaluator.update(5, np.zeros(GRID.shape, np.int8))
    assert score.metrics == {}
    report = evaluator.report()
    assert report["frames"]["missing"] == {"annotations": 1, "lidar": 1}
    assert report["passed"] is None
    assert all(entry["running_passed"] is None for entry in report["thresholds"])


def test_report_of_nothing_is_json():
    report = json.loads(json.dumps(Evaluator().report(), allow_nan=False))
    assert report["frames"]["evaluated"] == 0
    assert report["metrics"]["running"]["iou"] is None
    assert report["latency_ms"] is None


def test_damaged_files_cost_a_camera_not_the_run(nuscenes_frame, tmp_path):
    root = tmp_path / "frame"
    for path in nuscenes_frame.rglob("*"):
        target = root / path.relative_to(nuscenes_frame)
        if path.is_dir():
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    (front,) = root.glob("samples/CAM_FRONT/*.jpg")
    data = front.read_bytes()
    front.unlink()
    front.write_bytes(data[: len(data) // 2])
    (scan,) = root.glob("samples/LIDAR_TOP/*")
    scan.unlink()
    constant = ConstantEngine()
    report = evaluate_dataset(NuScenesReader(root), constant)
    assert "cam_front" not in constant.seen[0].images
    assert constant.seen[0].rig.names[1] == "cam_front"
    assert report["frames"]["missing"] == {"images": 1, "lidar": 1}
    assert len(report["data"]["damaged"]) == 2
    assert report["metrics"]["running"]["lidar_support"] is None


def test_progress_limit_and_observer(real):
    steps, watched = [], []
    evaluate_dataset(
        real,
        ConstantEngine(),
        limit=5,
        progress=lambda done, total: steps.append((done, total)),
        observer=lambda frame, prediction, score: watched.append((frame.token, score.lidar is not None)),
    )
    assert steps == [(1, 1)]
    assert watched == [("c50cb47fe5e10eec18bd68757cd73b0f", True)]
    with pytest.raises(EvaluationError, match="limit 0"):
        evaluate_dataset(real, ConstantEngine(), limit=0)


def test_thresholds_judge_last_and_running_alone():
    evaluator = Evaluator(thresholds=Thresholds(lidar_contradiction=0.1))
    truth = np.zeros(GRID.shape, bool)
    truth[100:110, 100:104] = True
    evaluator.update(0, np.zeros(GRID.shape, np.int8), truth)
    evaluator.update(1, np.where(truth, 90, 0).astype(np.int8), truth)
    iou = next(entry for entry in evaluator.report()["thresholds"] if entry["metric"] == "iou")
    assert iou == {
        "metric": "iou",
        "threshold": 0.45,
        "running": 0.5,
        "running_passed": True,
        "last_frame": 1.0,
        "last_frame_passed": True,
    }
    recall = next(entry for entry in evaluator.report()["thresholds"] if entry["metric"] == "recall")
    assert (recall["running_passed"], recall["last_frame_passed"]) == (False, True)


def test_default_thresholds_are_those_of_the_design():
    assert dict(Thresholds().items()) == {
        "iou": 0.45,
        "precision": 0.75,
        "recall": 0.80,
        "f1": 0.77,
        "near_iou": 0.50,
        "iou_0_10": 0.60,
        "iou_10_20": 0.50,
        "iou_20_30": 0.45,
    }


def test_contradiction_is_an_upper_bound():
    (verdict,) = Thresholds(*[None] * 9, lidar_contradiction=0.1).judge({"lidar_contradiction": 0.2})
    assert verdict.passed is False


@pytest.mark.parametrize(
    "values", [{"iou": 1.5}, {"iou": -0.1}, {"recall": "high"}, {"f1": True}, {"accuracy": 0.5}]
)
def test_impossible_thresholds_are_named(values):
    with pytest.raises(EvaluationError, match=next(iter(values))):
        Thresholds.from_mapping(values)


def test_parts_for_another_grid_are_refused():
    with pytest.raises(EvaluationError, match="reference"):
        Evaluator(GRID, reference=LidarReference(BevGrid(0, 10, 0, 10)))


def test_failed_write_leaves_the_report_before(tmp_path, monkeypatch):
    path = write_report(tmp_path / "runs" / "evaluation.json", {"frames": 1})
    monkeypatch.setattr(
        "os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(EvaluationError, match="No space left"):
        write_report(path, {"frames": 2})
    assert json.loads(path.read_text()) == {"frames": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["evaluation.json"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_like)
def test_any_report_survives_json(value):
    text = json.dumps(to_json(value), allow_nan=False)
    assert json.loads(text) == to_json(value)


def test_numbers_of_numpy_become_plain():
    assert to_json({"a": np.float32(0.5), "b": np.array([1, 2]), "c": math.inf, "d": np.bool_(True)}) == {
        "a": 0.5,
        "b": [1, 2],
        "c": None,
        "d": True,
    }


def test_a_report_lists_as_many_frames_as_are_asked_for_and_scores_all():
    evaluator = Evaluator(frames_kept=3)
    cells = np.zeros(evaluator.grid.shape, np.int8)
    for stamp in range(10):
        evaluator.update(stamp, cells, truth=cells > 50)
    report = evaluator.report()
    assert [frame["stamp"] for frame in report["per_frame"]] == [7, 8, 9]
    assert report["frames"]["evaluated"] == 10
