"""The models of vehicles, people and movable things that a world is populated with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import furniture, vehicle
from .cycle import bicycle, motorcycle
from .material import Palette
from .mesh import Mesh
from .pedestrian import walker

_SWAY = np.array([0.18, 0.02, 0.0])
"""A walking person's box is larger than a standing one's by so much on every side, metres."""


@dataclass(frozen=True, eq=False)
class Model:
    """A thing that can be set up many times."""

    category: str
    postures: tuple[Mesh, ...]
    low: np.ndarray
    high: np.ndarray
    ridden: bool = False

    @classmethod
    def of(cls, category: str, postures: Mesh | list[Mesh], ridden: bool = False) -> Model:
        """The model of a mesh, or of a person's postures, with the box around it."""
        meshes = tuple(postures) if isinstance(postures, list) else (postures,)
        low, high = np.array(meshes[0].bounds, np.float64)
        if len(meshes) > 1:
            # People are annotated with their arms and legs where they are on average.
            low, high = low - _SWAY, high + _SWAY
        return cls(category, meshes, low, high, ridden)


class Fleet:
    """The models of one world."""

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        kinds = ["sedan", "sedan", "hatch", "hatch", "suv", "suv", "wagon", "van", "pickup"]
        self.cars = [self._car(kinds[k % len(kinds)], rng, palette) for k in range(27)]
        self.trucks = [Model.of("vehicle.truck", vehicle.truck(rng, palette)) for _ in range(5)]
        self.trucks += [self._car("pickup", rng, palette) for _ in range(2)]
        self.buses = [Model.of("vehicle.bus.rigid", vehicle.bus(rng, palette)) for _ in range(2)]
        self.site = [Model.of("vehicle.construction", vehicle.truck(rng, palette, construction=True))]
        self.trailers = [Model.of("vehicle.trailer", vehicle.trailer(rng, palette))]
        self.motorcycles = [
            Model.of("vehicle.motorcycle", motorcycle(rng, palette, True), True) for _ in range(3)
        ]
        self.bicycles = [Model.of("vehicle.bicycle", bicycle(rng, palette, True), True) for _ in range(3)]
        self.parked_motorcycles = [
            Model.of("vehicle.motorcycle", motorcycle(rng, palette, False)) for _ in range(2)
        ]
        self.parked_bicycles = [Model.of("vehicle.bicycle", bicycle(rng, palette, False)) for _ in range(3)]
        self.adults = [Model.of("human.pedestrian.adult", walker(rng, palette)) for _ in range(9)]
        self.children = [
            Model.of("human.pedestrian.child", walker(rng, palette, child=True)) for _ in range(2)
        ]
        self.workers = [
            Model.of("human.pedestrian.construction_worker", walker(rng, palette, worker=True))
            for _ in range(2)
        ]
        self.cone = Model.of("movable_object.trafficcone", furniture.cone(palette))
        self.barriers = [
            Model.of("movable_object.barrier", furniture.barrier(palette, concrete))
            for concrete in (False, True)
        ]

    @staticmethod
    def _car(kind: str, rng: np.random.Generator, palette: Palette) -> Model:
        # nuScenes counts pickups as trucks.
        category = "vehicle.truck" if kind == "pickup" else "vehicle.car"
        return Model.of(category, vehicle.car(kind, rng, palette))

    def driven(self, rng: np.random.Generator) -> Model:
        """A model for moving traffic."""
        pools = (self.cars, self.trucks, self.buses, self.motorcycles, self.bicycles)
        pool = pools[rng.choice(5, p=[0.76, 0.08, 0.05, 0.06, 0.05])]
        return pool[rng.integers(len(pool))]

    def parked(self, rng: np.random.Generator) -> Model:
        """A model that fits a parking place."""
        if rng.random() < 0.05:
            return self.parked_motorcycles[rng.integers(2)]
        return self.cars[rng.integers(len(self.cars))]

    def large(self, rng: np.random.Generator) -> Model:
        """A large vehicle that stands in parking places: a trailer, or one of a building site."""
        pool = (*self.trailers, *self.site)
        return pool[rng.integers(len(pool))]

    def person(self, rng: np.random.Generator) -> Model:
        """A passer-by."""
        if rng.random() < 0.12:
            return self.children[rng.integers(2)]
        return self.adults[rng.integers(len(self.adults))]
