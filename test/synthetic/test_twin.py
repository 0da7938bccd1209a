"""Twins of annotated boxes: what is drawn fills the boxes, where the camera sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.commands.gap import matched, styled
from lss_bev_ros.geometry import Box, Camera, Pose
from lss_bev_ros.synthetic.things import NUMBER
from lss_bev_ros.synthetic.twin import alike, standing, twin_of

BOXES = (
    Box(Pose.from_yaw(0.4, (14.0, 3.0, 0.8)), np.array([4.4, 1.9, 1.6]), "vehicle.car"),
    Box(Pose.from_yaw(2.0, (9.0, -5.0, 2.1)), np.array([7.0, 2.4, 3.2]), "vehicle.emergency.ambulance"),
    Box(Pose.from_yaw(0.0, (7.0, 1.5, 0.9)), np.array([0.7, 0.7, 1.75]), "human.pedestrian.adult"),
    Box(Pose.from_yaw(0.0, (8.0, 0.0, 0.9)), np.array([0.7, 0.7, 1.75]), "animal"),
)
AHEAD = Camera(
    "cam_front",
    np.array([[90.0, 0, 100], [0, 90.0, 50], [0, 0, 1]]),
    200,
    100,
    Pose(np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]]), np.array([1.5, 0, 1.6])),
)


@pytest.fixture(scope="module")
def twin(world):
    return twin_of(world, 1.0, BOXES)


def test_every_box_that_has_a_shape_is_filled_from_side_to_side(twin):
    assert [a.category for a in twin.world.actors] == [box.category for box in BOXES[:3]]
    to_ego = twin.ego.inverse()
    for actor, box in zip(twin.world.actors, BOXES, strict=False):
        drawn = actor.mesh(0.0).moved(to_ego @ actor.pose(0.0)).vertices.reshape(-1, 3)
        local = box.pose.inverse().apply(drawn)
        assert np.allclose(local[:, :2].min(0), -box.size[:2] / 2, atol=1e-3)
        assert np.allclose(local[:, :2].max(0), box.size[:2] / 2, atol=1e-3)
        assert drawn[:, 2].min() == pytest.approx(0.0, abs=1e-3), "it stands on the street"
        assert np.ptp(drawn[:, 2]) == pytest.approx(box.size[2], abs=1e-3)


def test_boxes_keep_their_height_where_that_is_asked_for(world):
    raised = twin_of(world, 1.0, BOXES[1:2], grounded=False)
    found = raised.ego.inverse() @ raised.world.actors[0].box(0.0).pose
    assert found.translation == pytest.approx(BOXES[1].pose.translation, abs=1e-6)


def test_the_camera_sees_each_where_its_box_is_projected(twin):
    picture = twin.picture(AHEAD, 0)
    for number, box in enumerate(BOXES[:2], 1):
        shown = picture.instances == number
        assert shown.sum() > 30
        rows, columns = np.nonzero(shown)
        on_street = replace(box, pose=Pose(box.pose.rotation, [*box.pose.translation[:2], box.size[2] / 2]))
        pixels, depth = AHEAD.project(on_street.corners())
        low, high = np.maximum(pixels.min(0), 0), np.minimum(pixels.max(0), [199, 99])
        assert columns.min() >= low[0] - 1.5
        assert columns.max() <= high[0] + 1.5
        assert rows.min() >= low[1] - 1.5
        assert rows.max() <= high[1] + 1.5
        near = picture.depth[shown]
        assert depth.min() - 0.05 < near.min()
        assert near.max() < depth.max() + 0.05


def test_nothing_of_the_street_stands_before_a_box(twin):
    scape = twin.world.scape
    ground = np.isin(scape.mesh.thing, [NUMBER[name] for name in ("road", "pavement", "grass")])
    bare = replace(twin.world, scape=replace(scape, mesh=scape.mesh[ground]))
    shown, alone = (t.picture(AHEAD, 0).instances for t in (twin, replace(twin, world=bare)))
    for number in (1, 2):
        assert (shown == number).sum() == pytest.approx((alone == number).sum(), rel=0.02)


def test_a_standing_world_is_where_it_was(world):
    still = standing(world, 1.0)
    assert np.allclose(still.ego.matrix, world.ego_pose(1.0).matrix)
    assert np.allclose(still.world.ego_pose(0.0).matrix, still.world.ego_pose(3.0).matrix)
    for before, after in zip(world.actors, still.world.actors, strict=True):
        assert np.allclose(before.pose(1.0).matrix, after.pose(7.0).matrix)


def test_categories_stand_in_for_others_of_their_kind():
    assert alike("vehicle.car", "vehicle.car")
    assert alike("vehicle.truck", "vehicle.emergency.ambulance")
    assert alike("human.pedestrian.adult", "human.pedestrian.child")
    assert not alike("vehicle.car", "vehicle.truck")
    assert not alike("movable_object.barrier", "vehicle.trailer")


def test_a_matched_picture_has_the_other_s_histogram():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 100, (40, 60, 3), dtype=np.uint8)
    model = rng.integers(80, 256, (50, 30, 3), dtype=np.uint8)
    result = matched(image, model)
    for q in (10, 50, 90):
        assert np.percentile(result, q) == pytest.approx(np.percentile(model, q), abs=3)
    assert np.array_equal(matched(image, image), image)


def test_style_is_amplitude_and_phase_is_kept():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 190, (64, 64, 3), dtype=np.uint8)
    assert np.abs(styled(image, image).astype(int) - image).max() <= 1
    brighter = styled(image, np.full_like(image, 200), share=0.01)
    assert brighter.mean() == pytest.approx(200, abs=3), "the mean is the amplitude at frequency 0"
    assert np.corrcoef(brighter.ravel(), image.ravel())[0, 1] > 0.9
