"""A network's scores under everything that goes wrong, beside those of clean frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import FrameAnswers, FrameTruth, evaluate_robustness
from lss_bev_ros.evaluation.corruptions import CLEAN
from lss_bev_ros.evaluation.robustness import AnswersJudge
from lss_bev_ros.geometry import BevGrid

PICTURE = cv2.imencode(".jpg", np.full((90, 160, 3), 120, np.uint8))[1].tobytes()


class Counting:
    """Says what it was given."""

    headline = ("images", "brightness")

    def __init__(self):
        self.frames, self.tokens = [], []

    def update(self, frame, keyframe):
        self.frames.append(frame)
        self.tokens.append(keyframe.token)

    @property
    def score(self):
        return self

    @property
    def running(self):
        images = [image for frame in self.frames for image in frame.images.values()]
        count = len(images) / len(self.frames)
        return {"images": count, "brightness": float(np.mean(images)), "frames": len(self.frames)}


@pytest.fixture
def root(maker, tmp_path):
    made = maker.tables()
    for record in made["sample_data"]:
        record["width"], record["height"] = (160, 90) if record["width"] else (0, 0)
    root = maker.write(tmp_path / "root", made)
    for path in root.rglob("*.jpg"):
        path.write_bytes(PICTURE)
    return root


def rows(report):
    return {row["name"]: row for row in report["rows"]}


def test_each_corruption_sees_every_keyframe_and_is_compared_with_the_clean_ones(root):
    report = evaluate_robustness(NuScenesReader(root), Counting)
    assert (report["frames"], report["skipped"]) == (2, 0)
    found = rows(report)
    assert found[CLEAN]["relative"] == {"images": 1.0, "brightness": 1.0}
    assert found["cam_front lost"]["relative"]["images"] == pytest.approx(5 / 6)
    assert found["dark strong"]["relative"]["brightness"] < 0.2
    assert found["bright strong"]["relative"]["brightness"] > 1.8
    assert {row["metrics"]["frames"] for row in report["rows"]} == {2}


def test_the_car_moves_between_keyframes_and_late_cameras_lag_behind(root):
    judges = []

    def judge():
        judges.append(Counting())
        return judges[-1]

    report = evaluate_robustness(
        NuScenesReader(root), judge, only=lambda each: each.name == "stale cameras 200 ms"
    )
    clean, late = judges[: len(report["rows"])]
    for there, then in zip(clean.frames, late.frames, strict=True):
        twist = there.twist
        moved = then.rig["cam_front"].pose.translation - there.rig["cam_front"].pose.translation
        assert moved[0] == pytest.approx(0.2 * twist[0], abs=1e-6)
    assert clean.frames[0].twist == pytest.approx(clean.frames[1].twist)  # the first has none before it


def test_a_limit_spreads_over_the_keyframes_and_progress_is_told(root):
    told = []
    report = evaluate_robustness(
        NuScenesReader(root),
        Counting,
        limit=1,
        only=lambda each: False,
        progress=lambda *done: told.append(done),
    )
    assert list(rows(report)) == [CLEAN]
    assert told == [(1, 1)]
    with pytest.raises(EvaluationError, match="limit 0"):
        evaluate_robustness(NuScenesReader(root), Counting, limit=0)


def test_keyframes_that_cannot_be_read_whole_are_skipped_and_counted(root):
    next(iter(sorted(root.rglob("CAM_FRONT/*.jpg")))).write_bytes(b"GIF89a")
    report = evaluate_robustness(NuScenesReader(root), Counting, only=lambda each: False)
    assert (report["frames"], report["skipped"]) == (1, 1)
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"GIF89a")
    with pytest.raises(EvaluationError, match="read with all its sensors"):
        evaluate_robustness(NuScenesReader(root), Counting)


def test_a_network_of_several_answers_is_judged_by_all_of_them(root):
    layer = np.zeros(BevGrid().shape, bool)
    layer[90:110] = True
    lane = np.array([[0.0, 0.0], [20.0, 0.0]])

    def ask(frame):
        """Sees the road by the front camera alone, and lanes by any."""
        road = np.where(layer & ("cam_front" in frame.images), 90, 0)
        return FrameAnswers(layers={"drivable": road}, lines={"lane_boundary": [lane]})

    def know(keyframe):
        return FrameTruth(layers={"drivable": layer}, lines={"lane_boundary": [lane + 0.3]})

    report = evaluate_robustness(
        NuScenesReader(root), lambda: AnswersJudge(ask, know), only=lambda each: each.group == "lost camera"
    )
    assert report["headline"] == ["layers.iou_drivable", "lane_boundary.f1"]
    found = rows(report)
    assert found["cam_front lost"]["relative"] == {"layers.iou_drivable": 0.0, "lane_boundary.f1": 1.0}
    assert found["cam_back lost"]["relative"] == {"layers.iou_drivable": 1.0, "lane_boundary.f1": 1.0}
