"""Samples of synthetic worlds straight from memory, small and fast: what a network is trained on.

The same worlds, shading and LiDAR as `synthesize`, with three savings: pictures are drawn at the size that
training needs, triangles are looked up by tile of the plane, and what moves is posed once a sample and
shifted along its velocity to each camera's own instant.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..geometry import CAMERA_NAMES, BevGrid, Box, Camera, Pose, Rig
from .assets import Assets
from .backdrop import Backdrop, draw_backdrop
from .camera import FAR, ego_mesh
from .config import WorldConfig
from .develop import respond
from .lidar import Scan, scan
from .light import Light, draw_light
from .material import PAINT, Materials
from .mesh import Mesh
from .rasterizer import draw_flat, draw_ranges
from .realism import REALISTIC
from .response import Response, draw_response
from .rigs import mounted
from .scenery import Scenery
from .sensors import HEIGHT, WIDTH, Mount
from .shading import shade
from .shadow import FAR_RADIUS, NEAR_RADIUS, Shadows, blank_map, contact_corner, contact_map, sun_axes
from .shutter import motions_of, rolled
from .voxels import thing_voxels
from .world import World

TILE = 16.0
"""Side of the tiles that triangles are sorted by, metres."""
MOVING_RADIUS = 130.0
"""What moves is drawn up to so far from the car, metres."""
BOX_RADIUS = 76.0
"""Vehicles are annotated up to so far from the car: past the corners of a 100 m x 100 m grid, metres."""
SHADOW_SIZE = 1024
"""Elements of a shadow map's side; `synthesize` takes 2048 for pictures that are four times as large."""
DEPTH_STRIDE = 4
"""Pixels of a picture for one element of its depth map."""

VARIED = WorldConfig(mount_angle=1.5, mount_shift=0.06, focal=(0.96, 1.04), exposure=(0.7, 1.35))
"""What training worlds vary beyond those of `synthesize`: mounting, focal length and exposure."""


CARRIED = replace(VARIED, realism=REALISTIC)
"""What training worlds vary whose weights are to carry over to recorded streets."""


@dataclass(frozen=True, eq=False)
class Look:
    """What may differ between two samples of one world, but not between the instants of a pair.

    Attributes:
        cameras: as mounted on the car.
        lidar: likewise.
        light: sun, sky and air.
        colours: (M, 3) float32, the materials' colours.
        backdrop: light, sky and weather; None for those of a drawn sky.
        response: of the cameras in the order of `CAMERA_NAMES`; None for ideal ones.
    """

    cameras: tuple[Mount, ...]
    lidar: Mount
    light: Light
    colours: np.ndarray
    backdrop: Backdrop | None = None
    response: Response | None = None

    @classmethod
    def draw(cls, world: World, rng: np.random.Generator) -> Look:
        """A look of a world."""
        config = world.config
        cameras, lidar = mounted(config, rng, len(CAMERA_NAMES))
        light = draw_light(config, rng)
        colours = _repainted(world.materials(0.0), rng).colour
        if not config.realism.on:
            return cls(cameras, lidar, light, colours)
        extra = rng.spawn(1)[0]
        backdrop = draw_backdrop(config, light, world.assets, extra)
        response = draw_response(config.realism.response, len(CAMERA_NAMES), extra)
        return cls(cameras, lidar, backdrop.light, colours, backdrop, response)

    def materials(self, world: World, time: float) -> Materials:
        """The world's materials at a time in seconds."""
        return world.materials(time)._replace(colour=self.colours)

    @property
    def rig(self) -> tuple[Mount, ...]:
        """The cameras in the order of `CAMERA_NAMES`; in the place of one that the car lacks is another."""
        by_channel = {mount.channel.lower(): mount for mount in self.cameras}
        return tuple(by_channel.get(name, self.cameras[0]) for name in CAMERA_NAMES)

    @property
    def present(self) -> np.ndarray:
        """(6,) bool, which of `rig` the car has."""
        channels = {mount.channel.lower() for mount in self.cameras}
        return np.array([name in channels for name in CAMERA_NAMES])


@dataclass(frozen=True, eq=False)
class StreamSample:
    """One instant of a world.

    Attributes:
        images: (6, H, W, 3) uint8 RGB, cameras in the order of `CAMERA_NAMES`.
        depth: (6, H / 4, W / 4) float32, metres along the optical axis, infinite for the sky.
        rig: the cameras; its intrinsics are those of the full 1600 x 900 images.
        boxes: the vehicles around the car, base_link, with their LiDAR returns.
        scan: what the LiDAR sees within the reach of the boxes.
        present: (6,) bool, the cameras that the car has.
    """

    images: np.ndarray
    depth: np.ndarray
    rig: Rig
    boxes: tuple[Box, ...]
    scan: Scan
    present: np.ndarray


