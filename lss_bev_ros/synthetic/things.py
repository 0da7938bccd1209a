"""What a surface belongs to, in words: the kinds of things that the street is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Thing:
    """A kind of thing.

    Attributes:
        name: in words, singular.
        occupied: index in `model.senses.OCCUPIED`, Occ3D's class.
        priority: where two meet in a voxel, the one with the larger number fills it: who moves before what
            stands before the ground.
    """

    name: str
    occupied: int
    priority: int


THINGS: tuple[Thing, ...] = (
    Thing("free space", 17, 0),
    Thing("road", 11, 2),
    Thing("lane marking", 11, 4),
    Thing("zebra crossing", 11, 3),
    Thing("manhole cover", 11, 3),
    Thing("pavement", 13, 3),
    Thing("kerb", 13, 4),
    Thing("grass", 14, 3),
    Thing("tree", 16, 6),
    Thing("hedge", 16, 6),
    Thing("building", 15, 6),
    Thing("house", 15, 6),
    Thing("shop", 15, 7),
    Thing("awning", 15, 7),
    Thing("balcony", 15, 7),
    Thing("street lamp", 15, 8),
    Thing("traffic light", 15, 8),
    Thing("road sign", 15, 8),
    Thing("litter bin", 15, 8),
    Thing("bench", 15, 8),
    Thing("fire hydrant", 15, 8),
    Thing("bollard", 15, 8),
    Thing("bus shelter", 15, 7),
    Thing("fence", 15, 7),
    Thing("barrier", 1, 9),
    Thing("traffic cone", 8, 12),
    Thing("bicycle", 2, 13),
    Thing("cyclist", 2, 13),
    Thing("motorcycle", 6, 13),
    Thing("motorcyclist", 6, 13),
    Thing("adult", 7, 14),
    Thing("child", 7, 14),
    Thing("construction worker", 7, 14),
    Thing("sedan", 4, 10),
    Thing("hatchback", 4, 10),
    Thing("suv", 4, 10),
    Thing("station wagon", 4, 10),
    Thing("van", 4, 10),
    Thing("pickup truck", 10, 10),
    Thing("truck", 10, 10),
    Thing("bus", 3, 10),
    Thing("trailer", 9, 10),
    Thing("construction vehicle", 5, 10),
)
"""All kinds; their numbers are their places, and 0 is nothing."""

NUMBER = {thing.name: number for number, thing in enumerate(THINGS)}


def occupied_classes() -> np.ndarray:
    """(len(THINGS),) uint8: Occ3D's class of each."""
    return np.array([thing.occupied for thing in THINGS], np.uint8)


def priorities() -> np.ndarray:
    """(len(THINGS),) int32."""
    return np.array([thing.priority for thing in THINGS], np.int32)
