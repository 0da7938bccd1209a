"""What there is around a car, by the names that maps, boxes, voxels, their truth and their scores share."""

from __future__ import annotations

SEGMENTS = (
    "vehicle",
    "person",
    "two_wheeler",
    "drivable",
    "crossing",
    "walkway",
    "lane_boundary",
    "road_boundary",
)
"""Layers of the map around a car, in the order of the segmentation head's channels."""

LINES = ("lane_boundary", "road_boundary")
"""Those of `SEGMENTS` that are lines; the others are areas."""

STREET_AREAS = ("drivable", "crossing", "walkway")
"""Those of `SEGMENTS` that are areas of a street map."""

DETECTED = (
    "car",
    "truck",
    "construction_vehicle",
    "bus",
    "trailer",
    "barrier",
    "motorcycle",
    "bicycle",
    "pedestrian",
    "traffic_cone",
)
"""Classes of nuScenes' detection task, in the order of its code."""

OCCUPIED = (
    "others",
    "barrier",
    "bicycle",
    "bus",
    "car",
    "construction_vehicle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "trailer",
    "truck",
    "driveable_surface",
    "other_flat",
    "sidewalk",
    "terrain",
    "manmade",
    "vegetation",
)
"""Classes of voxels: nuScenes' lidarseg classes as Occ3D numbers them, 0 to 16."""

FREE = len(OCCUPIED)
"""Occ3D's number of free space."""

DETECTED_OF_CATEGORY = {
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}
"""Of `DETECTED`, by nuScenes' category (nuscenes-devkit, python-sdk/nuscenes/eval/detection)."""
