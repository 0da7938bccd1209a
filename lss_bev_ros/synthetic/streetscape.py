"""All that stands along the streets and never moves, but what nuScenes annotates."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..geometry import Pose
from . import furniture
from .building import build_block
from .driving import junction_number
from .ground import KERB_HEIGHT, STOP_LINE, build_ground
from .material import Palette
from .mesh import Mesh, joined, polygon
from .models import Houses
from .road import Plan, Street
from .terrain import Terrain
from .tree import hedge, tree

DETAIL = (22.0, 55.0)
"""Trees nearer to the ego car's way than this have the most, and a middling number of leaves; metres."""


@dataclass(frozen=True, eq=False)
class Streetscape:
    """The fixed world.

    Attributes:
        mesh: world.
        obstacles: (N, 3) float64: x, y and radius of posts and trunks, world.
        houses: outlines (4, 2) of buildings, world.
        lamps: (N, 3) float64 of street lamps' lights, world.
    """

    mesh: Mesh
    obstacles: np.ndarray
    houses: tuple[np.ndarray, ...]
    lamps: np.ndarray


class Nearness:
    """Distances to the ego car's way."""

    def __init__(self, route: np.ndarray) -> None:
        self._route = route

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(...,) metres from points (..., 2) of the world to the way."""
        points = np.asarray(points)
        flat = points.reshape(-1, 1, 2)
        return np.sqrt(((flat - self._route[None]) ** 2).sum(-1).min(1)).reshape(points.shape[:-1])


def build_streetscape(
    plan: Plan,
    near: Nearness,
    tall: float,
    green: float,
    rng: np.random.Generator,
    palette: Palette,
    parks: Collection[int] = (),
    houses: Houses | None = None,
    terrain: Terrain | None = None,
) -> Streetscape:
    """Build everything fixed.

    Args:
        plan: the streets.
        near: distance to the ego car's way; far things are coarse or left out.
        tall: see `WorldConfig`.
        green: share of tree places that are taken.
        rng: draws everything.
        palette: takes the materials.
        parks: numbers of the blocks on which nothing is built.
        houses: puts other houses than drawn ones onto lots.
        terrain: that it is all laid onto; None for level ground.
    """
    parts = [build_ground(plan, near, rng, palette, polygon if terrain is None else terrain.sheet)]
    outlines: list[np.ndarray] = []
    for number, (s0, s1, t0, t1, *streets) in enumerate(plan.blocks()):
        extent = (s0, s1, t0, t1)
        pavement = min(street.pavement for street in streets if street is not None)
        middle = plan.curve.world(np.array([(s0 + s1) / 2, (t0 + t1) / 2]))
        local = float(np.clip(tall + rng.normal(0, 0.15), 0, 1))
        block_rng = np.random.default_rng(rng.integers(2**63))
        if near(middle) < 230 and number not in parks:
            mesh, built = build_block(plan, extent, pavement, block_rng, palette, local, houses)
            parts.append(mesh)
            outlines += built
    kit = _Kit(palette, rng)
    posts: list[tuple[float, float, float]] = []
    lamps: list[np.ndarray] = []
    for street in plan.streets:
        for begin, end in plan.pieces(street, STOP_LINE + 3.0):
            for side in (-1, 1):
                _line(plan, street, begin, end, side, near, green, kit, rng, parts, posts, lamps)
    _signals(plan, near, palette, parts, posts)
    mesh, lights = joined(parts), np.array(lamps).reshape(-1, 3)
    if terrain is not None:
        mesh = terrain.laid(mesh)
        lights[:, 2] += terrain.height(lights[:, :2])
    return Streetscape(mesh, np.array(posts).reshape(-1, 3), tuple(outlines), lights)


class _Kit:
    """A few variants of everything, made once and set up many times."""

    def __init__(self, palette: Palette, rng: np.random.Generator) -> None:
        self.trees = [[tree(rng, palette, detail) for _ in range(6)] for detail in range(3)]
        self.hedges = [hedge(4.0, rng, palette) for _ in range(3)]
        self.lamp = furniture.lamp_post(palette)
        self.signs = [furniture.road_sign(rng, palette) for _ in range(8)]
        self.small = [furniture.bin_(palette), furniture.hydrant(palette), furniture.bench(palette)]
        self.bollard = furniture.bollard(palette)
        self.shelter = furniture.shelter(palette, rng)


def _line(
    plan: Plan, street: Street, begin, end, side, near, green, kit: _Kit, rng, parts, posts, lamps
) -> None:
    """Set up what stands along one side of one piece of street."""

    def put(mesh: Mesh, along: float, across: float, turn: float, z: float, radius: float, size=1.0) -> None:
        xy = plan.curve.world(street.place(along, side * across))
        ahead = plan.curve.world(street.place(along + 1.0, side * across)) - xy
        # `turn` 0 looks at the road.
        yaw = np.arctan2(ahead[1], ahead[0]) - side * np.pi / 2 + turn
        mesh = mesh if size == 1.0 else mesh.scaled([size] * 3)
        pose = Pose.from_yaw(yaw, (*xy, z))
        parts.append(mesh.moved(pose))
        if mesh is kit.lamp:
            lamps.append(pose.apply(np.array([furniture.LAMP_HEAD]))[0])
        posts.append((*xy, radius))

    def distance(along: float) -> float:
        return float(near(plan.curve.world(street.place(along, side * street.half))))

    z = KERB_HEIGHT + 0.004
    for along in np.arange(begin + rng.uniform(0, 10), end, 27.0):
        if distance(along) < 130:
            put(kit.lamp, along, street.half + 0.6, 0.0, z, 0.15)
    kind = rng.random()
    for along in np.arange(begin + rng.uniform(2, 6), end, rng.uniform(7.5, 12.0)):
        if rng.random() > green or kind < 0.15:
            continue
        far = distance(along)
        if far < 140:
            variants = kit.trees[(far < DETAIL[0]) + (far < DETAIL[1])]
            put(
                variants[rng.integers(6)],
                along,
                street.half + 1.0,
                rng.uniform(0, 6.3),
                z,
                0.3,
                rng.uniform(0.75, 1.15),
            )
    for along in np.arange(begin + 1, end - 1, 6.0):
        if distance(along) > 60:
            continue
        at = along + rng.uniform(0, 4)
        draw = rng.random()
        if draw < 0.10:
            put(
                kit.signs[rng.integers(8)],
                at,
                street.half + 0.55,
                -side * np.pi / 2 * rng.choice([1, 1, -1]),
                z,
                0.1,
            )
        elif draw < 0.26:
            put(kit.small[rng.integers(3)], at, street.half + 0.7, 0.0, z, 0.5)
        elif draw < 0.32:
            for k in range(4):
                put(kit.bollard, at + 1.4 * k, street.half + 0.4, 0.0, z, 0.1)
    if (
        rng.random() < 0.25
        and end - begin > 20
        and street.pavement > 3.6
        and distance((begin + end) / 2) < 60
    ):
        put(kit.shelter, rng.uniform(begin + 5, end - 5), street.half + 1.3, 0.0, z, 1.5)
    if rng.random() < 0.3:
        for along in np.arange(begin + 2, end - 2, 4.0):
            if distance(along) < 55 and rng.random() < 0.85:
                put(
                    kit.hedges[rng.integers(3)],
                    along,
                    street.half + street.pavement + 0.55,
                    np.pi / 2,
                    z,
                    0.0,
                )


def _signals(plan: Plan, near, palette: Palette, parts, posts) -> None:
    """Traffic lights on the right of every approach near the way."""
    for i, along in enumerate(plan.along):
        for j, across in enumerate(plan.across):
            if near(plan.curve.world(np.array([across.at, along.at]))) > 70:
                continue
            for axis, street, other in ((0, along, across), (1, across, along)):
                mesh = furniture.signal(palette, axis, junction_number(plan, i, j))
                for side in (-1, 1):
                    # Traffic that comes from this side keeps to `side` of the street's own left.
                    place = other.at + side * (other.half + STOP_LINE + 0.6)
                    xy = plan.curve.world(street.place(place, side * (street.half + 0.5)))
                    ahead = (
                        plan.curve.world(street.place(place + side * 1.0, side * (street.half + 0.5))) - xy
                    )
                    yaw = float(np.arctan2(ahead[1], ahead[0]))
                    parts.append(mesh.moved(Pose.from_yaw(yaw, (*xy, KERB_HEIGHT))))
                    posts.append((*xy, 0.2))
