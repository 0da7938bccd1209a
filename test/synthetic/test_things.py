"""Every surface of the street knows what it is part of."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.geometry.classes import DETECTED_OF_CATEGORY
from lss_bev_ros.model.senses import DETECTED, OCCUPIED
from lss_bev_ros.synthetic.mesh import joined
from lss_bev_ros.synthetic.taxonomy import CATEGORIES
from lss_bev_ros.synthetic.things import NUMBER, THINGS, occupied_classes
from lss_bev_ros.synthetic.world import World

OF_CATEGORY = {
    "human.pedestrian.adult": {"adult"},
    "human.pedestrian.child": {"child"},
    "human.pedestrian.construction_worker": {"construction worker"},
    "movable_object.barrier": {"barrier"},
    "movable_object.trafficcone": {"traffic cone"},
    "vehicle.bicycle": {"bicycle", "cyclist"},
    "vehicle.bus.rigid": {"bus"},
    "vehicle.car": {"sedan", "hatchback", "suv", "station wagon", "van"},
    "vehicle.construction": {"construction vehicle"},
    "vehicle.motorcycle": {"motorcycle", "motorcyclist"},
    "vehicle.trailer": {"trailer"},
    "vehicle.truck": {"truck", "pickup truck"},
}


@pytest.fixture(scope="module")
def worlds(world) -> list[World]:
    return [world, World.draw((7, 1), 1.0)]


def names(mesh) -> set[str]:
    return {THINGS[number].name for number in np.unique(mesh.thing)}


def test_what_is_annotated_is_the_thing_that_its_category_says(worlds):
    for actor in (a for world in worlds for a in world.actors):
        for posture in actor.postures:
            (name,) = names(posture)
            assert name in OF_CATEGORY[actor.category]
            if "cyclist" in name:
                assert actor.ridden


def test_a_thing_of_nuscenes_has_the_occupied_class_of_its_detection_class(worlds):
    for actor in (a for world in worlds for a in world.actors):
        occupied = OCCUPIED[occupied_classes()[actor.postures[0].thing[0]]]
        assert occupied == DETECTED_OF_CATEGORY[actor.category]


def test_only_the_country_and_what_lies_within_houses_has_no_name(worlds):
    for world in worlds:
        fixed, _ = world.fixed
        heights = fixed[fixed.thing == 0].vertices[..., 2]
        country = (heights < 0).all(1)
        assert country.sum() == 2
        assert (heights[~country] > 3).all()
        assert np.ptp(heights[~country], axis=1).max() == 0


def test_the_street_is_made_of_what_it_should_be(worlds):
    seen = set().union(*(names(world.scape.mesh) for world in worlds))
    assert seen >= {
        "road", "lane marking", "zebra crossing", "manhole cover", "pavement", "kerb", "grass", "tree",
        "building", "street lamp", "road sign", "litter bin", "bench", "fire hydrant", "traffic light",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("road", -0.01, 0.01),
        ("lane marking", 0.0, 0.02),
        ("zebra crossing", 0.0, 0.02),
        ("manhole cover", 0.0, 0.02),
        ("kerb", 0.0, 0.15),
        ("pavement", 0.13, 0.16),
        ("grass", 0.13, 0.16),
        ("bench", 0.1, 1.1),
        ("street lamp", 0.1, 9.0),
        ("balcony", 3.0, 60.0),
    ],
)
def test_things_lie_as_high_as_they_should(worlds, name, low, high):
    mesh = joined(world.scape.mesh for world in worlds)
    heights = mesh[mesh.thing == NUMBER[name]].vertices[..., 2]
    assert low <= heights.min()
    assert heights.max() <= high


def test_a_mesh_keeps_its_names_when_it_is_moved_and_joined(world):
    one = world.actors[0].postures[0]
    moved = one.moved(world.ego_pose(0.0)).scaled([2.0, 2.0, 2.0]).shifted(x=1.0)
    both = joined([moved, moved.named("bench")])
    assert (both.thing[: len(one)] == one.thing).all()
    assert (both.thing[len(one) :] == NUMBER["bench"]).all()


def test_classes_of_the_detection_task_are_nuscenes_own():
    assert set(DETECTED_OF_CATEGORY.values()) == set(DETECTED)
    assert set(DETECTED_OF_CATEGORY) <= set(CATEGORIES)
