"""Twins: what a recorded instant would look like in the synthetic world.

A twin has the recorded boxes where they were annotated, filled with shapes of a drawn world, on that world's
street, and is seen by the recorded cameras. It stands still. Beside the recorded pictures it tells which part
of what a network loses there is a matter of appearance, of geometry or of traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import Box, Camera, Pose
from .actor import Actor, Track
from .backdrop import Backdrop
from .camera import Picture, shadows_around, take_picture
from .fleet import Model
from .lidar import Scan, scan
from .material import TEXTURE
from .mesh import Mesh
from .sensors import Mount
from .streetscape import Streetscape
from .terrain import Terrain
from .things import NUMBER
from .world import World

CLEARED = 2.5
"""Nothing of the drawn street stands nearer to a line from the car to an annotated box, metres."""
_GROUND = ("road", "lane marking", "zebra crossing", "manhole cover", "pavement", "kerb", "grass")


@dataclass(frozen=True, eq=False)
class Twin:
    """A world that stands still around a car.

    Attributes:
        world: the scene.
        ego: base_link in it.
    """

    world: World
    ego: Pose

    def picture(
        self, camera: Camera, seed: int, scale: float = 1.0, around: Backdrop | None = None
    ) -> Picture:
        """What a camera sees; its lens is a pinhole's.

        Args:
            camera: its pose takes the optical frame to base_link.
            seed: of the sensor's noise.
            scale: of the picture's size.
            around: light, sky and weather other than the world's.
        """
        world = self.world
        if around is not None:
            world = replace(world, light=around.light, backdrop=around)
        if world is not self.world:
            world.__dict__["fixed"] = self.world.fixed
        k = camera.intrinsics
        lens = np.array([k[0, 0], k[1, 1], k[0, 2], k[1, 2]])
        mount = Mount(camera.name.upper(), camera.pose, lens, 0, (camera.width, camera.height))
        shadows = shadows_around(world, self.ego.translation[:2])
        return take_picture(world, mount, 0.0, shadows, seed, scale)

    def sweep(self, pose: Pose, seed: int) -> Scan:
        """A revolution of the synthetic LiDAR, mounted at a pose in base_link."""
        return scan(self.world, Mount("LIDAR_TOP", pose), 0.0, np.random.default_rng(seed))


def standing(world: World, time: float) -> Twin:
    """A world as it is at a time, with nothing moving any more."""
    ego = world.ego_pose(time)
    actors = tuple(_stopped(actor, time) for actor in world.actors)
    return Twin(_still(world, time, actors), ego)


def twin_of(
    world: World, time: float, boxes: Sequence[Box], grounded: bool = True, modelled: bool = False
) -> Twin:
    """A twin of annotated boxes on a drawn street, in the place of what is annotated there.

    Args:
        world: lends street, light and shapes.
        time: its ego car's place then is where the recorded car is, seconds.
        boxes: base_link of the recording. Those of no category that the world has a shape of are left out.
        grounded: whether they are put onto the street; otherwise they are as high as annotated.
        modelled: whether shapes of the world's assets fill them, where it has any that do.
    """
    ego = world.ego_pose(time)
    rng = np.random.default_rng(len(boxes))
    actors: list[Actor] = []
    for box in boxes:
        fitting = [m for m in world.models if alike(m.category, box.category)]
        if modelled:
            fitting = [m for m in fitting if _is_modelled(world, m)] or fitting
        if not fitting:
            continue
        size = np.asarray(box.size, np.float64)
        off = [float(np.abs(np.log((m.high - m.low) / size)).sum()) for m in fitting]
        # One of the shapes that need the least stretching, so that neighbours differ.
        nearest = np.argsort(off)[:4]
        model = fitting[int(nearest[rng.integers(len(nearest))])]
        at = box.pose.translation - box.pose.rotation @ np.array([0, 0, size[2] / 2])
        if grounded:
            at = np.array([*at[:2], 0.0])
        mesh, low, high = fitted(model, size)
        place = ego @ Pose.from_yaw(box.pose.yaw, at)
        if grounded and world.terrain is not None:
            place = Pose.from_yaw(place.yaw, (*place.translation[:2], 0.0))
        actor = Actor(
            len(actors) + 1, box.category, (mesh,), low, high, place=place, parked=True,
            ridden=model.ridden,
        )  # fmt: skip
        actors.append(actor.settled(world.terrain) if grounded and world.terrain is not None else actor)
    twin = _still(world, time, tuple(actors))
    targets = np.array([a.pose(0.0).translation[:2] for a in actors]).reshape(-1, 2)
    kept = _clear(world.scape, ego.translation[:2], targets, world.terrain)
    scape = replace(world.scape, mesh=world.scape.mesh[kept])
    return Twin(replace(twin, scape=scape), ego)


def alike(mine: str, theirs: str) -> bool:
    """Whether a shape of one nuScenes category can stand for a thing of another."""
    one, other = mine.split("."), theirs.split(".")
    if one[:2] == other[:2]:
        return True
    large = {"truck", "bus", "construction", "trailer", "emergency"}
    return one[0] == other[0] == "vehicle" and one[1] in large and other[1] in large


def _within(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(N,) bool, which points (N, 2) lie in a convex outline (4, 2)."""
    side = np.roll(outline, -1, 0) - outline
    way = points[:, None] - outline
    turn = side[:, 0] * way[..., 1] - side[:, 1] * way[..., 0]
    inside: np.ndarray = (turn >= 0).all(1) | (turn <= 0).all(1)
    return inside


