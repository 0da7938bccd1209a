"""What is known of a scene's frames is what answers are scored against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.dataset import Keyframe, NuScenesReader
from lss_bev_ros.evaluation import AnswersScore, FrameAnswers, SceneTruth
from lss_bev_ros.evaluation.answers import HEADLINE
from lss_bev_ros.evaluation.segmentation import AREAS
from lss_bev_ros.evaluation.truth import twist
from lss_bev_ros.geometry import Box, Pose, Rig
from lss_bev_ros.geometry.classes import LINES


@pytest.fixture(scope="module")
def truth(street) -> SceneTruth:
    reader = NuScenesReader(street)
    return SceneTruth(
        list(reader.keyframes(reader.scenes[0])), prompts={"a street": "road", "x": "none such"}
    )


def perfect(known):
    """The answers of a network that knows everything."""
    return FrameAnswers(
        boxes=known.boxes,
        layers={name: np.where(layer, 90, 0) for name, layer in known.layers.items()},
        voxels=known.voxels,
        lines=known.lines,
        line_scores={name: [1.0] * len(lines) for name, lines in known.lines.items()},
        plan=np.where(np.isfinite(known.driven), known.driven, 0.0),
        similarities={words: np.where(layer, 0.9, 0.0) for words, layer in known.prompts.items()},
    )


def test_who_knows_everything_scores_one(truth):
    score = AnswersScore(truth.grid)
    for known in (truth[0], truth[len(truth) - 1]):
        score.update(perfect(known), known)
    running = score.running
    assert set(HEADLINE) <= set(running)
    for name in HEADLINE:
        if name not in (
            "boxes.map",
            "boxes.nds",
        ):  # not every class is in every scene, and none has attributes
            assert running[name] == pytest.approx(1.0), name
    assert running["boxes.map_present"] > 0.97
    assert running["prompts.iou_a street"] == 1.0
    assert "prompts.iou_x" not in running  # no such thing
    assert running["plan.ade_1"] == 0.0
    assert "plan.ade_3" not in running  # the scene ends before


def test_layers_are_of_the_street_and_of_who_moves(truth):
    known = truth[0]
    assert set(known.layers) == {*AREAS, *LINES}
    assert known.layers["drivable"].mean() > 0.05
    assert known.voxels.shape == known.voxel_mask.shape == truth.grid.shape
    assert known.origins[0] == pytest.approx(truth.keyframes[0].lidar.pose.translation, abs=1e-6)


def standing(count=5):
    """Keyframes, half a second apart, of a car that drives 2 m each past a parked one."""
    return [
        Keyframe(
            token=f"t{k}",
            scene="scene",
            stamp=int(k * 5e8),
            rig=Rig(()),
            cameras={},
            lidar=None,
            boxes=(
                Box(
                    Pose.from_yaw(0.3, (10.0 - 2 * k, 3, 1)), np.array([4.0, 2, 1.5]), "vehicle.car", "parked"
                ),
                Box(Pose.from_yaw(0.0, (1.0, 9, 1)), np.ones(3), "static_object.bicycle_rack", "rack"),
            ),
            ego=Pose.from_yaw(0.0, (2.0 * k, 0, 0)),
        )
        for k in range(count)
    ]


def test_boxes_to_come_are_where_they_are_seen_from_now():
    known = SceneTruth(standing(5))[1]
    assert len(known.around.boxes) == 4  # now and the three that are left
    for boxes in known.around.boxes:
        (parked,) = boxes
        assert parked.pose.translation == pytest.approx([8.0, 3, 1])
        assert parked.pose.yaw == pytest.approx(0.3)
    assert len(known.racks) == 2
    assert known.velocity == pytest.approx([4.0, 0.0])


def test_a_gap_in_the_recording_ends_what_is_known():
    frames = standing(6)
    frames = [*frames[:3], *(replace(frame, stamp=frame.stamp + 10**9) for frame in frames[3:])]
    assert len(SceneTruth(frames)[0].around.boxes) == 3


def test_without_annotations_map_or_labels_there_is_little_to_know():
    (frame,) = standing(1)
    known = SceneTruth([replace(frame, annotated=False)])[0]
    assert (
        known.boxes is known.layers is known.voxels is known.lines is known.origins is known.prompts is None
    )
    assert known.around.boxes == ()
    assert known.velocity.tolist() == [0.0, 0.0]


def test_a_car_on_a_circle_goes_forward():
    turn, radius = 0.4, 20.0

    def at(k):
        angle = turn * k / 2
        place = radius * np.array([np.sin(angle), 1 - np.cos(angle), 0])
        return replace(standing(1)[0], stamp=int(k * 5e8), ego=Pose.from_yaw(angle, place))

    forward, left, yaw_rate = twist(at(0), at(1))
    assert yaw_rate == pytest.approx(turn)
    assert forward == pytest.approx(turn * radius, rel=0.01)
    assert left == pytest.approx(0.0, abs=1e-9)
    assert twist(at(0)).tolist() == [0, 0, 0]
