"""The models of vehicles, people and movable things that a world is populated with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import furniture, vehicle
from .assets import Assets
from .cycle import bicycle, motorcycle
from .material import Palette
from .mesh import Mesh
from .models import vehicle_meshes
from .pedestrian import walker
from .sizes import MIX, car_size

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


@dataclass(frozen=True, eq=False)
class Outfit:
    """What a fleet has beyond drawn models.

    Attributes:
        assets: for models, or None.
        share: of the vehicles that have one of those.
        recorded: whether sizes and the mix of moving traffic are those of recorded streets.
        rng: draws all of this, so that what else is drawn stays as it is.
    """

    assets: Assets | None
    share: float
    recorded: bool
    rng: np.random.Generator


def _resized(model: Model, size: np.ndarray) -> Model:
    """The model, of one posture, with a box of another size, metres."""
    mesh = model.postures[0].scaled(size / (model.high - model.low))
    return Model.of(model.category, mesh, model.ridden)


class Fleet:
    """The models of one world."""

    def __init__(self, rng: np.random.Generator, palette: Palette, outfit: Outfit | None = None) -> None:
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
        self._outfit, self._modelled = outfit, []
        if outfit is not None:
            if outfit.recorded:
                self.cars = [_resized(car, car_size(outfit.rng)) for car in self.cars]
            if outfit.assets is not None and outfit.share > 0.0:
                found = vehicle_meshes(outfit.assets, palette, outfit.rng)
                self._modelled = [Model.of(category, mesh) for category, mesh in found]

    @property
    def _mix(self) -> tuple[float, ...]:
        recorded = self._outfit is not None and self._outfit.recorded
        return MIX if recorded else (0.76, 0.08, 0.05, 0.06, 0.05)

    def _other(self, model: Model) -> Model:
        """The model, or in some cases one of the assets' of about its length."""
        outfit = self._outfit
        if outfit is None or not self._modelled or outfit.rng.random() >= outfit.share:
            return model
        length = model.high[0] - model.low[0]
        kind = "vehicle.car" if model.category == "vehicle.car" else "vehicle."
        fitting = [
            m
            for m in self._modelled
            if m.category.startswith(kind) and 0.7 < (m.high[0] - m.low[0]) / length < 1.45
        ]
        return fitting[outfit.rng.integers(len(fitting))] if fitting else model

    @property
    def models(self) -> tuple[Model, ...]:
        """All of them, in no order that matters."""
        pools = (
            self.cars, self.trucks, self.buses, self.site, self.trailers, self.motorcycles, self.bicycles,
            self.parked_motorcycles, self.parked_bicycles, self.adults, self.children, self.workers,
            [self.cone], self.barriers, self._modelled,
        )  # fmt: skip
        return tuple(model for pool in pools for model in pool)

    @staticmethod
    def _car(kind: str, rng: np.random.Generator, palette: Palette) -> Model:
        # nuScenes counts pickups as trucks.
        category = "vehicle.truck" if kind == "pickup" else "vehicle.car"
        return Model.of(category, vehicle.car(kind, rng, palette))

    def driven(self, rng: np.random.Generator) -> Model:
        """A model for moving traffic."""
        pools = (self.cars, self.trucks, self.buses, self.motorcycles, self.bicycles)
        pool = pools[rng.choice(5, p=self._mix)]
        return self._other(pool[rng.integers(len(pool))])

    def parked(self, rng: np.random.Generator) -> Model:
        """A model that fits a parking place."""
        if rng.random() < 0.05:
            return self.parked_motorcycles[rng.integers(2)]
        return self._other(self.cars[rng.integers(len(self.cars))])

    def large(self, rng: np.random.Generator) -> Model:
        """A large vehicle that stands in parking places: a trailer, or one of a building site."""
        pool = (*self.trailers, *self.site)
        return pool[rng.integers(len(pool))]

    def person(self, rng: np.random.Generator) -> Model:
        """A passer-by."""
        if rng.random() < 0.12:
            return self.children[rng.integers(2)]
        return self.adults[rng.integers(len(self.adults))]
