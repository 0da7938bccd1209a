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
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

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
