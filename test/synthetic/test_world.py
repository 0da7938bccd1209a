"""A world is a plausible street at every instant."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Polygon

from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.sensors import mounts
from lss_bev_ros.synthetic.taxonomy import CATEGORIES, visibility_level
from lss_bev_ros.synthetic.traffic import EGO_BOX

TIMES = np.arange(0.0, 2.01, 0.25)


def near(world, time: float, radius: float):
    center = world.ego_pose(time).translation
    return [a for a in world.actors if np.hypot(*(a.pose(time).translation - center)[:2]) < radius]


def test_there_is_traffic_to_learn_from(world):
    for time in TIMES:
        vehicles = [a for a in near(world, time, 50) if a.category.startswith("vehicle")]
        assert 5 <= len(vehicles) <= 60
    kinds = {a.category for a in world.actors}
    assert kinds <= set(CATEGORIES)
    assert {"vehicle.car", "human.pedestrian.adult"} <= kinds
    assert any(a.parked for a in world.actors)
    assert any(a.speed(1.0) > 3 for a in world.actors if a.category == "vehicle.car")


def test_nothing_overlaps(world):
    nose, tail, side = EGO_BOX
    corners = np.array([[nose, side, 0], [-tail, side, 0], [-tail, -side, 0], [nose, -side, 0]])
    for time in TIMES:
        vehicles = [a for a in near(world, time, 80) if not a.category.startswith("human")]
        shapes = [Polygon(a.outline(time)) for a in vehicles] + [
            Polygon(world.ego_pose(time).apply(corners)[:, :2])
        ]
        for i, one in enumerate(shapes):
            for other in shapes[:i]:
                assert one.intersection(other).area < 0.15


def test_vehicles_keep_out_of_the_houses(world):
    houses = [Polygon(outline) for outline in world.scape.houses]
    assert len(houses) > 10
    for actor in near(world, 1.0, 90):
        if actor.category.startswith("vehicle"):
            shape = Polygon(actor.outline(1.0))
            assert all(house.intersection(shape).area < 0.01 for house in houses), actor.category


def test_moving_vehicles_head_where_they_go(world):
    checked = 0
    for actor in world.movers:
        a, b = actor.pose(1.0), actor.pose(1.1)
        step = (b.translation - a.translation)[:2]
        if np.linalg.norm(step) > 0.2 and not actor.category.startswith("human"):
            off = np.arctan2(step[1], step[0]) - a.yaw
            assert abs(np.angle(np.exp(1j * off))) < 0.35
            checked += 1
    assert checked > 3


def test_boxes_hold_their_meshes(world):
    for actor in world.actors[::7]:
        points = actor.mesh(1.0).moved(actor.pose(1.0)).vertices.reshape(-1, 3).astype(np.float64)
        assert actor.box(1.0).contains(points, margin=0.35 if len(actor.postures) > 1 else 0.01).all()


def test_a_cameras_mounting_varies_only_when_asked():
    rng = np.random.default_rng(0)
    exact, _ = mounts(WorldConfig(), rng)
    varied, _ = mounts(WorldConfig(mount_angle=2.0, mount_shift=0.1, focal=(0.95, 1.05)), rng)
    assert exact[0].lens[0] == pytest.approx(1266.417203046554)
    for a, b in zip(exact, varied, strict=True):
        assert 0 < np.abs(a.pose.translation - b.pose.translation).max() <= 0.1
        turn = np.degrees(np.arccos(np.clip((np.trace(a.pose.rotation.T @ b.pose.rotation) - 1) / 2, -1, 1)))
        assert 0 < turn < 3.6
        assert 0.95 <= b.lens[0] / a.lens[0] <= 1.05


@pytest.mark.parametrize(
    ("seen", "whole", "level"), [(0, 0, 1), (4, 10, 1), (5, 10, 2), (7, 10, 3), (9, 10, 4), (10, 10, 4)]
)
def test_visibility_levels_are_nuscenes(seen, whole, level):
    assert visibility_level(seen, whole) == level
