"""How vehicles follow each other, stop at red lights and keep from hitting anything."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .actor import STEP
from .ground import STOP_LINE
from .road import Path, Plan

_BESIDE = np.array([-1.0, 0.0, 1.0])
LOOK = 38.0
"""Drivers look so many metres ahead."""


@dataclass(frozen=True)
class Signals:
    """The traffic lights: one switch from one axis to the other at most, at every junction.

    Attributes:
        first: junction number to the axis that is green at first: 0 along s, 1 along t.
        switch: junction number to the time of the switch, seconds.
    """

    first: dict[int, int]
    switch: dict[int, float]

    def lamp(self, junction: int, axis: int, time: float) -> int:
        """Which lamp is lit for traffic along an axis: 0 red, 1 amber, 2 green."""
        green, switch = self.first[junction] == axis, self.switch[junction]
        if time < switch:
            return 2 if green else 0
        if green:
            return 1 if time < switch + 2.5 else 0
        return 2 if time > switch + 4.5 else 0


@dataclass(eq=False)
class Mover:
    """A vehicle or person while the simulation runs.

    Attributes:
        path: its line.
        distance: metres along the path of its frame's origin.
        speed, wish: m/s, now and on a free road.
        front, rear, half: metres from its origin to its nose, tail and sides.
        stops: (metres along the path, junction, axis) of stop lines on its way.
        walks: people keep their speed whatever happens.
        push: acceleration, m/s2.
        history: distance at every step.
    """

    path: Path
    distance: float
    speed: float
    wish: float
    front: float
    rear: float
    half: float
    stops: list[tuple[float, int, int]] = field(default_factory=list)
    walks: bool = False
    push: float = 0.0
    history: list[float] = field(default_factory=list)


def junction_number(plan: Plan, along_index: int, across_index: int) -> int:
    """The number of a junction."""
    return along_index * len(plan.across) + across_index


def stop_lines(plan: Plan) -> list[tuple[np.ndarray, np.ndarray, int, int]]:
    """Every stop line: a point of its lane group in the world, the direction of travel, junction and axis."""
    lines = []
    for i, along in enumerate(plan.along):
        for j, across in enumerate(plan.across):
            number = junction_number(plan, i, j)
            for street, other, axis in ((along, across, 0), (across, along, 1)):
                for side in (-1, 1):
                    place = other.at + side * (other.half + STOP_LINE)
                    middle = side * street.lanes * street.lane_width / 2
                    here = plan.curve.world(street.place(place, middle))
                    ahead = plan.curve.world(street.place(place - side * 1.0, middle))
                    lines.append((here, (ahead - here) / np.linalg.norm(ahead - here), number, axis))
    return lines


def stops_on(path: Path, lines, width: float) -> list[tuple[float, int, int]]:
    """The stop lines that a path crosses in their direction, `width` being half a lane group's width."""
    headings = np.diff(path.points, axis=0)
    found = []
    for point, direction, junction, axis in lines:
        offset = path.points[:-1] - point
        aside = np.abs(offset[:, 0] * -direction[1] + offset[:, 1] * direction[0])
        along = offset @ direction
        near = (aside < width) & (np.abs(along) < 1.0) & (headings @ direction > 0)
        if near.any():
            k = int(np.argmax(near))
            found.append((float(path.length[k] - along[k]), junction, axis))
    return sorted(found)


