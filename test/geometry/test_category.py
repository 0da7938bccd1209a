"""What the category names of data sets mean."""

from __future__ import annotations

import pytest

from lss_bev_ros.geometry import Box, Pose
from lss_bev_ros.geometry.category import (
    detected_class,
    is_vehicle_category,
    kind_of,
    vehicle_categories,
)
from lss_bev_ros.geometry.classes import DETECTED, DETECTED_OF_CATEGORY
from lss_bev_ros.synthetic.taxonomy import CATEGORIES

FLAT = {
    "vehicle": "car police_car fire_truck ambulance trailer truck bus forklift other_vehicle "
    "emergency_vehicle emergency construction Van Tram REGULAR_VEHICLE VEHICULAR_TRAILER Vehicles "
    "vehicle.ego_trailer vehicle.tesla.model3 pickup-truck",
    "two-wheeler": "bicycle motorcycle Cyclist WHEELED_RIDER BICYCLIST motorbike vehicle.bicycle",
    "person": "pedestrian construction_worker police_officer stroller wheelchair personal_mobility "
    "person Person_sitting walker.pedestrian.0001 pedestrian.adult human.pedestrian.stroller",
    "other": "animal traffic_cone barrier red_circle green_pedestrian red_bus STOP_SIGN Misc DontCare "
    "unknown ego_vehicle static_object.bicycle_rack movable_object.pushable_pullable traffic_light",
}

DETECTED_NAMES = {
    "car": "car Car CAR minivan REGULAR_VEHICLE vehicle.van",
    "truck": "truck pickup-truck BOX_TRUCK TRUCK_CAB",
    "construction_vehicle": "construction construction_vehicle",
    "bus": "bus SCHOOL_BUS vehicle.bus",
    "trailer": "trailer VEHICULAR_TRAILER",
    "barrier": "barrier",
    "motorcycle": "motorbike MOTORCYCLIST",
    "bicycle": "bike Cyclist",
    "pedestrian": "pedestrian construction_worker police_officer fire_man Person_sitting pedestrian.adult "
    "walker.pedestrian.0001 human.pedestrian",
    "traffic_cone": "trafficcone traffic-cone CONSTRUCTION_CONE movable_object.traffic_cone",
    None: "police_car fire_truck ambulance emergency_vehicle emergency other_vehicle LARGE_VEHICLE vehicle "
    "stroller pedestrian.wheelchair bicycle_rack ego_vehicle vehicle.ego_trailer red_bus green_pedestrian "
    "animal vehicle.tesla.model3 Misc 42",
}


@pytest.mark.parametrize(
    ("category", "kind"), [(name, kind) for kind, names in FLAT.items() for name in names.split()]
)
def test_names_tell_the_kind(category, kind):
    assert kind_of(category) == kind


@pytest.mark.parametrize(
    ("category", "name"), [(each, name) for name, names in DETECTED_NAMES.items() for each in names.split()]
)
def test_names_tell_the_detected_class(category, name):
    assert detected_class(category) == name


def test_in_nuscenes_the_detected_are_those_of_its_table():
    assert {name: found for name in CATEGORIES if (found := detected_class(name))} == DETECTED_OF_CATEGORY
    assert [detected_class(name) for name in DETECTED] == list(DETECTED)
    assert detected_class("Pickup Truck") == "truck"
    assert detected_class("") is None


def test_in_nuscenes_vehicles_are_those_of_lift_splat_shoot():
    chosen = {name for name in CATEGORIES if name.split(".")[0] == "vehicle"}
    assert set(vehicle_categories(CATEGORIES)) == chosen


def test_a_flattened_tree_has_the_same_vehicles():
    for name in CATEGORIES:
        if name.startswith("vehicle."):
            assert is_vehicle_category(name.split(".")[1]), name


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["car"], ["Car"]),
        (["vehicle"], ["vehicle.bus.rigid", "vehicle.bicycle"]),
        (["vehicle.bus"], ["vehicle.bus.rigid"]),
        (["*us*"], ["vehicle.bus.rigid"]),
        (["pedestrian"], ["pedestrian"]),
        (["tank"], []),
    ],
)
def test_chosen_names_decide_alone(chosen, expected):
    categories = ["Car", "vehicle.bus.rigid", "vehicle.bicycle", "pedestrian"]
    assert list(vehicle_categories(categories, chosen)) == expected


def test_a_box_goes_by_its_category_unless_told():
    size = (4.0, 2.0, 1.5)
    assert Box(Pose.identity(), size, "truck").is_vehicle
    assert not Box(Pose.identity(), size, "truck", vehicle=False).is_vehicle
    assert Box(Pose.identity(), size, "animal", vehicle=True).is_vehicle
