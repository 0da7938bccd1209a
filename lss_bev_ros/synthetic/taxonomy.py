"""nuScenes' fixed vocabulary: names from the public schema (nuscenes-devkit, docs/schema_nuscenes.md and
docs/instructions_nuscenes.md), descriptions in our own words.
"""

from __future__ import annotations

CATEGORIES = {
    "animal": "Any animal.",
    "human.pedestrian.adult": "A grown-up person.",
    "human.pedestrian.child": "A child.",
    "human.pedestrian.construction_worker": "A person working on a building site.",
    "human.pedestrian.personal_mobility": "A person on a skateboard, scooter or the like.",
    "human.pedestrian.police_officer": "A police officer.",
    "human.pedestrian.stroller": "A stroller.",
    "human.pedestrian.wheelchair": "A wheelchair.",
    "movable_object.barrier": "A temporary road barrier.",
    "movable_object.debris": "Debris on the road that a car should not drive over.",
    "movable_object.pushable_pullable": "Something that a person pushes or pulls.",
    "movable_object.trafficcone": "A traffic cone.",
    "static_object.bicycle_rack": "A place made for parking bicycles.",
    "vehicle.bicycle": "A bicycle.",
    "vehicle.bus.bendy": "A bus of two or more parts.",
    "vehicle.bus.rigid": "A bus of one part.",
    "vehicle.car": "A passenger car or van.",
    "vehicle.construction": "A vehicle made for construction work.",
    "vehicle.emergency.ambulance": "An ambulance.",
    "vehicle.emergency.police": "A police vehicle.",
    "vehicle.motorcycle": "A motorcycle or scooter.",
    "vehicle.trailer": "A trailer.",
    "vehicle.truck": "A vehicle that carries goods, pickups included.",
}
ATTRIBUTES = {
    "cycle.with_rider": "Someone sits on the cycle.",
    "cycle.without_rider": "Nobody sits on the cycle.",
    "pedestrian.moving": "The person moves.",
    "pedestrian.sitting_lying_down": "The person sits or lies.",
    "pedestrian.standing": "The person stands.",
    "vehicle.moving": "The vehicle moves.",
    "vehicle.parked": "The vehicle is parked.",
    "vehicle.stopped": "The vehicle waits in traffic.",
}
VISIBILITIES = (("1", "v0-40"), ("2", "v40-60"), ("3", "v60-80"), ("4", "v80-100"))


def visibility_level(seen: int, whole: int) -> int:
    """Visibility level, 1 to 4, of an object with `seen` of `whole` pixels in sight; 1 where `whole` is 0."""
    share = seen / whole if whole else 0.0
    return 1 + int(share > 0.4) + int(share > 0.6) + int(share > 0.8)