class Simulation:
    """Moves everything along its path.

    Args:
        movers: the first is the ego car.
        still: centres (N, 2), yaws (N,) and half sizes (N, 2) of parked vehicles and obstacles, world.
        signals: the traffic lights.
    """

    def __init__(
        self, movers: list[Mover], still: tuple[np.ndarray, np.ndarray, np.ndarray], signals: Signals
    ) -> None:
        self.movers, self.still, self.signals = movers, still, signals

    def run(self, begin: float, end: float) -> None:
        """Simulate from `begin` to `end` seconds; every step adds to each mover's history."""
        for step in range(round((end - begin) / STEP) + 1):
            for mover in self.movers:
                mover.history.append(mover.distance)
            self._advance(begin + step * STEP, step)

    def _advance(self, time: float, step: int) -> None:
        centers, yaws, halves, velocities = self._boxes()
        for index, mover in enumerate(self.movers):
            # Drivers look up every other step, one half of them in turn.
            if mover.walks or (step + index) % 2:
                continue
            gap, lead = self._ahead(index, mover, centers, yaws, halves, velocities)
            for place, junction, axis in mover.stops:
                room = place - mover.distance - mover.front
                lamp = self.signals.lamp(junction, axis, time)
                # Amber is run when stopping would take more than 3.5 m/s2.
                if lamp == 2 or room < 0 or (lamp == 1 and mover.speed**2 > 7.0 * max(room, 0.1)):
                    continue
                if room < gap:
                    gap, lead = room + 1.2, 0.0
                break
            mover.push = self._acceleration(mover, gap, lead)
        for mover in self.movers:
            mover.speed = max(0.0, mover.speed + mover.push * STEP)
            mover.distance += mover.speed * STEP

    def _boxes(self):
        count = len(self.movers)
        centers, velocities = np.empty((count, 2)), np.empty((count, 2))
        yaws, halves = np.empty(count), np.empty((count, 2))
        for k, mover in enumerate(self.movers):
            behind, here, ahead = mover.path.at(mover.distance + _BESIDE)
            forward = (ahead - behind) / math.hypot(ahead[0] - behind[0], ahead[1] - behind[1])
            centers[k] = here + forward * ((mover.front - mover.rear) / 2)
            velocities[k] = forward * mover.speed
            yaws[k], halves[k] = (
                math.atan2(forward[1], forward[0]),
                ((mover.front + mover.rear) / 2, mover.half),
            )
        still = self.still
        zero = np.zeros_like(still[0])
        return (
            np.concatenate([centers, still[0]]), np.concatenate([yaws, still[1]]),
            np.concatenate([halves, still[2]]), np.concatenate([velocities, zero]),
        )  # fmt: skip

    def _ahead(self, index, mover, centers, yaws, halves, velocities) -> tuple[float, float]:
        """Free metres before the nose, and the speed along the path of what ends them."""
        here = mover.path.at(mover.distance)
        near = ((centers - here) ** 2).sum(1) < (LOOK + 12) ** 2
        near[index] = False
        near = np.flatnonzero(near)
        if not len(near):
            return np.inf, 0.0
        reach = np.arange(0.4, LOOK, 0.8)
        points = mover.path.at(mover.distance + mover.front + reach)
        eta = np.minimum(reach / max(mover.speed, 3.0), 2.5)
        c, s = np.cos(yaws[near]), np.sin(yaws[near])
        hit = np.zeros((len(reach), len(near)), bool)
        for later in (0.0, 1.0):
            moved = centers[near][None] + later * eta[:, None, None] * velocities[near][None]
            offset = points[:, None] - moved
            x = np.abs(offset[..., 0] * c + offset[..., 1] * s)
            y = np.abs(-offset[..., 0] * s + offset[..., 1] * c)
            grown = halves[near] + mover.half * 0.9 + 0.2
            # Along its own axis a vehicle is grown less, or the queue behind a bus would keep far away.
            hit |= (
                (x < halves[near, 0] + 0.5) & (y < grown[:, 1])
                if later == 0
                else (x < grown[:, 0]) & (y < grown[:, 1])
            )
        # What moves with me and is behind me is not in my way: only what lies ahead at this moment counts.
        yaw = yaws[index]
        hit &= (centers[near] - here) @ np.array([np.cos(yaw), np.sin(yaw)]) > 0
        first = hit.argmax(0)
        gaps = np.where(hit.any(0), reach[first], np.inf)
        best = int(gaps.argmin())
        if not np.isfinite(gaps[best]):
            return np.inf, 0.0
        way = float(mover.path.heading(mover.distance + mover.front + gaps[best]))
        return float(gaps[best]), max(
            0.0, float(velocities[near[best]] @ np.array([np.cos(way), np.sin(way)]))
        )

    @staticmethod
    def _acceleration(mover: Mover, gap: float, lead: float) -> float:
        """m/s2, after the intelligent driver model (Treiber, Hennecke and Helbing 2000)."""
        wish = mover.wish
        # Slow down for bends: at most 2 m/s2 sideways on the way ahead.
        look = mover.path.at(np.arange(-1.0, 8.0 + 1.3 * mover.speed, 3.0) + mover.distance)
        steps = np.diff(look, axis=0)
        turn = np.abs(steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]).max() / 27.0
        wish = min(wish, float(np.sqrt(2.0 / max(turn, 2.0 / 900.0))))
        push, brake, room, headway = 1.7, 2.6, 2.0, 1.1
        free = 1.0 - (mover.speed / max(wish, 0.1)) ** 4
        if not np.isfinite(gap):
            return max(push * free, -4.0)
        wanted = room + max(
            0.0, mover.speed * headway + mover.speed * (mover.speed - lead) / (2 * np.sqrt(push * brake))
        )
        return max(push * (free - (wanted / max(gap, 0.2)) ** 2), -7.5)


def overlapping(a, b, margin: float = 0.0) -> np.ndarray:
    """Which pairs of rectangles overlap (separating axis theorem).

    Args:
        a: centres (N, 2), yaws (N,) and half sizes (N, 2).
        b: the same of their partners.
        margin: metres that must stay between them.

    Returns:
        (N,) bool.
    """
    offset = b[0] - a[0]
    apart = np.zeros(len(offset), bool)
    for one, other in ((a, b), (b, a)):
        c, s = np.cos(one[1]), np.sin(one[1])
        turn = other[1] - one[1]
        ct, st = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        x = np.abs(offset[:, 0] * c + offset[:, 1] * s)
        y = np.abs(-offset[:, 0] * s + offset[:, 1] * c)
        apart |= x > one[2][:, 0] + other[2][:, 0] * ct + other[2][:, 1] * st + margin
        apart |= y > one[2][:, 1] + other[2][:, 0] * st + other[2][:, 1] * ct + margin
    return ~apart
