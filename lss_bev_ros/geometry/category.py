"""What the category names of data sets mean: vehicle, two-wheeler, person or something else.

Lift-Splat-Shoot calls a vehicle what nuScenes keeps below `vehicle`, bicycles and motorcycles included, and
the networks here are trained on that. Other data sets have flat names for the same things. The rules:

1. A tree (`vehicle.car`, `human.pedestrian.adult`, `pedestrian.child`, CARLA's `walker.pedestrian.0001`) is
   told by its root alone, so that nuScenes and MAN TruckScenes count exactly as Lift-Splat-Shoot counts.
2. A flat name is told by its last word, since English puts the noun last: `police_car`, `fire_truck`,
   `other_vehicle`, `Pickup Truck`, `construction_worker`. So read the names of T4 (`car`, `ambulance`,
   `forklift`, `personal_mobility`), Lyft Level 5 (`emergency_vehicle`), KITTI (`Van`, `Tram`, `Cyclist`),
   Argoverse 2 (`LARGE_VEHICLE`), and the second level of nuScenes (`emergency`, `construction`, `bus`).
3. `wheelchair`, `stroller` and `personal_mobility` are persons, since nuScenes keeps them below `human`.
   Whoever rides is a two-wheeler, since nuScenes draws one box around cycle and rider.
4. Traffic lights of T4 (`green_pedestrian`, `red_bus`) are neither, and nor is what no rule knows.

The class of nuScenes' detection task is read in the same way. What the task leaves out of nuScenes it leaves
out of other data sets: emergency vehicles, wheelchairs and prams. So it does with names that could be of
several classes, such as `vehicle` and `LARGE_VEHICLE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from .classes import DETECTED, DETECTED_OF_CATEGORY

VEHICLE, TWO_WHEELER, PERSON, OTHER = "vehicle", "two-wheeler", "person", "other"

_LAST_WORDS = {
    TWO_WHEELER: "bicycle bike cycle cyclist bicyclist motorcycle motorbike motorcyclist moped scooter rider "
    "tricycle bicycles bikes cyclists motorcycles motorbikes riders",
    PERSON: "pedestrian person human people walker adult child worker officer man woman sitting wheelchair "
    "stroller mobility pedestrians persons humans walkers",
    VEHICLE: "vehicle car truck bus van trailer tractor lorry minibus minivan suv pickup taxi cab ambulance "
    "tram train streetcar forklift excavator bulldozer crane caravan emergency construction coach vehicles "
    "cars trucks buses vans trailers trams trains",
}
_KIND_OF_WORD = {word: kind for kind, words in _LAST_WORDS.items() for word in words.split()}
_DETECTED_LAST_WORDS = {
    "car": "car suv van minivan taxi cab cars vans",
    "truck": "truck pickup lorry trucks",
    "construction_vehicle": "construction excavator bulldozer crane",
    "bus": "bus minibus coach buses",
    "trailer": "trailer caravan trailers",
    "barrier": "barrier barriers",
    "motorcycle": "motorcycle motorbike motorcyclist moped motorcycles motorbikes motorcyclists",
    "bicycle": "bicycle bike cyclist bicyclist bicycles bikes cyclists",
    "pedestrian": "pedestrian person human people walker adult child worker officer man woman sitting "
    "pedestrians persons humans walkers",
    "traffic_cone": "cone trafficcone cones",
}
"""As nuScenes' instructions for annotators sort them: pickups are trucks, caravans are trailers."""
_DETECTED_OF_WORD = {word: name for name, words in _DETECTED_LAST_WORDS.items() for word in words.split()}
_DETECTED_OF_NAME = {name: name for name in DETECTED} | {"regular_vehicle": "car", "truck_cab": "truck"}
_EMERGENCY = frozenset({"police", "fire", "emergency"})
_CREW = frozenset({"officer", "worker", "man", "woman"})
_ROOTS = {
    "vehicle": VEHICLE,
    "vehicles": VEHICLE,
    "human": PERSON,
    "pedestrian": PERSON,
    "person": PERSON,
    "walker": PERSON,
    "animal": OTHER,
    "movable_object": OTHER,
    "static_object": OTHER,
    "static": OTHER,
    "traffic": OTHER,
}
_LIGHTS = frozenset({"red", "yellow", "green", "amber"})
_OWN = frozenset({"ego", "ego_vehicle", "ego_car", "hero"})


@lru_cache(maxsize=4096)
def kind_of(category: str) -> str:
    """`vehicle`, `two-wheeler`, `person` or `other`, see the rules above."""
    name = category.strip().lower()
    root, *below = re.split(r"[./]", name)
    words = [word for word in re.split(r"[^a-z]+", name) if word]
    if below and root in _ROOTS:
        two_wheeler = any(_KIND_OF_WORD.get(word) == TWO_WHEELER for word in words)
        return TWO_WHEELER if _ROOTS[root] == VEHICLE and two_wheeler else _ROOTS[root]
    if not words or name in _OWN or words[0] in _LIGHTS or {"light", "sign"} & set(words):
        return OTHER
    return _KIND_OF_WORD.get(words[-1], OTHER)


@lru_cache(maxsize=4096)
def detected_class(category: str) -> str | None:
    """Which of `DETECTED` a category is, see the rules above; None for what the detection task leaves out.

    Args:
        category: of nuScenes (`vehicle.car`), or as another data set has it (`Pickup Truck`).
    """
    name = category.strip().lower()
    if name in DETECTED_OF_CATEGORY:
        return DETECTED_OF_CATEGORY[name]
    words = [word for word in re.split(r"[^a-z]+", name) if word]
    if not words or words[0] in _LIGHTS or "ego" in words:
        return None
    if _EMERGENCY & {*words} and words[-1] not in _CREW:
        return None
    return _DETECTED_OF_NAME.get("_".join(words)) or _DETECTED_OF_WORD.get(words[-1])


def is_vehicle_category(category: str, chosen: Sequence[str] = ()) -> bool:
    """Whether objects of a category are vehicles to the grid: two-wheelers too, as in Lift-Splat-Shoot.

    Args:
        category: as the data set has it.
        chosen: where given, these names and what is below them (`vehicle` takes in `vehicle.car`) count and
            nothing else; `*` stands for any text.
    """
    if not chosen:
        return kind_of(category) in (VEHICLE, TWO_WHEELER)
    name = category.lower()
    return any(
        fnmatchcase(name, wanted) or name.startswith(f"{wanted}.")
        for wanted in (entry.strip().lower() for entry in chosen)
        if wanted
    )


def vehicle_categories(categories: Iterable[str], chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """Those of some categories that are vehicles, see `is_vehicle_category`."""
    return tuple(name for name in categories if is_vehicle_category(name, chosen))
