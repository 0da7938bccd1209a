"""The street plan: a grid of streets bent along a curve, and the lines that things move along.

A place is first given in street coordinates: s, metres along the main street, and t, metres to its left.
`Curve` takes it to the world. Traffic keeps to the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

CORNER = 7.0
"""Radius of a kerb at a junction, metres."""


class Curve:
    """The main street's centre line: a plane curve whose curvature is a sum of slow waves.

    Args:
        rng: draws the bends.
        s_min, s_max: the part that is needed, metres.
        bend: greatest curvature, 1 / metres.
    """

    STEP = 1.0

    def __init__(self, rng: np.random.Generator, s_min: float, s_max: float, bend: float) -> None:
        self.s = np.arange(s_min - 50, s_max + 51, self.STEP)
        waves = [
            rng.uniform(-1, 1) * np.sin(self.s / rng.uniform(60, 160) + rng.uniform(0, 6.3)) for _ in range(2)
        ]
        self.curvature = bend * np.clip(sum(waves) * 0.7, -1, 1)
        heading = np.concatenate([[0], np.cumsum(self.curvature[:-1]) * self.STEP])
        self.heading = heading - np.interp(0, self.s, heading) + rng.uniform(-np.pi, np.pi)
        steps = np.stack([np.cos(self.heading), np.sin(self.heading)], -1) * self.STEP
        points = np.concatenate([[[0, 0]], np.cumsum(steps[:-1], 0)])
        origin = np.array([np.interp(0, self.s, points[:, k]) for k in (0, 1)])
        self.points = points - origin

    def shift(self, by: np.ndarray) -> None:
        """Move the whole world by (2,) metres."""
        self.points = self.points + by

    def heading_at(self, s) -> np.ndarray:
        """Direction of growing s, radians in the world."""
        return np.interp(s, self.s, self.heading)

    def world(self, st) -> np.ndarray:
        """Street coordinates (..., 2) to world x and y (..., 2), metres."""
        st = np.asarray(st, np.float64)
        s, t = st[..., 0], st[..., 1]
        heading = self.heading_at(s)
        x = np.interp(s, self.s, self.points[:, 0]) - t * np.sin(heading)
        y = np.interp(s, self.s, self.points[:, 1]) + t * np.cos(heading)
        return np.stack([x, y], -1)

    def stretch(self, s, t) -> np.ndarray:
        """World metres a metre of s at offset t."""
        return 1.0 - np.interp(s, self.s, self.curvature) * np.asarray(t)


@dataclass(frozen=True)
class Street:
    """One street of the grid.

    Attributes:
        along_s: whether it runs along s (at a constant t) or along t (at a constant s).
        at: the constant coordinate of its centre line, metres.
        lanes: lanes in each direction.
        lane_width: metres.
        parking: width of the parking lane on each side, metres, 0 for none.
        pavement: width of the pavement on each side, metres.
    """

    along_s: bool
    at: float
    lanes: int
    lane_width: float
    parking: float
    pavement: float

    @property
    def half(self) -> float:
        """Centre line to kerb, metres."""
        return self.lanes * self.lane_width + self.parking

    def place(self, along, across) -> np.ndarray:
        """Street coordinates (..., 2) of places `along` the street and `across` it, to its left.

        For a street along t the left of growing t is smaller s.
        """
        along, across = np.broadcast_arrays(np.asarray(along, float), np.asarray(across, float))
        if self.along_s:
            return np.stack([along, self.at + across], -1)
        return np.stack([self.at - across, along], -1)

    def lane_offset(self, lane: int, forward: bool) -> float:
        """`across` of a lane's middle; lane 0 is next to the centre line."""
        offset = (lane + 0.5) * self.lane_width
        return -offset if forward else offset


Block = tuple[float, float, float, float, Street | None, Street | None, Street | None, Street | None]
"""An island between streets, see `Plan.blocks`."""


