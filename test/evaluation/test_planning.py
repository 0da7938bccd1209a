"""Plans beside the driven path, other cars and the road."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.planning import PlanScore, Surroundings
from lss_bev_ros.geometry import BevGrid, Box, Pose

STEPS = np.arange(1, 7)[:, None] * 0.5
AHEAD = STEPS * [10.0, 0.0]
GRID = BevGrid()


def car(x, y, yaw=0.0, instance="other", size=(4.0, 2.0, 1.5)):
    return Box(Pose.from_yaw(yaw, (x, y, 0.8)), np.array(size), "vehicle.car", instance)


def standing(*boxes):
    return Surroundings(boxes=[list(boxes)] * 7)


def score(plan, driven=AHEAD, velocity=(10.0, 0.0), **options):
    return PlanScore().update(plan, driven, velocity, **options)


def test_a_plan_that_equals_the_driven_path_has_no_error():
    metrics = score(AHEAD, around=standing())
    assert [metrics[f"ade_{t}"] for t in (1, 2, 3)] == [0.0] * 3
    assert [metrics[f"fde_{t}"] for t in (1, 2, 3)] == [0.0] * 3
    assert metrics["collision_3"] == 0.0


def test_the_error_at_three_seconds_is_a_mean_and_the_final_one_is_not():
    slower = STEPS * [8.0, 0.0]
    metrics = score(slower)
    assert metrics["fde_3"] == pytest.approx(6.0)
    assert metrics["ade_3"] == pytest.approx(np.mean([1, 2, 3, 4, 5, 6]))
    assert metrics["ade_1"] == pytest.approx(1.5)


def test_constant_velocity_is_scored_beside_it():
    braking = np.stack([[4.5, 8, 10.5, 12, 12.5, 12.5], np.zeros(6)], 1)
    metrics = score(braking, braking)
    assert metrics["ade_3"] == 0.0
    assert metrics["constant_fde_3"] == pytest.approx(30 - 12.5)


def test_after_the_recording_nothing_is_scored():
    driven = AHEAD.copy()
    driven[4:] = np.nan
    metrics = score(AHEAD + 1.0, driven, around=standing())
    assert "ade_2" in metrics
    assert "ade_3" not in metrics
    assert "collision_3" not in metrics


def test_a_car_in_the_way_is_touched_by_the_plan_and_not_by_the_driven_path():
    around = standing(car(20.0, 5.0))
    left = np.stack([np.linspace(4, 20, 6), np.linspace(0, 5, 6)], 1)
    metrics = score(left, around=around)
    assert metrics["collision_3"] == 1.0
    assert metrics["collision_1"] == 0.0
    assert metrics["constant_collision_3"] == 0.0


def test_what_the_driven_path_touches_too_is_an_error_of_the_annotation():
    assert score(AHEAD, around=standing(car(15.0, 0.5)))["collision_3"] == 0.0


def test_the_car_is_turned_into_its_path():
    # A wall beside the path: a car that is not turned would touch it with its corner.
    diagonal = STEPS * np.array([8.0, 8.0])
    along = car(15.0 - 2.1, 15.0 + 2.1, np.pi / 4, size=(20.0, 2.0, 1.5))
    assert score(diagonal, around=standing(along))["collision_3"] == 0.0
    across = car(15.0 - 2.1, 15.0 + 2.1, -np.pi / 4, size=(20.0, 2.0, 1.5))
    assert score(diagonal, around=standing(across))["collision_3"] == 1.0


def test_a_small_thing_between_two_steps_is_swept():
    fast = np.stack([np.arange(1, 7) * 12.0, np.full(6, 0.0)], 1)
    slow = np.zeros((6, 2))
    cone = car(18.0, 0.0, size=(0.3, 0.3, 0.8))
    assert score(fast, slow, around=standing(cone))["collision_3"] == 1.0


def test_a_car_that_crosses_in_time_is_not_touched():
    # It stands in the way at 1 s and has left before the plan comes there.
    crossing = [[car(25.0, y)] for y in (-8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 16.0)]
    assert score(AHEAD, AHEAD - [0.5, 0], around=Surroundings(boxes=crossing))["collision_3"] == 0.0
    late = [[car(25.0, y)] for y in (-20.0, -16.0, -12.0, -8.0, -4.0, 0.0, 4.0)]
    beside = AHEAD + np.array([0.0, 30.0])
    assert score(AHEAD, beside, around=Surroundings(boxes=late))["collision_3"] == 1.0


def test_a_car_that_follows_is_not_touched():
    follower = [[car(-6.0 + 5.0 * k, 0.0)] for k in range(7)]
    sooner = AHEAD + np.array([0.0, 8.0])
    assert score(AHEAD, sooner, around=Surroundings(boxes=follower))["collision_3"] == 0.0
    stops = np.zeros((6, 2))
    assert score(stops, sooner, around=Surroundings(boxes=follower))["collision_3"] == 1.0


def test_leaving_the_road_counts_where_the_driven_path_does_not():
    y = GRID.centers()[..., 1]
    around = Surroundings(drivable=np.abs(y) < 3.0, grid=GRID)
    aside = np.stack([np.linspace(4, 25, 6), np.linspace(0, 3, 6)], 1)
    assert score(AHEAD, around=around)["off_road"] == 0.0
    metrics = score(aside, around=around)
    assert metrics["off_road"] == 1.0
    assert metrics["constant_off_road"] == 0.0
    assert "off_road" not in score(AHEAD, aside, around=around)
    assert "off_road" not in score(AHEAD)


def test_top_k_asks_for_the_template_nearest_to_the_driven_path():
    templates = np.stack([STEPS * [speed, 0.0] for speed in np.arange(30.0)])
    costs = np.abs(np.arange(30) - 13.0)  # the right one, 10, is among the seven cheapest
    metrics = score(AHEAD, templates=templates, costs=costs)
    assert (metrics["top_1"], metrics["top_5"], metrics["top_20"]) == (0.0, 0.0, 1.0)
    assert metrics["min_ade_20"] == 0.0
    assert metrics["min_ade_5"] == pytest.approx(np.mean(STEPS))  # 11 m/s is the best of five


def test_means_are_over_the_frames_in_which_a_thing_was_measured():
    plans = PlanScore()
    plans.update(AHEAD + np.array([0, 1]), AHEAD, (10, 0))
    plans.update(AHEAD + np.array([0, 3]), AHEAD, (10, 0), standing(car(-30, -30)))
    assert plans.running["ade_3"] == pytest.approx(2.0)
    assert plans.running["collision_3"] == 0.0
    assert plans.frames == 2
    plans.reset()
    assert plans.running == {}


@given(st.floats(-0.5, 0.5), st.floats(1, 15), st.floats(-5, 5))
def test_a_frame_that_is_mirrored_scores_the_same(turn, speed, y):
    angle = turn * np.arange(1, 7)
    plan = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), 0) * speed * 0.5
    flip = np.array([1.0, -1.0])
    one = score(plan, around=standing(car(12.0, y, 0.3)))
    other = score(plan * flip, AHEAD * flip, around=standing(car(12.0, -y, -0.3)))
    assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("plan", "says"),
    [(np.zeros((6, 3)), r"\(T, 2\)"), (np.zeros((5, 2)), r"\(T, 2\)"), (np.full((6, 2), np.nan), "finite")],
)
def test_impossible_plans_are_refused(plan, says):
    with pytest.raises(EvaluationError, match=says):
        score(plan)


def test_templates_need_costs():
    with pytest.raises(EvaluationError, match="cost"):
        score(AHEAD, templates=np.zeros((3, 6, 2)))
