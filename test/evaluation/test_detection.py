"""Detection metrics: values that follow from the definition, and nuscenes-devkit's own beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.detection import (
    MOST_BOXES,
    RANGES,
    BoxSet,
    DetectionScore,
)
from lss_bev_ros.geometry import Box, Pose
from lss_bev_ros.geometry.classes import DETECTED

CAR, BARRIER, BICYCLE, CONE = (DETECTED.index(name) for name in ("car", "barrier", "bicycle", "traffic_cone"))
KINDS = {
    "pedestrian": ("pedestrian.moving", "pedestrian.sitting_lying_down", "pedestrian.standing"),
    "bicycle": ("cycle.with_rider", "cycle.without_rider"),
    "motorcycle": ("cycle.with_rider", "cycle.without_rider"),
    "barrier": ("",),
    "traffic_cone": ("",),
}
MOVING = ("vehicle.moving", "vehicle.parked", "vehicle.stopped")


def at(*places, label=CAR, scores=None, velocities=None, yaws=None, points=None, attributes=None):
    """Cars of 4 x 2 x 1.5 m at places (x, y)."""
    count = len(places)
    return BoxSet.of(
        labels=[label] * count,
        centers=np.array([(x, y, 0.8) for x, y in places]).reshape(-1, 3),
        sizes=np.tile([4.0, 2.0, 1.5], (count, 1)),
        yaws=np.zeros(count) if yaws is None else yaws,
        velocities=np.zeros((count, 2)) if velocities is None else velocities,
        scores=scores,
        points=points,
        attributes=attributes,
    )


def scored(*frames, **options):
    score = DetectionScore()
    for detected, annotated in frames:
        score.update(detected, annotated, **options)
    return score


NOTHING = at()


def test_detections_that_equal_the_annotations_score_one():
    boxes = at((10, 0), (20, 5), (-8, 3), attributes=["vehicle.parked"] * 3)
    row = scored((boxes, boxes)).by_class["car"]
    assert row["ap"] == pytest.approx(1.0)
    assert [row[name] for name in ("ate", "ase", "aoe", "ave", "aae")] == pytest.approx([0.0] * 5)


def test_a_perfect_detector_of_every_class_has_an_nds_of_one():
    labels = np.arange(10)
    boxes = BoxSet.of(
        labels,
        centers=np.stack([np.arange(10) * 2.5, np.zeros(10), np.ones(10)], 1),
        sizes=np.ones((10, 3)),
        yaws=np.zeros(10),
        velocities=np.zeros((10, 2)),
        attributes=[KINDS.get(name, MOVING)[0] for name in DETECTED],
    )
    running = scored((boxes, boxes)).running
    assert [running[name] for name in ("map", "nds", "nds_without_attributes")] == pytest.approx([1.0] * 3)


def test_one_of_ten_classes_found_is_a_tenth_of_the_map():
    score = scored((at((10, 0)), at((10, 0))))
    assert score.running["map"] == pytest.approx(0.1)
    assert score.running["map_present"] == pytest.approx(1.0)


def test_nothing_scored_is_worth_nothing():
    running = scored((NOTHING, NOTHING)).running
    assert running["map"] == running["nds"] == 0.0
    assert running["mate"] == running["mave"] == 1.0
    assert math.isnan(running["map_present"])


@pytest.mark.parametrize(
    ("apart", "distances"),
    [(0.0, 4), (0.49, 4), (0.5, 3), (0.99, 3), (1.0, 2), (1.99, 2), (2.0, 1), (3.99, 1), (4.0, 0)],
)
def test_centres_must_be_nearer_than_each_distance(apart, distances):
    row = scored((at((10 + apart, 0)), at((10, 0)))).by_class["car"]
    assert sum(row[f"ap_{limit}"] > 0 for limit in ("0.5", "1", "2", "4")) == distances
    assert row["ate"] == (pytest.approx(apart) if apart < 2 else 1.0)


def test_a_second_detection_of_one_car_is_false():
    row = scored((at((10, 0), (10.1, 0), scores=[0.9, 0.8]), at((10, 0)))).by_class["car"]
    # It comes after full recall, and so costs the last of 90 steps alone: half of what is above a tenth.
    assert row["ap"] == pytest.approx(1 - 0.5 / 0.9 / 90)
    row = scored((at((10, 0), (30, 0), scores=[0.8, 0.9]), at((10, 0)))).by_class["car"]
    # Precision is 0 at a recall of 0 and one half at 1, with a line between: the mean of what is above 0.1.
    steps = np.maximum(np.linspace(0, 0.5, 101)[11:] - 0.1, 0).mean() / 0.9
    assert row["ap"] == pytest.approx(steps)


def test_the_nearest_annotation_is_taken_by_the_higher_score():
    # The second detection is nearer to the first annotation, and must do with what is left.
    detected = at((10.4, 0), (10.3, 0), scores=[0.9, 0.5])
    row = scored((detected, at((10, 0), (11.5, 0)))).by_class["car"]
    assert row["ate"] < (0.4 + 1.2) / 2
    assert row["ap_2"] == pytest.approx(1.0)


def test_of_equal_scores_the_later_comes_first():
    near, far = (10.1, 0), (11.0, 0)
    last_far = scored((at(near, far), at((10, 0)))).by_class["car"]
    last_near = scored((at(far, near), at((10, 0)))).by_class["car"]
    assert last_far["ate"] == pytest.approx(1.0)
    assert last_near["ate"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", list(RANGES))
def test_boxes_at_the_edge_of_the_range_do_not_count(name):
    label, reach = DETECTED.index(name), RANGES[name]
    for x, counts in ((reach, 0), (np.nextafter(reach, 0), 1), (-reach, 0), (reach - 0.01, 1)):
        boxes = at((x, 0), label=label)
        row = scored((boxes, boxes)).by_class[name]
        assert (row["annotated"], row["detected"]) == (counts, counts)


def test_the_range_is_from_the_car_wherever_that_is():
    boxes = at((1040, 2000), (1051, 2000))
    row = scored((boxes, boxes), ego=(1000, 2000)).by_class["car"]
    assert row["annotated"] == 1


def test_annotations_without_a_return_do_not_count_and_uncounted_ones_do():
    annotated = at((10, 0), (20, 0), (30, 0), points=[0, 1, -1])
    assert scored((NOTHING, annotated)).by_class["car"]["annotated"] == 2


def test_cycles_in_a_rack_do_not_count_and_cars_do():
    rack = Box(Pose.from_yaw(0.3, (10, 0, 1)), np.array([6.0, 2.0, 2.0]), "static_object.bicycle_rack")
    other = Box(Pose.from_yaw(0.3, (10, 0, 1)), np.array([60.0, 60.0, 9.0]), "vehicle.car")
    for label, counts in ((BICYCLE, 0), (CAR, 1)):
        boxes = at((10.5, 0.2), label=label)
        row = scored((boxes, boxes), racks=[rack, other]).by_class[DETECTED[label]]
        assert (row["annotated"], row["detected"]) == (counts, counts)


def test_a_barrier_has_no_front():
    turned = [at((10, 0), label=label, yaws=[math.pi]) for label in (BARRIER, CAR)]
    straight = [at((10, 0), label=label) for label in (BARRIER, CAR)]
    assert scored((turned[0], straight[0])).by_class["barrier"]["aoe"] == pytest.approx(0.0, abs=1e-12)
    assert scored((turned[1], straight[1])).by_class["car"]["aoe"] == pytest.approx(math.pi)


def test_cones_have_no_orientation_velocity_or_attribute():
    boxes = at((10, 0), label=CONE)
    row = scored((boxes, boxes)).by_class["traffic_cone"]
    assert all(math.isnan(row[name]) for name in ("aoe", "ave", "aae"))


def test_without_velocities_the_error_is_one_and_some_count_alone():
    annotated = at((10, 0), (20, 0), velocities=[(5, 0), (5, 0)])
    none = at((10, 0), (20, 0), velocities=np.full((2, 2), np.nan))
    assert scored((none, annotated)).by_class["car"]["ave"] == 1.0
    first = at((10, 0), (20, 0), velocities=[(8, 0), (np.nan, np.nan)], scores=[0.9, 0.8])
    assert scored((first, annotated)).by_class["car"]["ave"] == pytest.approx(3.0)


def test_a_velocity_unknown_at_the_highest_scores_is_right_until_the_first_that_is_known():
    annotated = at((10, 0), (20, 0), velocities=[(5, 0), (5, 0)])
    second = at((10, 0), (20, 0), velocities=[(np.nan, np.nan), (8, 0)], scores=[0.9, 0.8])
    assert scored((second, annotated)).by_class["car"]["ave"] < 1.5


def test_errors_need_a_recall_above_a_tenth():
    many = at(*[(x, 0) for x in range(1, 41)])
    assert scored((at((1.1, 0)), many)).by_class["car"]["ate"] == 1.0
    assert scored((at(*[(x + 0.1, 0) for x in range(1, 9)]), many)).by_class["car"]["ate"] < 0.2


def test_frames_are_scored_together_and_the_last_alone():
    score = scored((at((10, 0)), at((10, 0))), (NOTHING, at((10, 0))))
    assert score.by_class["car"]["annotated"] == 2
    assert 0.4 < score.by_class["car"]["ap"] < 0.5  # half of the recalls, without the first tenth
    assert score.last["ap_car"] == 0.0
    assert score.frames == 2
    score.reset()
    assert (score.running["map"], score.frames) == (0.0, 0)


def test_more_boxes_than_allowed_are_refused():
    many = at(*[(1 + k / 100, 0) for k in range(MOST_BOXES + 1)])
    with pytest.raises(EvaluationError, match="highest scores"):
        DetectionScore().update(many, NOTHING)
    DetectionScore().update(many[np.arange(MOST_BOXES)], NOTHING)


def test_logits_are_no_scores():
    with pytest.raises(EvaluationError, match="not logits"):
        DetectionScore().update(at((10, 0), scores=[-0.5]), NOTHING)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sizes": np.zeros((1, 3))}, "sizes"),
        ({"centers": np.full((1, 3), np.nan)}, "centers"),
        ({"scores": np.array([np.nan])}, "scores"),
        ({"labels": np.array([10])}, "labels"),
        ({"velocities": np.zeros((1, 3))}, "velocities"),
        ({"points": np.zeros(2, np.int64)}, "points"),
    ],
)
def test_impossible_boxes_are_named(change, says):
    boxes = at((10, 0))
    fields = {name: getattr(boxes, name) for name in BoxSet.__dataclass_fields__}
    with pytest.raises(EvaluationError, match=says):
        BoxSet(**{**fields, **change})


def test_boxes_of_a_data_set_keep_their_class_place_and_velocity():
    boxes = [
        Box(Pose.from_yaw(0.5, (1, 2, 3)), np.array([4.0, 2, 1]), "vehicle.bus.bendy", num_lidar_pts=7),
        Box(Pose.identity(), np.ones(3), "vehicle.emergency.police"),
        Box(Pose.identity(), np.ones(3), "pedestrian", velocity=np.array([1.0, 2.0]), num_lidar_pts=-1),
    ]
    found = BoxSet.from_boxes(boxes, scores=[0.3, 0.4, 0.5], attributes=["vehicle.parked", "", ""])
    assert [DETECTED[label] for label in found.labels] == ["bus", "pedestrian"]
    assert found.yaws.tolist() == pytest.approx([0.5, 0.0])
    assert found.points.tolist() == [7, -1]
    assert found.scores.tolist() == [0.3, 0.5]
    assert found.attributes.tolist() == ["vehicle.parked", ""]
    assert np.isnan(found.velocities[0]).all()
    assert found.velocities[1].tolist() == [1, 2]
    assert len(BoxSet.from_boxes([])) == 0


@pytest.mark.parametrize(
    ("lidar", "radar", "points"),
    [(0, 0, 0), (0, 3, 3), (2, 0, 2), (2, 3, 5), (-1, 0, -1), (-1, 3, -1), (1, -1, 1)],
)
def test_an_annotation_counts_where_lidar_or_radar_hit_it(lidar, radar, points):
    box = Box(Pose.identity(), np.ones(3), "car", num_lidar_pts=lidar, num_radar_pts=radar)
    annotated = BoxSet.from_boxes([box])
    assert annotated.points.tolist() == [points]
    score = DetectionScore()
    score.update(annotated[np.zeros(0, int)], annotated)
    assert score.by_class["car"]["annotated"] == (points != 0)


def test_the_classes_are_those_that_the_network_detects():
    senses = pytest.importorskip("lss_bev_ros.model.senses")
    assert tuple(RANGES) == senses.DETECTED


# Beside the devkit.


def draw(seed, frames, ties, crowd):
    """Random frames in nuScenes' global frame, as (detected, annotated, ego (pose), racks).

    Args:
        seed: of the generator.
        frames: how many.
        ties: of how few values scores, places and so on are drawn; 0 draws them freely.
        crowd: objects a frame.
    """
    rng = np.random.default_rng(seed)

    def some(count, low, high, levels=ties):
        values = rng.uniform(low, high, count)
        return values if not levels else np.round(values / (high - low) * levels) / levels * (high - low)

    def boxes(count, ego):
        labels = rng.integers(0, 10, count) if crowd > 3 else np.full(count, rng.integers(0, 10))
        local = np.stack([some(count, -60, 60, 4 * ties), some(count, -9, 9), some(count, 0, 2)], 1)
        velocities = np.stack([some(count, -9, 9), some(count, -9, 9)], 1)
        velocities[rng.random(count) < 0.2] = np.nan
        attributes = [rng.choice(["", *KINDS.get(DETECTED[k], MOVING)]) for k in labels]
        return BoxSet.of(
            labels,
            ego.apply(local),
            np.maximum(some((count, 3), 0.5, 6), 0.5),
            some(count, -7, 7),
            velocities,
            np.maximum(some(count, 0, 1), 0),
            rng.integers(-1, 4, count),
            attributes,
        )

    for _ in range(frames):
        ego = Pose.from_yaw(rng.uniform(-3, 3), (*rng.uniform(-900, 900, 2), 0))
        if ties:
            ego = Pose.from_yaw(0.0, (*rng.integers(-900, 900, 2), 0))
        annotated = boxes(int(rng.integers(0, crowd + 1)), ego)
        near = annotated[rng.random(len(annotated)) < 0.8]
        moved = BoxSet.of(
            near.labels,
            near.centers + some((len(near), 3), -1.5, 1.5),
            near.sizes * rng.uniform(0.7, 1.4, (len(near), 3)),
            near.yaws + rng.choice([0, 0.1, math.pi, -math.pi], len(near)),
            near.velocities + some((len(near), 2), -1, 1),
            np.maximum(some(len(near), 0, 1), 0),
            attributes=near.attributes,
        )
        wrong = boxes(int(rng.integers(0, crowd + 1)), ego)
        detected = joined(moved, wrong, moved[rng.random(len(moved)) < 0.2])
        rack = Box(ego @ Pose.from_yaw(0.4, (8, 0, 1)), np.array([30.0, 5, 3]), "static_object.bicycle_rack")
        yield detected, annotated, ego, [rack] * int(rng.random() < 0.5)


def joined(*sets):
    names = BoxSet.__dataclass_fields__
    return BoxSet(**{name: np.concatenate([getattr(each, name) for each in sets]) for name in names})


def of_devkit(frames):
    """The devkit's own metrics of frames."""
    pytest.importorskip("nuscenes.eval.detection", reason="nuscenes-devkit is the extra devkit")
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.common.loaders import add_center_dist, filter_eval_boxes
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

    tables = {"sample": {}, "sample_data": {}, "ego_pose": {}, "sample_annotation": {}}

    class Tables:
        def get(self, table, token):
            return tables[table][token]

    found, true = EvalBoxes(), EvalBoxes()
    for k, (detected, annotated, ego, racks) in enumerate(frames):
        token = f"frame{k}"
        tables["sample"][token] = {
            "data": {"LIDAR_TOP": token},
            "anns": [f"{token}r{i}" for i in range(len(racks))],
        }
        tables["sample_data"][token] = {"ego_pose_token": token}
        tables["ego_pose"][token] = {"translation": ego.translation.tolist()}
        for i, rack in enumerate(racks):
            tables["sample_annotation"][f"{token}r{i}"] = {
                "category_name": rack.category,
                "translation": rack.pose.translation,
                "size": rack.size[[1, 0, 2]],
                "rotation": rack.pose.quaternion,
            }
        for boxes, into in ((detected, found), (annotated, true)):
            into.add_boxes(
                token,
                [
                    DetectionBox(
                        sample_token=token,
                        translation=tuple(boxes.centers[i]),
                        size=tuple(boxes.sizes[i][[1, 0, 2]]),
                        rotation=tuple(Pose.from_yaw(boxes.yaws[i]).quaternion),
                        velocity=tuple(boxes.velocities[i]),
                        num_pts=int(boxes.points[i]),
                        detection_name=DETECTED[boxes.labels[i]],
                        detection_score=float(boxes.scores[i]),
                        attribute_name=str(boxes.attributes[i]),
                    )
                    for i in range(len(boxes))
                ],
            )
    evaluation = DetectionEval.__new__(DetectionEval)
    evaluation.cfg, evaluation.verbose = config_factory("detection_cvpr_2019"), False
    for name, boxes in (("pred_boxes", found), ("gt_boxes", true)):
        boxes = add_center_dist(Tables(), boxes)
        # The devkit cannot filter no boxes at all.
        kept = filter_eval_boxes(Tables(), boxes, evaluation.cfg.class_range) if boxes.all else boxes
        setattr(evaluation, name, kept)
    metrics, _ = evaluation.evaluate()
    return metrics.serialize()


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    frames=st.integers(1, 6),
    ties=st.sampled_from([0, 1, 2, 6]),
    crowd=st.sampled_from([1, 3, 12, 60]),
)
@example(seed=0, frames=1, ties=1, crowd=0)
@example(seed=1, frames=8, ties=0, crowd=150)
@example(seed=2, frames=8, ties=3, crowd=150)
def test_every_number_equals_the_devkits(seed, frames, ties, crowd):
    drawn = list(draw(seed, frames, ties, crowd))
    theirs = of_devkit(drawn)
    score = DetectionScore()
    for detected, annotated, ego, racks in drawn:
        score.update(detected, annotated, ego.translation, racks)
    near = {"abs": 1e-6, "nan_ok": True}
    for name, row in score.by_class.items():
        for distance, ap in theirs["label_aps"][name].items():
            assert row[f"ap_{distance:g}"] == pytest.approx(ap, **near)
        for ours, error in zip(("ate", "ase", "aoe", "ave", "aae"), ERRORS, strict=True):
            assert row[ours] == pytest.approx(theirs["label_tp_errors"][name][error], **near), (name, error)
    running = score.running
    assert running["map"] == pytest.approx(theirs["mean_ap"], **near)
    assert running["nds"] == pytest.approx(theirs["nd_score"], **near)
    for ours, error in zip(("mate", "mase", "maoe", "mave", "maae"), ERRORS, strict=True):
        assert running[ours] == pytest.approx(theirs["tp_errors"][error], **near)


ERRORS = ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err")


@given(st.integers(0, 2**31), st.floats(-math.pi, math.pi), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=15)
def test_scores_are_the_same_in_base_link_and_on_the_map(seed, yaw, x, y):
    ego = Pose.from_yaw(yaw, (x, y, 0))
    (frame,) = draw(seed, 1, 0, 40)
    here = [moved(boxes, frame[2].inverse(), -frame[2].yaw) for boxes in frame[:2]]
    there = [moved(boxes, ego, yaw) for boxes in here]
    ours, theirs = DetectionScore(), DetectionScore()
    ours.update(*here)
    theirs.update(*there, ego=(x, y))
    assert ours.running == pytest.approx(theirs.running, abs=1e-6, nan_ok=True)


def moved(boxes, pose, yaw):
    turn = pose.rotation[:2, :2]
    fields = {name: getattr(boxes, name) for name in BoxSet.__dataclass_fields__}
    fields |= {"centers": pose.apply(boxes.centers), "velocities": boxes.velocities @ turn.T}
    return BoxSet(**{**fields, "yaws": boxes.yaws + yaw})
