"""Traffic as dense and as mixed as in recorded streets: full kerbs, car parks at any angle, large vehicles.

The ranges are set so that the counts within 50 m spread as `sizes.CARS_WITHIN_50`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import Pose
from .actor import Actor
from .config import WorldConfig
from .driving import overlapping
from .fleet import Fleet, Model
from .ground import KERB_HEIGHT
from .road import Block, Plan
from .streetscape import Nearness

_STALL, _DEPTH, _AISLE = 2.65, 5.2, 6.2
"""Width and depth of a stall and width of the lane between two rows, metres."""
_ANGLES = (0.0, 30.0, 45.0, 60.0, 75.0, 90.0)
"""Of stalls to their row, degrees; 0 for cars one behind the other."""
_CORNER = 3.0


@dataclass(frozen=True)
class Crowd:
    """One world's crowd, drawn from the ranges; without one, `parks` is 0.

    Attributes:
        parks: share of the blocks that are car parks.
        filled, large: as in `CrowdRanges`.
    """

    parks: float = 0.0
    filled: float = 0.0
    large: float = 0.0

    @property
    def on(self) -> bool:
        """Whether there is one."""
        return self.filled > 0.0


def draw_crowd(config: WorldConfig, rng: np.random.Generator) -> tuple[Crowd, WorldConfig]:
    """A crowd, and the configuration of the world that has it."""
    ranges = config.realism.crowd
    here, parks = rng.random() < ranges.chance, rng.uniform(*ranges.parks)
    filled, large = rng.uniform(*ranges.filled), rng.uniform(*ranges.large)
    if not here:
        return Crowd(), config
    return (
        Crowd(float(parks), float(filled), float(large)),
        replace(config, parked=ranges.parked, traffic=ranges.traffic),
    )


def is_park(share: float, rng: np.random.Generator, block: Block) -> bool:
    """Whether a block is a car park; small ones are none. Every call draws once."""
    drawn = rng.random() < share
    s0, s1, t0, t1 = block[:4]
    return bool(drawn and min(s1 - s0, t1 - t0) > 24)


def parked_cars(
    plan: Plan,
    blocks: Sequence[Block],
    crowd: Crowd,
    fleet: Fleet,
    near: Nearness,
    radius: float,
    taken: Sequence[Actor],
    rng: np.random.Generator,
) -> list[Actor]:
    """The cars of car parks.

    Args:
        plan: the streets.
        blocks: of it that are car parks.
        crowd: how full they are.
        fleet: gives the models.
        near: distance to the ego car's way.
        radius: none are farther from it, metres.
        taken: who is there already; numbers go on from theirs, and nobody stands in what stands.
        rng: draws.
    """
    places: list[tuple[Model, Pose]] = []
    for block in blocks:
        places += _park(plan, block, crowd, fleet, near, radius, rng)
    still = [a for a in taken if not a.moves]
    kept = _apart(places, still)
    z = KERB_HEIGHT + 0.012
    actors: list[Actor] = []
    for model, pose in kept:
        actors.append(
            Actor(
                len(taken) + len(actors) + 1, model.category, model.postures, model.low, model.high,
                place=pose, z=z, parked=True, ridden=model.ridden,
            )
        )  # fmt: skip
    return actors


def _park(
    plan: Plan, block: Block, crowd: Crowd, fleet: Fleet, near: Nearness, radius: float, rng
) -> list[tuple[Model, Pose]]:
    s0, s1, t0, t1, *streets = block
    pavement = min(street.pavement for street in streets if street is not None) + 0.4
    s0, s1, t0, t1 = s0 + pavement, s1 - pavement, t0 + pavement, t1 - pavement
    swapped = rng.random() < 0.5
    a0, a1, b0, b1 = (t0, t1, s0, s1) if swapped else (s0, s1, t0, t1)
    angle = np.radians(_ANGLES[rng.integers(len(_ANGLES))])
    large = [*fleet.trucks, *fleet.buses, *fleet.site, *fleet.trailers]
    cosine, sine = np.cos(angle), np.sin(angle)
    # How long a stall is along its row, and how deep the row.
    along = _STALL / sine if sine > 0.3 else _DEPTH + 0.9
    deep = _DEPTH * sine + _STALL * cosine
    places, across, lean = [], b0 + deep / 2 + 0.3, 1
    while across + deep / 2 < b1:
        skew = rng.uniform(-0.15, 0.15)
        for at in np.arange(a0 + _CORNER + along / 2, a1 - _CORNER, along):
            full, big, turned = rng.random(3) < (crowd.filled, crowd.large, 0.35)
            shift, model = rng.normal(0, [0.18, 0.25, 0.035]), fleet.cars[rng.integers(len(fleet.cars))]
            other = large[rng.integers(len(large))]
            if not full:
                continue
            model = other if big else model
            st = np.array([at + shift[0], across + shift[1] + skew])
            ahead = np.array([cosine, lean * sine])
            if swapped:
                st, ahead = st[::-1], ahead[::-1]
            xy = plan.curve.world(st)
            if near(xy) > radius:
                continue
            way = plan.curve.world(st + ahead) - xy
            yaw = float(np.arctan2(way[1], way[0])) + (np.pi if turned else 0.0) + shift[2]
            places.append((model, Pose.from_yaw(yaw, (*xy, KERB_HEIGHT + 0.012))))
        # Two rows back to back, then a lane.
        across += deep + (0.3 if lean < 0 else _AISLE)
        lean = -lean
    return places


def _apart(places: list[tuple[Model, Pose]], still: list[Actor]) -> list[tuple[Model, Pose]]:
    """Those that overlap neither what stands nor one before them."""
    shapes = [(a.low, a.high, a.pose(0.0)) for a in still] + [(m.low, m.high, p) for m, p in places]
    if not places:
        return []
    centers, yaws, halves = [], [], []
    for low, high, pose in shapes:
        middle = (low + high) / 2
        centers.append(pose.apply(np.array([[*middle[:2], 0.0]]))[0, :2])
        yaws.append(pose.yaw)
        halves.append((high - low)[:2] / 2)
    center, yaw, half = np.array(centers), np.array(yaws), np.array(halves)
    kept = np.ones(len(shapes), bool)
    reach = np.linalg.norm(half, axis=1)
    for k in range(len(still), len(shapes)):
        gap = np.linalg.norm(center[:k] - center[k], axis=1) - reach[:k] - reach[k]
        close = np.flatnonzero((gap < 0.1) & kept[:k])
        if not len(close):
            continue
        mine = tuple(np.repeat(v[k : k + 1], len(close), 0) for v in (center, yaw, half))
        if overlapping(mine, (center[close], yaw[close], half[close]), 0.1).any():
            kept[k] = False
    return [place for place, keep in zip(places, kept[len(still) :], strict=True) if keep]