def draw_world(
    seed: tuple[int, ...],
    seconds: float,
    config: WorldConfig | None = None,
    assets: Assets | None = None,
) -> tuple[World, np.random.Generator]:
    """A world, and the chance of everything that varies between its samples.

    Args:
        seed: of both.
        seconds: length of the world.
        config: what may vary; `VARIED` by default.
        assets: that it may have.
    """
    return World.draw(seed, seconds, config or VARIED, assets), np.random.default_rng([*seed, 3])


def stream_world(
    seed: tuple[int, ...],
    samples: int,
    seconds: float = 12.0,
    scale: float = 0.24,
    config: WorldConfig | None = None,
    assets: Assets | None = None,
) -> Iterator[StreamSample]:
    """Draw a world and yield samples of it, spread over its time.

    Args:
        seed: of the world and of everything that varies between its samples.
        samples: how many.
        seconds: length of the world.
        scale: size of the pictures, 1 for 1600 x 900.
        config: what may vary; `VARIED` by default.
        assets: that the world may have.
    """
    world, rng = draw_world(seed, seconds, config, assets)
    studio = Studio(world, scale)
    for k in range(samples):
        yield studio.sample((k + rng.random()) * seconds / samples, rng)


class Studio:
    """Draws samples of one world.

    Args:
        world: the scene; its cached mesh is let go.
        scale: size of the pictures, 1 for 1600 x 900.
    """

    def __init__(self, world: World, scale: float) -> None:
        self._world = world
        self._size = round(WIDTH * scale), round(HEIGHT * scale)
        self._scale = scale
        fixed, owners = world.fixed
        tile = np.floor(fixed.vertices[:, 0, :2] / TILE).astype(np.int64)
        tile -= tile.min(0)
        number = tile[:, 0] * (tile[:, 1].max() + 1) + tile[:, 1]
        order = np.argsort(number, kind="stable")
        first = np.flatnonzero(np.diff(number[order], prepend=-1))
        self._first = np.append(first, len(order))
        room = sum(max(len(mesh) for mesh in actor.postures) for actor in world.movers)
        self._fixed = len(order)
        parts = (fixed.vertices, fixed.normals, fixed.uv, fixed.material, fixed.thing)
        self._mesh = Mesh(*(_with_room(part[order], room) for part in parts))
        self._owners = _with_room(owners[order], room)
        vertices = self._mesh.vertices[: self._fixed]
        low = np.minimum.reduceat(vertices.min(1), first)
        high = np.maximum.reduceat(vertices.max(1), first)
        self._middle, self._reach = (low + high) / 2.0, np.linalg.norm(high - low, axis=1) / 2
        world.__dict__.pop("fixed", None)
        self._ego = ego_mesh()

    def sample(self, time: float, rng: np.random.Generator, look: Look | None = None) -> StreamSample:
        """One sample at a time in seconds; light, paint and cameras, unless given, and noise are drawn."""
        world = self._world
        look = look or Look.draw(world, rng)
        light, materials = look.light, look.materials(world, time)
        ego = world.ego_pose(time)
        place = ego.translation
        tail, base, velocity = self._pose_movers(time, place)
        near = [
            a
            for a in world.actors
            if a.category.startswith("vehicle")
            and np.hypot(*(a.pose(time).translation - place)[:2]) < BOX_RADIUS
        ]
        shadows = self._shadows(light, ego, base, [a.outline(time) for a in near])
        scenery = world.scenery(time, ego, look.backdrop)
        seeds = []
        width, height = self._size
        images = np.empty((len(CAMERA_NAMES), height, width, 3), np.uint8)
        depth = np.empty((len(CAMERA_NAMES), height // DEPTH_STRIDE, width // DEPTH_STRIDE), np.float32)
        nearness = np.empty((len(CAMERA_NAMES), height, width), np.float32)
        for k, mount in enumerate(look.rig):
            ahead = mount.offset * 1e-6
            self._mesh.vertices[self._fixed : tail] = base + velocity[:, None] * np.float32(ahead)
            pose = world.ego_pose(time + ahead) @ mount.pose
            seeds.append(int(rng.integers(2**31)))
            nearness[k] = self._picture(
                pose, mount, tail, materials, light, shadows, seeds[k], images[k], depth[k], scenery
            )
        images[~look.present], depth[~look.present] = 0, np.inf
        if look.response is not None:
            drawn = torch.from_numpy(images[look.present])
            chosen = Response.of_table(look.response.table[look.present])
            if chosen.readout.any():
                kept = [mount for mount, there in zip(look.rig, look.present, strict=True) if there]
                lenses = np.stack([self._lens(mount) for mount in kept])
                motions = motions_of(world.ego_pose, time, [mount.pose for mount in kept])
                drawn = rolled(
                    drawn,
                    torch.from_numpy(nearness[look.present]),
                    torch.from_numpy(lenses),
                    torch.from_numpy(motions),
                    torch.from_numpy(chosen.readout),
                )
            done = respond(drawn, chosen, np.array(seeds)[look.present], self._scale)
            images[look.present] = done.numpy()
        swept = self._swept(look.lidar, time, place, rng)
        # What lies beyond the boxes cannot hide any of them.
        hits = np.bincount(swept.instance[swept.instance > 0], minlength=len(world.actors) + 1)
        boxes = [a.box(time, num_lidar_pts=int(hits[a.number])) for a in near]
        to_ego = ego.inverse()
        rig = Rig(
            tuple(
                Camera(name, mount.intrinsics, WIDTH, HEIGHT, mount.pose)
                for name, mount in zip(CAMERA_NAMES, look.rig, strict=True)
            )
        )
        local = tuple(replace(box, pose=to_ego @ box.pose) for box in boxes)
        return StreamSample(images, depth, rig, local, swept, look.present)

    def things(self, time: float, grid: BevGrid) -> np.ndarray:
        """(nx, ny, heights) uint8 of `voxels.thing_voxels` around the car at a time in seconds."""
        ego = self._world.ego_pose(time)
        tail, base, _ = self._pose_movers(time, ego.translation)
        self._mesh.vertices[self._fixed : tail] = base
        reach = np.hypot(max(-grid.x_min, grid.x_max), max(-grid.y_min, grid.y_max))
        tiles = np.flatnonzero(np.hypot(*(self._middle - ego.translation)[:, :2].T) < reach + self._reach)
        chosen = np.append(self._gather(tiles), np.arange(self._fixed, tail))
        return thing_voxels(self._mesh.vertices[chosen], self._mesh.thing[chosen], ego, grid)

    def _pose_movers(self, time: float, place: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Put what moves behind the fixed triangles: where it ends, its vertices and velocities (M, 3)."""
        at, velocities = self._fixed, []
        for actor in self._world.movers:
            pose = actor.pose(time)
            if np.hypot(*(pose.translation - place)[:2]) > MOVING_RADIUS:
                continue
            mesh = actor.mesh(time).moved(pose)
            here = slice(at, at + len(mesh))
            self._mesh.vertices[here], self._mesh.normals[here] = mesh.vertices, mesh.normals
            self._mesh.uv[here], self._mesh.material[here] = mesh.uv, mesh.material
            self._mesh.thing[here] = mesh.thing
            self._owners[here] = actor.number
            way = (pose.translation - actor.pose(time - 0.05).translation) / 0.05
            velocities.append(np.broadcast_to(way.astype(np.float32), (len(mesh), 3)))
            at = here.stop
        velocity = np.concatenate(velocities) if velocities else np.zeros((0, 3), np.float32)
        return at, self._mesh.vertices[self._fixed : at].copy(), velocity

    def _gather(self, tiles: np.ndarray) -> np.ndarray:
        """Indices of the fixed triangles of tiles."""
        return np.concatenate(
            [np.arange(self._first[t], self._first[t + 1]) for t in tiles] or [np.zeros(0, np.int64)]
        )

    def _picture(
        self,
        pose: Pose,
        mount: Mount,
        tail: int,
        materials,
        light,
        shadows,
        seed: int,
        image,
        depth,
        scenery: Scenery,
    ) -> np.ndarray:
        """Fill a picture and its depth; its nearness (H, W) float32 as in `shutter.rolled`."""
        width, height = self._size
        lens = self._lens(mount)
        rotation, origin = np.ascontiguousarray(pose.rotation.T), pose.translation
        tiles = self._seen(rotation, origin, lens)
        starts = np.append(self._first[tiles], self._fixed)
        stops = np.append(self._first[tiles + 1], tail)
        keys = np.zeros((2 * height, 2 * width), np.float32)
        ids = np.full((2 * height, 2 * width), -1, np.int32)
        fine = np.array([2 * lens[0], 2 * lens[1], 2 * lens[2] + 0.5, 2 * lens[3] + 0.5])
        draw_ranges(self._mesh.vertices, starts, stops, rotation, origin, fine, keys, ids)
        drawn = np.empty((height, width, 3), np.uint8)
        mesh = self._mesh
        shade(
            ids,
            rotation,
            origin,
            lens,
            mesh.vertices,
            mesh.normals,
            mesh.uv,
            mesh.material,
            self._owners,
            materials,
            light,
            shadows,
            seed,
            (0, 0, width, height),
            drawn,
            scenery,
        )
        image[:] = drawn[:, :, ::-1]
        step = 2 * DEPTH_STRIDE
        with np.errstate(divide="ignore"):
            # Sizes that are no multiples of the stride leave a rim.
            rows, columns = depth.shape
            depth[:] = 1.0 / keys[step // 2 :: step, step // 2 :: step][:rows, :columns]
        return keys[::2, ::2]

    def _lens(self, mount: Mount) -> np.ndarray:
        """(4,) float64 of a camera's pictures."""
        lens = mount.camera_lens * self._scale
        lens[2:] += (self._scale - 1) / 2
        return lens

    def _seen(self, rotation: np.ndarray, origin: np.ndarray, lens: np.ndarray) -> np.ndarray:
        """The tiles that a camera may see, nearest first."""
        width, height = self._size
        at = (self._middle - origin) @ rotation.T
        inside = (at[:, 2] > -self._reach) & (at[:, 2] < FAR + self._reach)
        for axis, edge, side in (
            (0, -lens[2] / lens[0], 1),
            (0, (width - lens[2]) / lens[0], -1),
            (1, -lens[3] / lens[1], 1),
            (1, (height - lens[3]) / lens[1], -1),
        ):
            inside &= side * (at[:, axis] - edge * at[:, 2]) > -self._reach * np.hypot(1.0, edge)
        tiles = np.flatnonzero(inside)
        return tiles[np.argsort(at[tiles, 2])]

    def _shadows(self, light: Light, ego: Pose, moving: np.ndarray, outlines: list[np.ndarray]) -> Shadows:
        """Shadow maps of everything; as `shadow.static_shadows` and `shadow.with_moving` in one."""
        place = ego.translation
        axes = sun_axes(np.array(light.sun))
        across = (self._middle - place) @ axes[:2].T
        moving = np.concatenate([moving, self._ego.moved(ego).vertices])
        maps: list[tuple[tuple[float, float], float, np.ndarray]] = []
        for radius in (NEAR_RADIUS, FAR_RADIUS):
            heights, offset, scale = blank_map(axes, place, radius, SHADOW_SIZE)
            tiles = np.flatnonzero((np.abs(across) < radius + self._reach[:, None]).all(1))
            draw_flat(self._mesh.vertices[self._gather(tiles)], axes, offset, scale, heights)
            draw_flat(moving, axes, offset, scale, heights)
            maps.append(((float(offset[0]), float(offset[1])), scale, heights))
        corner = contact_corner(place)
        contact = contact_map(corner, outlines)
        near, far = maps
        return Shadows(tuple(float(v) for v in axes.ravel()), *near, *far, contact, corner)

    def _swept(self, lidar: Mount, time: float, place: np.ndarray, rng: np.random.Generator) -> Scan:
        """A revolution of the LiDAR among what lies within the reach of the boxes."""
        tiles = np.flatnonzero(np.hypot(*(self._middle - place)[:, :2].T) < BOX_RADIUS + 6 + self._reach)
        chosen = self._gather(tiles)
        nearby = copy.copy(self._world)
        nearby.__dict__["fixed"] = (self._mesh[chosen], self._owners[chosen])
        close = [
            a
            for a in self._world.movers
            if np.hypot(*(a.pose(time).translation - place)[:2]) < BOX_RADIUS + 10
        ]
        nearby.__dict__["movers"] = tuple(close)
        return scan(nearby, lidar, time, rng)


def _with_room(array: np.ndarray, room: int) -> np.ndarray:
    """The array with `room` more rows, undefined."""
    result = np.empty((len(array) + room, *array.shape[1:]), array.dtype)
    result[: len(array)] = array
    return result


def _repainted(materials: Materials, rng: np.random.Generator) -> Materials:
    """The materials with the vehicles' paints dealt anew and varied."""
    rows = np.flatnonzero(materials.kind == PAINT)
    colour = materials.colour.copy()
    dealt = (
        colour[rng.permutation(rows)]
        * rng.uniform(0.7, 1.35, (len(rows), 1))
        * rng.uniform(0.9, 1.1, (len(rows), 3))
    )
    colour[rows] = np.clip(dealt, 0, 0.95)
    return materials._replace(colour=colour.astype(np.float32))