def _is_modelled(world: World, model: Model) -> bool:
    kinds = world.materials(0.0).kind[model.postures[0].material]
    return bool((kinds == TEXTURE).any())


def fitted(model: Model, size: np.ndarray) -> tuple[Mesh, np.ndarray, np.ndarray]:
    """A model's shape stretched to a box of `size` (3,) around its origin on the ground, and the box."""
    mesh = model.postures[0]
    low, high = (np.asarray(v, np.float64) for v in mesh.bounds)
    middle = (low + high) / 2
    mesh = mesh.shifted(-middle[0], -middle[1], -low[2]).scaled(size / (high - low))
    half = size / 2
    return mesh, np.array([-half[0], -half[1], 0.0]), np.array([half[0], half[1], size[2]])


def _stopped(actor: Actor, time: float) -> Actor:
    mesh = actor.mesh(time)
    return replace(actor, postures=(mesh,), track=None, place=actor.pose(time))


def _still(world: World, time: float, actors: tuple[Actor, ...]) -> World:
    track = Track(world.ego.path, 0.0, np.array([world.ego.travelled(time)]))
    return replace(world, actors=actors, ego=track)


def _clear(
    scape: Streetscape, ego: np.ndarray, targets: np.ndarray, terrain: Terrain | None = None
) -> np.ndarray:
    """(T,) bool: the triangles of what stands in nobody's way between the car (2,) and places (N, 2)."""
    mesh = scape.mesh
    ground = np.isin(mesh.thing, [NUMBER[name] for name in _GROUND])
    # Ledges and the country around have no name.
    above = mesh.vertices[..., 2]
    if terrain is not None:
        above = above - terrain.height(mesh.vertices[..., :2])
    ground |= (mesh.thing == 0) & (above.max(1) < 1.0)
    standing = np.flatnonzero(~ground)
    low, high = mesh.vertices[standing, :, :2].min(1), mesh.vertices[standing, :, :2].max(1)
    middle, reach = (low + high) / 2 - ego, np.linalg.norm(high - low, axis=1) / 2
    way = targets - ego
    blocked = np.linalg.norm(middle, axis=1) < CLEARED + reach
    for step in way:
        along = np.clip(middle @ step / max(float(step @ step), 1e-9), 0.0, 1.0)
        blocked |= np.linalg.norm(middle - along[:, None] * step, axis=1) < CLEARED + reach
    # A house in the way goes as a whole, with what hangs on it.
    middle += ego
    for outline in scape.houses:
        center = outline.mean(0)
        grown = center + (outline - center) * 1.25
        close = np.flatnonzero(np.abs(middle - center).max(1) < np.ptp(grown, 0).max())
        if blocked[close].any():
            inside = close[_within(middle[close], grown)]
            blocked[inside] |= blocked[inside].any()
    kept = np.ones(len(mesh), bool)
    kept[standing[blocked]] = False
    return kept