@dataclass(frozen=True, eq=False)
class Path:
    """A line in the world that something moves along.

    Attributes:
        points: (N, 2) float64, metres, world.
        length: (N,) float64, metres from the start.
    """

    points: np.ndarray
    length: np.ndarray

    @classmethod
    def through(cls, points: np.ndarray) -> Path:
        """The path along a polyline (N, 2)."""
        points = np.asarray(points, np.float64)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.concatenate([[True], steps > 1e-6])
        points = points[keep]
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return cls(points, np.concatenate([[0], np.cumsum(steps)]))

    @property
    def total(self) -> float:
        """Length, metres."""
        return float(self.length[-1])

    def shifted(self, by: np.ndarray) -> Path:
        """The path moved by (2,) metres."""
        return Path(self.points + by, self.length)

    def at(self, distance) -> np.ndarray:
        """World x and y (..., 2) at distances from the start; past the ends it goes on straight."""
        distance = np.asarray(distance, np.float64)
        xy = np.empty((*distance.shape, 2))
        xy[..., 0] = np.interp(distance, self.length, self.points[:, 0])
        xy[..., 1] = np.interp(distance, self.length, self.points[:, 1])
        if distance.size and distance.min() < 0:
            xy += np.minimum(distance, 0.0)[..., None] * self._ends[0]
        if distance.size and distance.max() > self.total:
            xy += np.maximum(distance - self.total, 0.0)[..., None] * self._ends[1]
        return xy

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors along the first and the last piece."""
        first, last = self.points[1] - self.points[0], self.points[-1] - self.points[-2]
        return first / np.linalg.norm(first), last / np.linalg.norm(last)

    def heading(self, distance, reach: float = 1.0) -> np.ndarray:
        """Direction of travel, radians, averaged over `reach` metres each way."""
        distance = np.asarray(distance, np.float64)
        ends = self.at(np.stack([distance - reach, distance + reach]))
        step = ends[1] - ends[0]
        return np.arctan2(step[..., 1], step[..., 0])


@dataclass(frozen=True, eq=False)
class Plan:
    """All streets of a world.

    Attributes:
        curve: street coordinates to the world.
        along: streets along s, by growing t.
        across: streets along t, by growing s.
        s_range, t_range: bounds of the built-up area, metres.
    """

    curve: Curve
    along: tuple[Street, ...]
    across: tuple[Street, ...]
    s_range: tuple[float, float]
    t_range: tuple[float, float]

    @property
    def streets(self) -> tuple[Street, ...]:
        """Every street."""
        return self.along + self.across

    @property
    def main(self) -> Street:
        """The street that t is measured from."""
        return min(self.along, key=lambda street: abs(street.at))

    def crossing_streets(self, street: Street) -> tuple[Street, ...]:
        """The streets that cross one."""
        return self.across if street.along_s else self.along

    def extent(self, street: Street) -> tuple[float, float]:
        """Where a street begins and ends along itself."""
        return self.s_range if street.along_s else self.t_range

    def pieces(self, street: Street, margin: float) -> list[tuple[float, float]]:
        """The stretches of a street between junctions, shortened by `margin` at each junction."""
        begin, end = self.extent(street)
        pieces = []
        for other in sorted(self.crossing_streets(street), key=lambda o: o.at):
            pieces.append((begin, other.at - other.half - margin))
            begin = other.at + other.half + margin
        pieces.append((begin, end))
        return [(a, b) for a, b in pieces if b - a > 1]

    def blocks(self) -> list[Block]:
        """The islands between streets: s0, s1, t0, t1 at the kerbs, then the streets below, above in s and t.

        At the rim of the area a neighbour is the nearest street there is, and the kerb is the rim.
        """
        result = []
        for i in range(len(self.across) + 1):
            left = self.across[i - 1] if i else None
            right = self.across[i] if i < len(self.across) else None
            s0 = left.at + left.half if left else self.s_range[0]
            s1 = right.at - right.half if right else self.s_range[1]
            for j in range(len(self.along) + 1):
                low = self.along[j - 1] if j else None
                high = self.along[j] if j < len(self.along) else None
                t0 = low.at + low.half if low else self.t_range[0]
                t1 = high.at - high.half if high else self.t_range[1]
                result.append((s0, s1, t0, t1, left, right, low, high))
        return result

    def lane(self, street: Street, lane: int, forward: bool) -> Path:
        """The middle of a lane from one end of a street to the other, in the direction of travel."""
        begin, end = self.extent(street)
        along = np.arange(begin, end, 1.0)
        if not forward:
            along = along[::-1]
        return Path.through(self.curve.world(street.place(along, street.lane_offset(lane, forward))))

    def route(self, legs: list[tuple[Street, int, bool]], start: float) -> Path:
        """A path along lanes of several streets in turn, with an arc at each change.

        Args:
            legs: street, lane, and whether travel is towards growing coordinates; neighbours cross.
            start: where on the first street it begins.
        """
        points, position = [], start
        for index, (street, lane, forward) in enumerate(legs):
            sign = 1.0 if forward else -1.0
            here = street.lane_offset(lane, forward)
            if index + 1 == len(legs):
                begin, end = self.extent(street)
                stop = end if forward else begin
                points.append(street.place(np.arange(position, stop, sign * 0.5), here))
                break
            after, after_lane, after_forward = legs[index + 1]
            there = after.lane_offset(after_lane, after_forward)
            meet_here = after.place(0.0, there)[0 if street.along_s else 1]
            meet_there = street.place(0.0, here)[1 if street.along_s else 0]
            # The arc leaves the lane `radius` before the two lanes' lines meet and ends as far behind.
            right = self._turns_right(street, forward, after, after_forward)
            radius = CORNER + (0.0 if right else after.half * 0.6) + 1.5
            points.append(street.place(np.arange(position, meet_here - sign * radius, sign * 0.5), here))
            corner = street.place(meet_here, here)
            enter = street.place(meet_here - sign * radius, here)
            after_sign = 1.0 if after_forward else -1.0
            leave = after.place(meet_there + after_sign * radius, there)
            points.append(_arc(enter, corner, leave))
            position = meet_there + after_sign * radius
        return Path.through(self.curve.world(np.concatenate(points)))

    @staticmethod
    def _turns_right(street: Street, forward: bool, after: Street, after_forward: bool) -> bool:
        """Whether the change of streets is a right turn."""
        a = np.array([1.0, 0.0] if street.along_s else [0.0, 1.0]) * (1 if forward else -1)
        b = np.array([1.0, 0.0] if after.along_s else [0.0, 1.0]) * (1 if after_forward else -1)
        return bool(a[0] * b[1] - a[1] * b[0] < 0)


def _arc(enter: np.ndarray, corner: np.ndarray, leave: np.ndarray) -> np.ndarray:
    """A quarter turn from `enter` to `leave` whose tangents meet in `corner`, with softened ends."""
    # A cubic with handles at 0.55 of the way to the corner is a circle to within 0.03 % (the usual
    # Bezier approximation); 0.65 begins the turn more gently, as a driver does.
    u = np.linspace(0, 1, 40)[:, None]
    first, second = enter + 0.65 * (corner - enter), leave + 0.65 * (corner - leave)
    return (1 - u) ** 3 * enter + 3 * (1 - u) ** 2 * u * first + 3 * (1 - u) * u**2 * second + u**3 * leave
