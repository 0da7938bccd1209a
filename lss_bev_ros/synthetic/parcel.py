"""A world and many samples of it as plain arrays: what a GPU is sent to draw them (see `gpu/`).

A parcel holds what only Python knows: the triangles, who is where at which moment, light, paint, cameras and
the cells that each vehicle covers. Everything that takes time is left to whoever draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ..geometry import BevGrid, Box, Pose, vehicle_raster
from .actor import Actor
from .assets import Assets
from .camera import ego_mesh
from .config import WorldConfig
from .lidar import COLUMNS, _poses, _times
from .mesh import joined
from .response import COLUMNS as COLUMNS_OF_RESPONSE
from .scenery import LEVEL
from .sensors import LIDAR_PERIOD
from .shadow import sun_axes
from .shutter import motions_of
from .stream import BOX_RADIUS, MOVING_RADIUS, Look, draw_world
from .weather import NEAREST_LAMPS
from .world import World

PERIOD = LIDAR_PERIOD * 1e-6
EGO = -1
"""Owner of the ego car's own triangles."""
DRIVER_REACH = 16.0
"""A car whose driver's seat is taken keeps so close to the ego car's way, metres: farther off, streets are
empty."""


@dataclass(frozen=True, eq=False)
class Parcel:
    """Arrays of a world and S samples of it; metres, world, unless said otherwise.

    Attributes:
        vertices, normals, uv, material, thing, owner: of what stands still, as in `Mesh` (normals float16)
            and `World.fixed`.
        model_vertices, model_normals, model_uv, model_material, model_thing: the shapes of what moves, one
            after another, each in its own frame.
        instances: (I, 6) int32, what moves, sample by sample, in each the ego car last: sample, first
            triangle of its shape, triangles, owner, first place among the sample's moving triangles, and
            whether cameras see it.
        poses: (I, 12) float32 rotation and translation at the sample's time; velocities: (I, 3) float32 m/s.
        moving: (S, 2) int32, moving triangles that cameras see, and all.
        kind, bright: (M,) int32 and float32, the materials and their mean colours as LiDAR sees them.
        colours: (S, M, 3) and params: (S, M, 8) float32, as in `Materials`.
        lights: (S, 19) float64, fields of `Light` in their order.
        axes: (S, 3, 3) float64 of the shadow maps; places: (S, 3) float64, the car.
        to_ego: (S, 3, 4) float64, the world to base_link.
        filled: (F,) int32, samples whose voxels are filled, if any are.
        outlines: (O, 4, 2) float64 footprints of vehicles; outline_first: (S + 1,) int32.
        rotations: (S, N, 3, 3), origins: (S, N, 3), lenses: (S, N, 4) float64, cameras as in `shade`, lenses
            for full-size pictures; ahead: (S, N) float32 seconds from the sample's time; seeds: (S, N) int64.
        sensor: (S, COLUMNS, 3, 4) float64, the LiDAR in the world as each column fires; slack: (S,) float64,
            metres that it moves in a revolution; lidar_seeds: (S,) int64.
        cells, cell_owner, cell_sample: (C,) int32, the cells of the BEV raster that each vehicle covers.
        calibration: (S, N, 21) float32, as in training samples.
        present: (S, N) bool, the cameras that the car has.
        response: (S, N, 21) float32, as `Response.table`.
        motions: (S, N, 6) float32, `shutter.motions_of` the cameras, zeros without a readout.
        sky: (S,) int32, number of the photographed sky in the assets, -1 for a drawn one.
        weather: (S, 5) float64: the sky's turn and gain, wet, dirt and night, as in `Scenery`.
        lamps: (S, NEAREST_LAMPS, 8) float32 as there, those too many far away and dark.
        ground: (N, M) float32 as there; ground_corner: (2,) float64, `Scenery.left` and `bottom`.
    """

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    thing: np.ndarray
    owner: np.ndarray
    model_vertices: np.ndarray
    model_normals: np.ndarray
    model_uv: np.ndarray
    model_material: np.ndarray
    model_thing: np.ndarray
    instances: np.ndarray
    poses: np.ndarray
    velocities: np.ndarray
    moving: np.ndarray
    kind: np.ndarray
    bright: np.ndarray
    colours: np.ndarray
    params: np.ndarray
    lights: np.ndarray
    axes: np.ndarray
    places: np.ndarray
    to_ego: np.ndarray
    filled: np.ndarray
    outlines: np.ndarray
    outline_first: np.ndarray
    rotations: np.ndarray
    origins: np.ndarray
    lenses: np.ndarray
    ahead: np.ndarray
    seeds: np.ndarray
    sensor: np.ndarray
    slack: np.ndarray
    lidar_seeds: np.ndarray
    cells: np.ndarray
    cell_owner: np.ndarray
    cell_sample: np.ndarray
    calibration: np.ndarray
    present: np.ndarray
    response: np.ndarray
    motions: np.ndarray
    sky: np.ndarray
    weather: np.ndarray
    lamps: np.ndarray
    ground: np.ndarray
    ground_corner: np.ndarray

    def __len__(self) -> int:
        return len(self.moving)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Packer:
    """Makes parcels of one world.

    Args:
        world: the scene.
        grid: of the truth.
    """

    def __init__(self, world: World, grid: BevGrid | None = None) -> None:
        self._world, self._grid = world, grid or BevGrid()
        self._shapes = {id(mesh): mesh for actor in world.movers for mesh in actor.postures}
        self._shapes[id(ego_mesh())] = ego_mesh()
        counts = [len(mesh) for mesh in self._shapes.values()]
        first = np.cumsum([0, *counts])
        self._first = dict(zip(self._shapes, first.tolist(), strict=False))
        self._drivers = [
            a for a in world.movers if a.category in ("vehicle.car", "vehicle.truck") and a.track is not None
        ]

    def pack(
        self, moments: list[tuple[float, Actor | None]], rng: np.random.Generator, instants: int = 1
    ) -> Parcel:
        """A parcel of samples.

        Args:
            moments: of each sample the time in seconds, and whose place the ego car takes, None for its own.
            rng: draws light, paint, cameras and noise, as `Studio.sample` does.
            instants: so many samples at a time share light, paint and cameras; the voxels of the last one
                of them are filled where they are several.
        """
        samples: list[dict] = []
        for k, (time, driver) in enumerate(moments):
            if k % instants == 0:
                look = Look.draw(self._world, rng)
            samples.append(self._sample(k, time, driver, look, rng))
        columns = {name: [s[name] for s in samples] for name in samples[0]}
        together = ("instances", "poses", "velocities", "outlines", "cells", "cell_owner", "cell_sample")
        arrays = {
            name: np.concatenate(parts) if name in together else np.stack(parts)
            for name, parts in columns.items()
        }
        counts = [len(part) for part in columns["outlines"]]
        filled = np.arange(instants - 1, len(moments), instants) if instants > 1 else np.zeros(0)
        return Parcel(
            **self._still,
            filled=filled.astype(np.int32),
            outline_first=np.cumsum([0, *counts]).astype(np.int32),
            **arrays,
        )

    @cached_property
    def _still(self) -> dict[str, np.ndarray]:
        """What all parcels of the world share."""
        fixed, owners = self._world.fixed
        shapes = joined(self._shapes.values())
        materials = self._world.materials(0.0)
        terrain = self._world.terrain
        return {
            "ground": LEVEL if terrain is None else terrain.heights,
            "ground_corner": np.zeros(2) if terrain is None else terrain.corner,
            "vertices": fixed.vertices,
            "normals": fixed.normals.astype(np.float16),
            "uv": fixed.uv,
            "material": fixed.material,
            "thing": fixed.thing,
            "owner": owners,
            "model_vertices": shapes.vertices,
            "model_normals": shapes.normals.astype(np.float16),
            "model_uv": shapes.uv,
            "model_material": shapes.material,
            "model_thing": shapes.thing,
            "kind": materials.kind,
            "bright": materials.colour.mean(-1),
        }

    def draw_moments(
        self, samples: int, seconds: float, others: float, rng: np.random.Generator
    ) -> list[tuple[float, Actor | None]]:
        """Times spread over the world's, each with the ego car at its own or at another driver's place.

        Args:
            samples: how many.
            seconds: length of the world.
            others: probability that another driver's place is taken.
            rng: draws.
        """
        moments = []
        for k in range(samples):
            time = (k + rng.random()) * seconds / samples
            taken = rng.random() < others
            near = self._near(time) if taken else []
            moments.append((time, near[rng.integers(len(near))] if near else None))
        return moments

    def _near(self, time: float) -> list[Actor]:
        """The cars whose driver's seat can be taken at a time."""
        way = self._world.ego.path.points[::3]
        return [
            a for a in self._drivers if np.hypot(*(way - a.pose(time).translation[:2]).T).min() < DRIVER_REACH
        ]

    def ego_pose(self, time: float, driver: Actor | None) -> Pose:
        """base_link: the ego car's, or what it would be in the place of a driver's car."""
        if driver is None:
            return self._world.ego_pose(time)
        # base_link is the rear axle of the ego car, a vehicle's frame its middle.
        low, high = ego_mesh().bounds
        return driver.pose(time) @ Pose(np.eye(3), np.array([-(low[0] + high[0]) / 2.0, 0.0, 0.0]))

    def _sample(
        self, k: int, time: float, driver: Actor | None, look: Look, rng: np.random.Generator
    ) -> dict:
        world, lidar, light, rig = self._world, look.lidar, look.light, look.rig
        materials = look.materials(world, time)
        ego = self.ego_pose(time, driver)
        to_ego = ego.inverse()
        seeds = [int(rng.integers(2**31)) for _ in rig]
        poses = [self.ego_pose(time + mount.offset * 1e-6, driver) @ mount.pose for mount in rig]
        moments = np.linspace(time - PERIOD * (COLUMNS - 1) / COLUMNS, time, 6)
        knots = [self.ego_pose(t, driver) for t in moments]
        slack = np.linalg.norm(knots[-1].translation - knots[0].translation)
        slack += abs(knots[-1].yaw - knots[0].yaw) * 2
        on_car = lidar.pose.matrix[None, :3]
        where = {a.number: a.pose(time) for a in world.actors}
        boxes = {
            a.number: a.box(time)
            for a in world.actors
            if a.category.startswith("vehicle")
            and a is not driver
            and np.hypot(*(where[a.number].translation - ego.translation)[:2]) < BOX_RADIUS
        }
        cells = self._cells(boxes.items(), to_ego, k)
        focal = [mount.intrinsics.ravel() for mount in rig]
        calibration = [
            np.concatenate([m.pose.rotation.ravel(), m.pose.translation, f])
            for m, f in zip(rig, focal, strict=True)
        ]
        return {
            **self._instances(k, time, ego, self.ego_pose(time - 0.05, driver), driver, where),
            "colours": materials.colour,
            "params": materials.params,
            "lights": np.hstack(light).astype(np.float64),
            "axes": sun_axes(np.array(light.sun)),
            "places": ego.translation,
            "to_ego": to_ego.matrix[:3],
            "outlines": np.array([box.corners()[:4, :2] for box in boxes.values()]).reshape(-1, 4, 2),
            "rotations": np.stack([pose.rotation.T for pose in poses]),
            "origins": np.stack([pose.translation for pose in poses]),
            "lenses": np.stack([mount.camera_lens for mount in rig]),
            "ahead": np.array([mount.offset * 1e-6 for mount in rig], np.float32),
            "seeds": np.array(seeds, np.int64),
            "sensor": _times(_poses(knots, np.arange(COLUMNS) / (COLUMNS - 1)), on_car),
            "slack": np.float64(slack),
            "lidar_seeds": np.int64(rng.integers(2**31)),
            "calibration": np.array(calibration, np.float32),
            **self._seen(look, time, ego, lambda t: self.ego_pose(t, driver)),
            **cells,
        }

    def _seen(
        self, look: Look, time: float, ego: Pose, car: Callable[[float], Pose]
    ) -> dict[str, np.ndarray]:
        """What a look has beyond drawn light and ideal cameras."""
        scenery = self._world.scenery(time, ego, look.backdrop)
        lamps = np.full((NEAREST_LAMPS, 8), 1e9, np.float32)
        lamps[:, 3:] = 0.0
        lamps[: len(scenery.lamps)] = scenery.lamps
        response = np.zeros((len(look.rig), COLUMNS_OF_RESPONSE), np.float32)
        motions = np.zeros((len(look.rig), 6), np.float32)
        if look.response is not None:
            response = look.response.table
            if look.response.readout.any():
                motions = motions_of(car, time, [mount.pose for mount in look.rig])
        numbers = (scenery.sky_turn, scenery.sky_gain, scenery.wet, scenery.dirt, scenery.night)
        return {
            "present": look.present,
            "response": response,
            "motions": motions,
            "sky": np.array(-1 if look.backdrop is None else look.backdrop.sky, np.int32),
            "weather": np.array(numbers),
            "lamps": lamps,
        }

    def _cells(self, boxes: Iterable[tuple[int, Box]], to_ego: Pose, k: int) -> dict[str, np.ndarray]:
        cells, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for number, box in boxes:
            mine = covered(box, to_ego, self._grid)
            cells.append(mine)
            owners.append(np.full(len(mine), number))
        together = np.concatenate(cells).astype(np.int32)
        return {
            "cells": together,
            "cell_owner": np.concatenate(owners).astype(np.int32),
            "cell_sample": np.full(len(together), k, np.int32),
        }

    def _instances(
        self, k: int, time: float, ego: Pose, before: Pose, driver: Actor | None, where: dict[int, Pose]
    ) -> dict[str, np.ndarray]:
        rows, poses, velocities, at = [], [], [], 0

        def add(mesh, pose: Pose, earlier: np.ndarray, owner: int) -> None:
            nonlocal at
            rows.append((k, self._first[id(mesh)], len(mesh), owner, at, owner != EGO))
            poses.append(np.concatenate([pose.rotation.ravel(), pose.translation]))
            velocities.append((pose.translation - earlier) / 0.05)
            at += len(mesh)

        for actor in self._world.movers:
            pose = where[actor.number]
            if actor is driver or np.hypot(*(pose.translation - ego.translation)[:2]) > MOVING_RADIUS:
                continue
            track = actor.track
            assert track is not None, "it moves"
            earlier = np.array([*track.path.at(track.travelled(time - 0.05)), pose.translation[2]])
            if self._world.terrain is not None:
                rises = self._world.terrain.height(np.stack([pose.translation[:2], earlier[:2]]))
                earlier[2] += rises[1] - rises[0]
            add(actor.mesh(time), pose, earlier, actor.number)
        seen = at
        add(ego_mesh(), ego, before.translation, EGO)
        return {
            "instances": np.array(rows, np.int32),
            "poses": np.array(poses, np.float32),
            "velocities": np.array(velocities, np.float32),
            "moving": np.array([seen, at], np.int32),
        }


def covered(box: Box, to_ego: Pose, grid: BevGrid) -> np.ndarray:
    """(C,) int64 cells that a box of the world covers, as vehicles do, their numbers in the flat grid."""
    pose = to_ego @ box.pose
    if np.abs(pose.translation[:2]).max() > 60:
        return np.zeros(0, np.int64)
    return np.flatnonzero(vehicle_raster([Box(pose, box.size, box.category, vehicle=True)], grid))


def pack_world(
    seed: tuple[int, ...],
    samples: int,
    seconds: float = 12.0,
    others: float = 0.65,
    config: WorldConfig | None = None,
    grid: BevGrid | None = None,
    assets: Assets | None = None,
) -> Parcel:
    """Draw a world and pack samples of it, as `stream_world` yields them.

    Args:
        seed: of the world and of everything that varies between its samples.
        samples: how many.
        seconds: length of the world.
        others: probability that a sample is seen from another driver's place.
        config: what may vary; `VARIED` by default.
        grid: of the truth.
        assets: that the world may have; who draws the parcel needs the same.
    """
    world, rng = draw_world(seed, seconds, config, assets)
    packer = Packer(world, grid)
    return packer.pack(packer.draw_moments(samples, seconds, others, rng), rng)
