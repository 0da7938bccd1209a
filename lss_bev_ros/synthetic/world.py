"""A world: everything there is to see, at any time, for any renderer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..geometry import Pose
from .actor import Actor, Track
from .assets import Assets
from .backdrop import Backdrop, draw_backdrop
from .config import WorldConfig
from .crowd import Crowd, draw_crowd, is_park, parked_cars
from .driving import Signals, junction_number
from .fleet import Model, Outfit
from .light import Light, draw_light
from .material import LAMP, Materials, Palette
from .mesh import Mesh, joined
from .models import Houses
from .road import Plan
from .route import draw_plan, draw_route
from .scenery import PLAIN_SCENERY, Scenery
from .streetscape import Nearness, Streetscape, build_streetscape
from .surfaces import surfaced
from .terrain import Terrain
from .traffic import WARM_UP, Traffic
from .weather import LAMP_RANGE, lamps_around

MAP_MARGIN = 130.0
"""The ego car's way keeps so far from the borders of the map, metres."""
_WHEELBASE, _TRACK = 2.6, 1.5
"""Of the ego car, metres: base_link is the middle of its rear axle."""


@dataclass(frozen=True, eq=False)
class World:
    """One synthetic driving scene; frames are metres, z up, the road at z = 0 unless there is a terrain.

    Attributes:
        config: what it was drawn from.
        plan: its streets.
        light: sun, sky and air.
        scape: the fixed world.
        actors: all things that are annotated, numbered from 1.
        ego: the movement of the ego car's rear axle.
        signals: the traffic lights.
        models: the shapes that its actors have, and some that none has.
        backdrop: light, sky and weather, of which the first is `light`.
        assets: models, textures and skies that it may have.
        terrain: the height of the ground; None for level ground.
    """

    config: WorldConfig
    plan: Plan
    light: Light
    scape: Streetscape
    actors: tuple[Actor, ...]
    ego: Track
    signals: Signals
    _materials: Materials
    models: tuple[Model, ...] = ()
    backdrop: Backdrop | None = None
    assets: Assets | None = None
    terrain: Terrain | None = None

    @classmethod
    def draw(
        cls,
        seed: tuple[int, ...],
        seconds: float,
        config: WorldConfig | None = None,
        assets: Assets | None = None,
    ) -> World:
        """The world of a seed, `seconds` long, of a configuration, and of assets where it wants some."""
        config = config or WorldConfig()
        realism, crowd = config.realism, Crowd()
        # Of its own, so that a seed's streets stay as they are without it.
        extra = np.random.default_rng([*seed, 11])
        if realism.on:
            crowd, config = draw_crowd(config, extra)
        rng = np.random.default_rng(list(seed))
        palette = Palette()
        length = (seconds + WARM_UP + 2) * config.speed[1] + 60
        plan = draw_plan(config, length, rng)
        route, passed = draw_route(plan, config, length, rng)
        # The world's origin is its south-west corner, as on nuScenes' maps.
        shift = MAP_MARGIN - route.at(np.arange(0, length, 3.0)).min(0)
        plan.curve.shift(shift)
        route = route.shifted(shift)
        near = Nearness(route.at(np.arange(0, length, 3.0)))
        light = draw_light(config, rng)
        signals = _draw_signals(plan, passed, seconds, rng)
        green, tall = rng.uniform(*config.trees), rng.uniform(*config.tall)
        parks: tuple[int, ...] = ()
        houses, outfit = None, None
        if realism.on:
            blocks = list(enumerate(plan.blocks()))
            parks = tuple(k for k, block in blocks if is_park(crowd.parks, extra, block))
            outfit = Outfit(assets, realism.models, crowd.on, extra)
            if assets is not None and realism.buildings > 0.0:
                houses = Houses(assets, palette, realism.buildings, extra)
        terrain = None
        if config.realism.slopes.chance > 0.0:
            # Of its own too, so that the same street may be level or not.
            terrain = Terrain.draw(config.realism.slopes, plan, np.random.default_rng([*seed, 12]))
        scape = build_streetscape(plan, near, tall, green, rng, palette, parks, houses, terrain)
        traffic = Traffic(plan, route, near, scape.obstacles, signals, config, seconds, rng, palette, outfit)
        actors = traffic.actors
        if parks:
            chosen = [block for k, block in enumerate(plan.blocks()) if k in parks]
            cars = parked_cars(plan, chosen, crowd, traffic.fleet, near, config.radius, actors, extra)
            actors = (*actors, *cars)
        materials, backdrop = palette.table(), None
        if realism.on:
            if assets is not None:
                materials = surfaced(materials, assets, realism.surfaces, extra)
            backdrop = draw_backdrop(config, light, assets, extra)
            light = backdrop.light
        if terrain is not None:
            actors = tuple(actor.settled(terrain) for actor in actors)
        return cls(
            config, plan, light, scape, actors, traffic.ego, signals, materials, traffic.fleet.models,
            backdrop, assets, terrain,
        )  # fmt: skip

    def scenery(self, time: float, ego: Pose, backdrop: Backdrop | None = None) -> Scenery:
        """What a shader looks up at a time, with the lamps that are lit near the car.

        Args:
            time: seconds.
            ego: the car in the world.
            backdrop: other ones than the world's.
        """
        backdrop = backdrop or self.backdrop
        if backdrop is None:
            return PLAIN_SCENERY
        scenery, night = backdrop.scenery, backdrop.weather.night
        if self.terrain is not None:
            left, bottom = self.terrain.corner.tolist()
            scenery = scenery._replace(ground=self.terrain.heights, left=left, bottom=bottom)
        if night <= 0.0:
            return scenery
        lit = []
        for actor in self.movers:
            if actor.category.startswith("vehicle") and "cycle" not in actor.category:
                pose = actor.pose(time)
                if np.hypot(*(pose.translation - ego.translation)[:2]) < LAMP_RANGE:
                    lit.append((pose, float(actor.high[0])))
        return scenery._replace(lamps=lamps_around(ego, self.scape.lamps, lit, night))

    def ego_pose(self, time: float) -> Pose:
        """base_link in the world at a time in seconds."""
        pose = self.ego.pose(time)
        return pose if self.terrain is None else self.terrain.lifted(pose, _WHEELBASE, 0.0, _TRACK / 2)

    def materials(self, time: float) -> Materials:
        """The materials at a time: traffic lights change."""
        params = self._materials.params.copy()
        for row in np.flatnonzero((self._materials.kind == LAMP) & (params[:, 1] > 0)):
            junction, axis, lamp = (int(v) for v in params[row, 1:4])
            params[row, 0] = float(self.signals.lamp(junction - 1, axis, time) == lamp)
        return self._materials._replace(params=params)

    @cached_property
    def fixed(self) -> tuple[Mesh, np.ndarray]:
        """Everything that never moves, world, and its triangles' actor numbers (T,) int32, 0 for none."""
        meshes, owners = [self.scape.mesh], [np.zeros(len(self.scape.mesh), np.int32)]
        for actor in self.actors:
            if not actor.moves:
                meshes.append(actor.mesh(0.0).moved(actor.pose(0.0)))
                owners.append(np.full(len(meshes[-1]), actor.number, np.int32))
        return joined(meshes), np.concatenate(owners)

    @cached_property
    def movers(self) -> tuple[Actor, ...]:
        """The actors that move."""
        return tuple(actor for actor in self.actors if actor.moves)

    def moving(self, time: float, center: np.ndarray, radius: float) -> tuple[Mesh, np.ndarray]:
        """As `fixed`, for what moves and lies within `radius` metres of a place (2,)."""
        meshes, owners = [], []
        for actor in self.movers:
            pose = actor.pose(time)
            if np.hypot(*(pose.translation[:2] - center)) < radius:
                meshes.append(actor.mesh(time).moved(pose))
                owners.append(np.full(len(meshes[-1]), actor.number, np.int32))
        return joined(meshes), np.concatenate([np.zeros(0, np.int32), *owners])


def _draw_signals(plan: Plan, passed, seconds: float, rng: np.random.Generator) -> Signals:
    """Lights that are mostly green for the ego car."""
    first, switch = {}, {}
    for i in range(len(plan.along)):
        for j in range(len(plan.across)):
            number = junction_number(plan, i, j)
            first[number] = int(rng.integers(2))
            switch[number] = float(rng.uniform(1, seconds + 1)) if rng.random() < 0.3 else 1e9
    for i, j, axis in passed:
        number = junction_number(plan, i, j)
        red = rng.random() < 0.2
        first[number] = 1 - axis if red else axis
        switch[number] = float(rng.uniform(-2, 3)) if red else 1e9
    return Signals(first, switch)
