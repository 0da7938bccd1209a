"""All answers of a network scored together."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.evaluation import AnswersScore, BoxSet, FrameAnswers, FrameTruth, settings_table
from lss_bev_ros.evaluation.answers import HEADLINE
from lss_bev_ros.evaluation.planning import Surroundings
from lss_bev_ros.evaluation.rays import VoxelGrid
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.geometry.classes import FREE

GRID = VoxelGrid(BevGrid(-10, 10, -10, 10, 0.5), -1.0, 2.2, 8)
LAYER = np.zeros(GRID.plane.shape, bool)
LAYER[10:20] = True
LAYERS = ("vehicle", "drivable", "crossing", "road_boundary")
VOXELS = np.full(GRID.shape, FREE, np.uint8)
VOXELS[:, :, 0] = 11
BOXES = BoxSet.of([0], [[5.0, 0, 1]], [[4.0, 2, 1.5]], [0.0], [[1.0, 0]])
PATH = np.stack([np.arange(1, 7) * 1.0, np.zeros(6)], 1)
LINE = np.array([[-8.0, 0], [8.0, 0]])

TRUTH = FrameTruth(
    boxes=BOXES,
    layers=dict.fromkeys(LAYERS, LAYER),
    voxels=VOXELS,
    origins=np.array([[0.0, 0.0, 1.8]]),
    lines={"lane_boundary": [LINE]},
    driven=PATH,
    velocity=np.array([2.0, 0.0]),
    around=Surroundings(),
    prompts={"a car": LAYER},
)
PERFECT = FrameAnswers(
    boxes=BOXES,
    layers={name: np.where(LAYER, 90, 0) for name in LAYERS},
    voxels=VOXELS,
    lines={"lane_boundary": [LINE]},
    line_scores={"lane_boundary": [0.9]},
    plan=PATH,
    similarities={"a car": np.where(LAYER, 0.9, 0.0)},
)


def test_perfect_answers_have_the_best_scores():
    score = AnswersScore(GRID)
    score.update(PERFECT, TRUTH)
    running = score.running
    for name in (
        "layers.miou",
        "voxels.miou",
        "rays.rayiou",
        "lane_boundary.f1",
        "lane_boundary.ap",
        "prompts.iou_known",
    ):
        assert running[name] == 1.0
    assert running["boxes.map_present"] == pytest.approx(1.0)
    assert running["plan.ade_3"] == running["lane_boundary.chamfer"] == 0.0
    assert set(HEADLINE) - set(running) == {"road_boundary.f1"}


@pytest.mark.parametrize(
    ("found", "truth"), [(FrameAnswers(), TRUTH), (PERFECT, FrameTruth()), (FrameAnswers(), FrameTruth())]
)
def test_what_either_side_lacks_is_not_scored(found, truth):
    score = AnswersScore(GRID)
    score.update(found, truth)
    assert score.running == {}


def worse(seed: int) -> FrameAnswers:
    """`PERFECT`, somewhat off everywhere."""
    rng = np.random.default_rng(seed)
    off = rng.uniform(0.1, 1.0)
    return FrameAnswers(
        boxes=BoxSet.of(
            [0, 0], [[5 + off, 0, 1], [off, 3, 1]], np.full((2, 3), 2.0), [0.1, 0], scores=[off, 0.5]
        ),
        layers={name: rng.integers(-1, 101, LAYER.shape) for name in LAYERS},
        voxels=np.where(rng.random(GRID.shape) < 0.3, FREE, VOXELS),
        lines={"lane_boundary": [LINE + off]},
        line_scores={"lane_boundary": [off]},
        plan=PATH + off,
        similarities={"a car": rng.random(LAYER.shape)},
    )


def test_merged_scores_are_those_of_all_frames():
    found = [worse(seed) for seed in range(5)]
    whole, merged, later = AnswersScore(GRID), AnswersScore(GRID), AnswersScore(GRID)
    for k, each in enumerate(found):
        whole.update(each, TRUTH)
        (merged if k < 2 else later).update(each, TRUTH)
    merged.merge(AnswersScore(GRID))
    merged.merge(later)
    assert merged.running == pytest.approx(whole.running, nan_ok=True)
    assert merged.boxes.last == pytest.approx(whole.boxes.last, nan_ok=True)
    assert merged.layers.last == whole.layers.last
    assert merged.boxes.frames == merged.plan.frames == merged.prompts.frames == 5


def test_answers_come_and_go():
    score = AnswersScore(GRID)
    score.update(PERFECT, TRUTH)
    score.update(FrameAnswers(boxes=BOXES[np.array([], int)]), TRUTH)
    assert score.running["layers.miou"] == 1.0
    assert score.running["boxes.map_present"] < 0.5
    assert score.boxes.frames == 2
    assert score.layers.frames == 1


def test_layers_that_have_no_truth_are_left_out():
    score = AnswersScore(GRID)
    layers = {"walkway": np.zeros(GRID.plane.shape, int), "of_another_kind": np.zeros((3, 3))}
    score.update(FrameAnswers(layers={**layers, **PERFECT.layers}), TRUTH)
    assert "layers.iou_walkway" not in score.running


def test_settings_stand_side_by_side():
    score = AnswersScore(GRID)
    score.update(PERFECT, TRUTH)
    boxes = {"boxes.map": 0.25}
    names, cameras, lidar = settings_table({"cameras": score.running, "lidar": boxes}).columns
    assert [column.header for column in (names, cameras, lidar)] == ["metric", "cameras", "lidar"]
    rows = dict(zip(names.cells, zip(cameras.cells, lidar.cells, strict=True), strict=True))
    assert rows["boxes.map"] == ("0.100", "0.250")
    assert rows["voxels.miou"] == ("1.000", "-")
    assert list(settings_table({"lidar": boxes}).columns[0].cells) == ["boxes.map"]
