"""Pictures of a world."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from ..geometry import Pose
from .bending import Bending
from .material import Palette
from .mesh import Mesh, joined
from .rasterizer import draw, footprint, visible
from .sensors import Mount
from .shading import shade
from .shadow import Shadows, static_shadows, with_moving
from .vehicle import car
from .world import World

FAR = 420.0
"""Nothing beyond is drawn, metres; the haze has taken most of it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image and what is seen in it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        visible, whole: (A + 1,) int64 by actor number: samples that are seen, and that would be seen if
            nothing stood before the actor.
    """

    image: np.ndarray
    visible: np.ndarray
    whole: np.ndarray
    _ids: np.ndarray
    _keys: np.ndarray
    _owners: np.ndarray

    @cached_property
    def instances(self) -> np.ndarray:
        """(H, W) int32, number of the actor in each pixel, 0 for the fixed world, -1 for the sky."""
        return np.append(self._owners, np.int32(-1))[self._ids[::2, ::2]]

    @cached_property
    def depth(self) -> np.ndarray:
        """(H, W) float32, metres along the optical axis, infinite for the sky."""
        with np.errstate(divide="ignore"):
            return 1.0 / self.nearness

    @property
    def nearness(self) -> np.ndarray:
        """(H, W) float32, one over the depth, 0 for the sky."""
        return self._keys[::2, ::2]


@cache
def ego_mesh() -> Mesh:
    """The ego car in base_link: it throws a shadow and sends back LiDAR beams, but no camera sees it."""
    mesh = car("hatch", np.random.default_rng(0), Palette())
    low, high = mesh.bounds
    stretch = np.array([4.08, 1.73, 1.56]) / (high - low)
    return mesh.scaled(stretch).shifted(x=1.36)


def shadows_around(world: World, place: np.ndarray) -> Shadows:
    """Shadow maps of the fixed world around a place (2,), to be shared by all pictures taken near it."""
    height = 0.0 if world.terrain is None else float(world.terrain.height(place))
    return static_shadows(world.fixed[0].vertices, np.array(world.light.sun), np.array([*place, height]))


def take_picture(
    world: World,
    mount: Mount,
    time: float,
    shadows: Shadows,
    seed: int,
    scale: float = 1.0,
    bending: Bending | None = None,
) -> Picture:
    """Take a picture.

    Args:
        world: the scene.
        mount: the camera.
        time: seconds.
        shadows: of `shadows_around` a place near the ego car.
        seed: of the sensor's noise.
        scale: of the image size; 1 gives the camera's own.
        bending: by the camera's lens at that scale; None for a pinhole. What it sees and what it would see
            are then counted in the wider picture that is bent.
    """
    width, height = (round(side * scale) for side in mount.size)
    lens = mount.scaled(scale).lens
    left, top, frame = 0, 0, (0, 0, width, height)
    if bending is not None:
        left, top = bending.left, bending.top
        frame = (left, top, width, height)
        width, height = bending.width, bending.height
    ego = world.ego_pose(time)
    pose = ego @ mount.pose
    rotation, origin = np.ascontiguousarray(pose.rotation.T), pose.translation
    fixed, owners = world.fixed
    drawn = lens + np.array([0.0, 0.0, left, top])
    keep = visible(fixed.vertices, rotation, origin, drawn, width, height, FAR)
    moving, moving_owners = world.moving(time, ego.translation[:2], 200.0)
    mesh = joined([fixed[keep], moving])
    instance = np.concatenate([owners[keep], moving_owners])
    shadows = _shadows_at(world, time, ego, moving, shadows)

    keys = np.zeros((2 * height, 2 * width), np.float32)
    ids = np.full((2 * height, 2 * width), -1, np.int32)
    fine = np.array([2 * drawn[0], 2 * drawn[1], 2 * drawn[2] + 0.5, 2 * drawn[3] + 0.5])
    draw(mesh.vertices, rotation, origin, fine, keys, ids)
    image = np.empty((height, width, 3), np.uint8)
    materials = world.materials(time)
    shade(
        ids,
        rotation,
        origin,
        lens,
        mesh.vertices,
        mesh.normals,
        mesh.uv,
        mesh.material,
        instance,
        materials,
        world.light,
        shadows,
        seed,
        frame,
        image,
        world.scenery(time, ego),
    )

    # Visibility is measured on every fourth sample both ways.
    seen = ids[1::4, 1::4]
    count = len(world.actors) + 1
    numbers = np.bincount(instance[seen[seen >= 0]], minlength=count)
    whole = np.zeros(count, np.int64)
    coarse = np.array([fine[0] / 4, fine[1] / 4, (fine[2] - 1) / 4, (fine[3] - 1) / 4])
    footprint(mesh.vertices, instance, rotation, origin, coarse, np.zeros(seen.shape, np.int32), whole)
    if bending is not None:
        image, ids, keys = bending.bend(image), bending.pick(ids, -1), bending.pick(keys, 0.0)
    return Picture(image, numbers, whole, ids, keys, instance)


def _shadows_at(world: World, time: float, ego: Pose, moving: Mesh, shadows: Shadows) -> Shadows:
    """Add the shadows of what moves, the ego car's included."""
    near = [a for a in world.actors if np.hypot(*(a.pose(time).translation - ego.translation)[:2]) < 70]
    outlines = [a.outline(time) for a in near if a.category.startswith("vehicle")]
    low, high = np.array([-0.68, -0.86]), np.array([3.40, 0.86])
    corners = np.array(
        [[high[0], high[1], 0], [low[0], high[1], 0], [low[0], low[1], 0], [high[0], low[1], 0]]
    )
    outlines.append(ego.apply(corners)[:, :2])
    return with_moving(shadows, joined([moving, ego_mesh().moved(ego)]).vertices, outlines)
