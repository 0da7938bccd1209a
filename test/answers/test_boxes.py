from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.answers.boxes import Detections, attribute_of, decode, encode
from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model.senses import DETECTED

GRID = BevGrid()


def things(*rows):
    """Detections of rows (class, x, y, z, length, width, height, yaw, vx, vy[, score])."""
    table = np.array([(*row, 0.9)[:11] for row in rows], np.float32).reshape(-1, 11)
    return Detections(
        table[:, 0].astype(np.int64), table[:, 10], table[:, 1:4], table[:, 4:7], table[:, 7], table[:, 8:10]
    )


CAR = (0, 12.3, -4.7, 0.8, 4.5, 1.9, 1.6, 0.7, 5.0, -2.0)


@settings(max_examples=50)
@given(
    number=st.integers(0, len(DETECTED) - 1),
    x=st.floats(-49.9, 49.9),
    y=st.floats(-49.9, 49.9),
    yaw=st.floats(-3.14, 3.14),
    size=st.tuples(*[st.floats(0.2, 15.0)] * 3),
    velocity=st.tuples(*[st.floats(-30.0, 30.0)] * 2),
)
def test_what_was_encoded_is_decoded(number, x, y, yaw, size, velocity):
    given_thing = things((number, x, y, 1.0, *size, yaw, *velocity))
    found = decode(encode(given_thing, GRID), GRID)
    assert found.names == [DETECTED[number]]
    np.testing.assert_allclose(found.centers, given_thing.centers, atol=1e-4)
    np.testing.assert_allclose(found.sizes, given_thing.sizes, rtol=1e-5)
    np.testing.assert_allclose(found.velocities, given_thing.velocities, atol=1e-5)
    turned = found.yaws - given_thing.yaws
    np.testing.assert_allclose(np.arctan2(np.sin(turned), np.cos(turned)), 0.0, atol=1e-5)
    assert found.scores[0] > 0.99


def test_the_surest_comes_first_and_a_threshold_leaves_out():
    head = encode(things(CAR, (8, -20.0, 3.0, 0.9, 0.7, 0.7, 1.8, 0.0, 1.0, 0.0)), GRID)
    head[8] -= 7.0  # of the person's heatmap
    found = decode(head, GRID)
    assert found.names == ["car", "pedestrian"]
    assert found.scores[0] > found.scores[1] == pytest.approx(torch.tensor(1.0).sigmoid().item(), abs=1e-4)
    assert found.above(0.8).names == ["car"]
    assert decode(head, GRID, threshold=0.8).names == ["car"]
    assert decode(head, GRID, limit=1).names == ["car"]


@pytest.mark.parametrize(
    ("name", "moving", "still"),
    [
        *(
            (name, "vehicle.moving", "vehicle.parked")
            for name in ("car", "truck", "trailer", "construction_vehicle")
        ),
        ("bus", "vehicle.moving", "vehicle.stopped"),
        ("motorcycle", "cycle.with_rider", "cycle.without_rider"),
        ("bicycle", "cycle.with_rider", "cycle.without_rider"),
        ("pedestrian", "pedestrian.moving", "pedestrian.standing"),
        ("barrier", "", ""),
        ("traffic_cone", "", ""),
    ],
)
def test_what_a_thing_does_follows_from_its_class_and_speed(name, moving, still):
    assert attribute_of(name, 0.21) == moving
    assert attribute_of(name, 0.2) == still
    assert attribute_of(name, float("nan")) == ""
    number = DETECTED.index(name)
    found = things((number, 0, 0, 1, 1, 1, 1, 0, -0.15, 0.15), (number, 9, 0, 1, 1, 1, 1, 0, 0.1, -0.1))
    assert found.attributes == [box.attribute for box in found.boxes()] == [moving, still]


def with_peak(head, number, i, j, logit):
    """A further peak of a class, with the numbers of the cell of the heatmap's surest one."""
    surest = head[number].flatten().argmax()
    head[number, i, j] = logit
    head[10:, i, j] = head[10:].flatten(1)[:, surest]


def test_a_second_peak_on_the_same_long_bus_is_the_same_bus():
    bus = (3, 10.25, 0.25, 1.5, 12.0, 2.8, 3.2, np.pi / 2, 0.0, 0.0)
    head = encode(things(bus), GRID)
    with_peak(head, 3, 120, 106, 4.0)  # 3 m along it
    assert len(decode(head, GRID)) == 1
    with_peak(head, 3, 126, 100, 4.0)  # 3 m beside it: another one
    assert len(decode(head, GRID)) == 2


def test_what_a_hidden_thing_would_hide_stays():
    head = encode(things((3, 0.25, 0.25, 1.5, 12.0, 2.8, 3.2, 0.0, 0.0, 0.0)), GRID)
    with_peak(head, 3, 108, 100, 6.0)  # 4 m ahead: hidden by the first
    with_peak(head, 3, 116, 100, 4.0)  # 8 m ahead: only by the second, which is not there
    assert sorted(decode(head, GRID).centers[:, 0].round(2)) == [0.25, 8.25]


def test_things_of_two_classes_may_be_at_one_place():
    rider = (6, 5.0, 5.0, 0.8, 2.0, 0.8, 1.5, 0.0, 3.0, 0.0)
    head = encode(things(rider), GRID)
    with_peak(head, 6, 110, 110, 8.0)
    head[8, 110, 110] = 5.0
    assert decode(head, GRID).names == ["motorcycle", "pedestrian"]


def test_people_side_by_side_are_two():
    people = [(8, 10.25, y, 0.9, 0.6, 0.6, 1.8, 0.0, 0.0, 0.0) for y in (0.25, 1.25)]
    assert len(decode(encode(things(*people), GRID), GRID)) == 2


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_make_no_thing(wrong):
    head = encode(things(CAR), GRID)
    broken = head.clone()
    broken[10:] = wrong
    assert len(decode(broken, GRID)) == 0
    broken = head.clone()
    broken[:, 100:] = float("nan")
    assert len(decode(broken, GRID)) == 0
    assert len(decode(torch.full_like(head, wrong), GRID)) == 0


def test_half_precision_moves_a_thing_by_less_than_a_centimetre():
    found = decode(encode(things(CAR), GRID).half(), GRID)
    np.testing.assert_allclose(found.centers, things(CAR).centers, atol=0.01)


def test_what_is_beyond_the_grid_is_left_out_and_nothing_is_nothing():
    assert len(decode(encode(things((0, 60.0, *CAR[2:])), GRID), GRID)) == 0
    assert decode(encode(things(), GRID), GRID).boxes() == []


def test_boxes_are_as_annotations_are():
    (box,) = things(CAR).boxes()
    assert box.category == "car"
    assert box.is_vehicle
    assert box.pose.yaw == pytest.approx(0.7)
    np.testing.assert_allclose(box.pose.translation, CAR[1:4], rtol=1e-6)
    np.testing.assert_allclose(box.velocity, CAR[8:10])


def test_a_head_of_another_shape_is_named():
    with pytest.raises(ModelError, match=r"\(20, 200, 200\), not \(19, 200, 200\)"):
        decode(torch.zeros(19, 200, 200), GRID)
