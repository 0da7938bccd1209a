"""Who is on the street: parked and moving vehicles, people, and building sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Pose
from .actor import STEP, Actor, Track
from .config import WorldConfig
from .driving import Mover, Signals, Simulation, junction_number, overlapping, stop_lines, stops_on
from .fleet import Fleet, Model, Outfit
from .ground import CROSSING, KERB_HEIGHT, STOP_LINE, rounded
from .road import CORNER, Path, Plan
from .streetscape import Nearness

WARM_UP = 6.0
"""Traffic runs so many seconds before the first picture, so that queues and gaps have settled."""
LARGE_PARKED, LARGE_DRIVEN = 0.05, 0.02
"""Share of parked vehicles that are trailers or of a building site, and of driven ones that are of one."""
CAR = 2.3
"""Half the length of a car, metres."""
EGO_BOX = (3.40, 0.68, 0.87)
"""Nose, tail and side of the ego car from its rear axle, metres (a Renault Zoe, as in nuScenes)."""


@dataclass(eq=False)
class _Entry:
    """An actor to be."""

    model: Model
    mover: Mover | None = None
    place: Pose | None = None
    z: float = 0.0
    road: tuple[float, float] = (0.0, 0.0)
    parked: bool = False


class Traffic:
    """Draws and simulates the population of a world; `actors`, `ego` and the `fleet` are the result.

    Args:
        plan: the streets.
        route: the ego car's way.
        near: distance to it.
        obstacles: (N, 3) posts and trunks, from the streetscape.
        signals: the traffic lights.
        config: densities.
        seconds: length of the scene.
        rng, palette: of the world.
        outfit: of its vehicles.
    """

    def __init__(
        self,
        plan: Plan,
        route: Path,
        near: Nearness,
        obstacles,
        signals: Signals,
        config: WorldConfig,
        seconds,
        rng,
        palette,
        outfit: Outfit | None = None,
    ) -> None:
        self._plan, self._near, self._config, self._rng = plan, near, config, rng
        self.fleet = self._fleet = Fleet(rng, palette, outfit)
        # Of its own, so that a seed's streets stay as they are but for the large vehicles.
        self._large = rng.spawn(1)[0]
        self._obstacles = obstacles
        self._signals, self._seconds = signals, seconds
        self._entries: list[_Entry] = []
        self._site_slots: list[tuple] = []
        nose, tail, side = EGO_BOX
        wish = rng.uniform(*config.speed)
        self._lines = stop_lines(plan)
        width = max(street.lanes for street in plan.streets) * 1.9
        self._width = width
        ego = Mover(route, 6.0, wish * 0.9, wish, nose, tail, side, stops_on(route, self._lines, width))
        self._site()
        self._park()
        self._drive(ego)
        self._walk()
        self._cross()
        self._entries = self._free_of_overlap(self._entries, ego)
        movers = [ego, *(e.mover for e in self._entries if e.mover)]
        still = [e for e in self._entries if e.place and not e.model.category.startswith("human")]
        Simulation(movers, self._rectangles(still, 0), signals).run(-WARM_UP, seconds + 1.0)
        self.ego = Track(route, -WARM_UP, np.array(ego.history))
        self.actors = self._actors(ego)

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)

    def _site(self) -> None:
        """A building site in the kerb lane, fenced off by cones and barriers."""
        rng, plan, fleet = self._rng, self._plan, self._fleet
        if rng.random() > self._config.works:
            return
        pieces = [
            (s, a, b, side)
            for s in plan.streets
            if s.parking
            for a, b in plan.pieces(s, STOP_LINE + 4)
            for side in (-1, 1)
        ]
        middle = [plan.curve.world(s.place((a + b) / 2, side * s.half)) for s, a, b, side in pieces]
        if not pieces:
            return
        order = np.argsort(self._near(np.array(middle)))[:6]
        street, begin, end, side = pieces[order[rng.integers(len(order))]]
        length = min(24.0, end - begin - 2)
        start = rng.uniform(begin, end - length)
        self._site_slots.append((street, side, start - 1, start + length + 1))
        edge = street.lanes * street.lane_width
        inner, outer = edge + 0.35, edge + street.parking - 0.3

        def put(model: Model, along: float, across: float, turn: float, parked: bool = False) -> None:
            xy = plan.curve.world(street.place(along, side * across))
            ahead = plan.curve.world(street.place(along + 1, side * across)) - xy
            yaw = float(np.arctan2(ahead[1], ahead[0])) + turn
            self._add(_Entry(model, place=Pose.from_yaw(yaw, (*xy, 0.0)), parked=parked))

        barrier = fleet.barriers[rng.integers(2)]
        for k, along in enumerate(np.arange(start + 4, start + length - 4, 2.1)):
            if rng.random() < 0.92:
                put(barrier, along, inner, np.pi / 2 + rng.normal(0, 0.03))
            if k % 3 == 1:
                put(fleet.cone, along + rng.normal(0, 0.2), inner + 0.75, rng.uniform(0, 6))
        for along in np.linspace(0, 3, 4):
            put(fleet.cone, start + along, outer - (outer - inner) * along / 3, rng.uniform(0, 6))
            put(fleet.cone, start + length - along, outer - (outer - inner) * along / 3, rng.uniform(0, 6))
        for _ in range(rng.integers(1, 4)):
            put(
                fleet.workers[rng.integers(2)],
                rng.uniform(start + 4, start + length - 4),
                outer - 0.1,
                rng.uniform(0, 6),
            )

    def _park(self) -> None:
        rng, plan = self._rng, self._plan
        for street in plan.streets:
            for begin, end in plan.pieces(street, STOP_LINE + 2.5):
                for side in (-1, 1):
                    taken = np.clip(rng.uniform(*self._config.parked) + rng.normal(0, 0.1), 0.05, 0.92)
                    if street.parking:
                        self._park_row(street, begin, end, side, taken)
                    if rng.random() < 0.35:
                        self._rack(street, rng.uniform(begin, end), side)

    def _park_row(self, street, begin: float, end: float, side: int, taken: float) -> None:
        rng, plan = self._rng, self._plan
        for along in np.arange(begin + 3.1, end - 3, 6.2):
            model = self._fleet.parked(rng)
            draw, shift = rng.random(), rng.normal(0, [0.25, 0.07, 0.02])
            if draw > taken or any(
                s is street and w == side and a < along + 3 and along - 3 < b
                for s, w, a, b in self._site_slots
            ):
                continue
            if self._large.random() < LARGE_PARKED:
                model = self._fleet.large(self._large)
                # It begins where a car would, and the cars behind give way.
                shift[0] += float(model.high[0] - model.low[0]) / 2 - CAR
            across = side * (street.lanes * street.lane_width + street.parking / 2 + 0.05 + shift[1])
            xy = plan.curve.world(street.place(along + shift[0], across))
            if self._near(xy) > self._config.radius:
                continue
            ahead = plan.curve.world(street.place(along + shift[0] + 1, across)) - xy
            # On the right-hand side (side -1) vehicles face along the street.
            yaw = float(np.arctan2(ahead[1], ahead[0])) + (0 if side < 0 else np.pi) + shift[2]
            self._add(_Entry(model, place=Pose.from_yaw(yaw, (*xy, 0.0)), parked=True))

    def _rack(self, street, along: float, side: int) -> None:
        """Bicycles leaning in a row on the pavement."""
        rng, plan = self._rng, self._plan
        for k in range(rng.integers(1, 5)):
            xy = plan.curve.world(street.place(along + 0.75 * k, side * (street.half + 1.25)))
            model = self._fleet.parked_bicycles[rng.integers(3)]
            if (
                self._near(xy) > 55
                or (np.hypot(*(self._obstacles[:, :2] - xy).T) < self._obstacles[:, 2] + 1.0).any()
            ):
                continue
            ahead = plan.curve.world(street.place(along + 0.75 * k + 1, side * (street.half + 1.25))) - xy
            yaw = float(np.arctan2(ahead[1], ahead[0])) + np.pi / 2 + rng.normal(0, 0.08)
            self._add(_Entry(model, place=Pose.from_yaw(yaw, (*xy, KERB_HEIGHT)), z=KERB_HEIGHT, parked=True))

    def _drive(self, ego: Mover) -> None:
        rng, plan = self._rng, self._plan
        for street in plan.streets:
            others = sorted(plan.crossing_streets(street), key=lambda o: o.at)
            for forward in (True, False):
                for lane in range(street.lanes):
                    path = plan.lane(street, lane, forward)
                    spacing = 100.0 / rng.uniform(*self._config.traffic)
                    distance = rng.uniform(0, spacing)
                    while distance < path.total - 10:
                        here, model = path.at(distance), self._fleet.driven(rng)
                        if self._large.random() < LARGE_DRIVEN:
                            model = self._fleet.site[0]
                        turns, turn_rng = rng.random() < 0.18, rng.integers(2**31)
                        speed = (
                            rng.uniform(6.0, 12.5) if "cycle" not in model.category else rng.uniform(3.5, 5.0)
                        )
                        if self._near(here) < self._config.radius + 30:
                            line, begin = path, distance
                            if turns and lane == street.lanes - 1:
                                line, begin = self._turning(
                                    street, lane, forward, others, distance, path, turn_rng
                                )
                            mover = Mover(
                                line, begin, speed * 0.8, speed, model.high[0], -model.low[0], model.high[1]
                            )
                            mover.stops = stops_on(line, self._lines, self._width)
                            if np.linalg.norm(here - ego.path.at(ego.distance)) > 14:
                                self._add(_Entry(model, mover))
                        distance += spacing * rng.uniform(0.35, 1.65) + 11.0

    def _turning(self, street, lane, forward, others, distance, path, seed) -> tuple[Path, float]:
        """A path that turns right at one of the next junctions, and the distance on it."""
        begin, end = self._plan.extent(street)
        along = (
            begin + (end - begin) * distance / path.total
            if forward
            else end - (end - begin) * distance / path.total
        )
        next_ones = [o for o in others if (o.at > along + 15 if forward else o.at < along - 15)]
        if not next_ones:
            return path, distance
        other = next_ones[0] if forward else next_ones[-1]
        onward = (not forward) if street.along_s else forward
        route = self._plan.route([(street, lane, forward), (other, other.lanes - 1, onward)], along)
        return route, 0.0

    def _walk(self) -> None:
        rng, plan = self._rng, self._plan
        for s0, s1, t0, t1, *streets in plan.blocks():
            pavement = min(street.pavement for street in streets if street is not None)
            density = rng.uniform(*self._config.walkers)
            inset = rng.uniform(1.8, max(1.9, pavement - 0.7))
            ring = rounded(s0 + inset, s1 - inset, t0 + inset, t1 - inset, max(CORNER - inset, 1.0), 3.0)
            world = plan.curve.world(np.concatenate([ring, ring[:40]]))
            if min(s1 - s0, t1 - t0) < 12 or self._near(world).min() > 70:
                continue
            for line in (Path.through(world), Path.through(world[::-1])):
                distance = rng.uniform(0, 60 / density)
                while distance < line.total - 40:
                    model, speed = self._fleet.person(rng), rng.uniform(0.9, 1.7)
                    stands = rng.random() < 0.2
                    xy = line.at(distance)
                    if self._near(xy) < 70:
                        if stands:
                            place = Pose.from_yaw(rng.uniform(-np.pi, np.pi), (*xy, KERB_HEIGHT + 0.004))
                            self._add(_Entry(model, place=place, z=KERB_HEIGHT + 0.004))
                        else:
                            mover = Mover(
                                line, distance, speed, speed, model.high[0], -model.low[0], 0.3, walks=True
                            )
                            self._add(_Entry(model, mover, z=KERB_HEIGHT + 0.004))
                    distance += rng.exponential(180.0 / density) + 1.5

    def _cross(self) -> None:
        """People on zebra crossings whose traffic has red all the time."""
        rng, plan = self._rng, self._plan
        for i, along in enumerate(plan.along):
            for j, across in enumerate(plan.across):
                if self._near(plan.curve.world(np.array([across.at, along.at]))) > 45:
                    continue
                number = junction_number(plan, i, j)
                for axis, street, other in ((0, along, across), (1, across, along)):
                    times = np.arange(-WARM_UP, self._seconds, 0.5)
                    if any(self._signals.lamp(number, axis, t) == 2 for t in times):
                        continue
                    for side in (-1, 1):
                        for _ in range(rng.integers(0, 4)):
                            place = other.at + side * (
                                other.half + rng.uniform(CROSSING[0] + 0.4, CROSSING[1] - 0.4)
                            )
                            reach = np.linspace(-street.half - 2.0, street.half + 2.0, 30) * rng.choice(
                                [-1, 1]
                            )
                            line = Path.through(plan.curve.world(street.place(place, reach)))
                            model, speed = self._fleet.person(rng), rng.uniform(1.0, 1.6)
                            # In the middle of the road at some time of the scene.
                            meet = rng.uniform(0, self._seconds)
                            begin = line.total / 2 - speed * (meet + WARM_UP)
                            mover = Mover(
                                line, begin, speed, speed, model.high[0], -model.low[0], 0.3, walks=True
                            )
                            self._add(_Entry(model, mover, z=KERB_HEIGHT, road=(2.0, line.total - 2.0)))

    @staticmethod
    def _rectangles(entries: list[_Entry], step: int):
        """Centres, yaws and half sizes of entries at a step of their history (or now, if they have none)."""
        count = len(entries)
        centers, yaws, halves = np.zeros((count, 2)), np.zeros(count), np.zeros((count, 2))
        for k, entry in enumerate(entries):
            low, high = entry.model.low, entry.model.high
            if entry.mover:
                mover = entry.mover
                distance = mover.history[step] if mover.history else mover.distance
                yaw, origin = float(mover.path.heading(distance)), mover.path.at(distance)
            else:
                assert entry.place is not None, "it stands somewhere"
                yaw, origin = entry.place.yaw, entry.place.translation[:2]
            middle = (low + high)[:2] / 2
            c, s = np.cos(yaw), np.sin(yaw)
            centers[k] = origin + np.array([c * middle[0] - s * middle[1], s * middle[0] + c * middle[1]])
            yaws[k], halves[k] = yaw, (high - low)[:2] / 2
        return centers, yaws, halves

    def _free_of_overlap(self, entries: list[_Entry], ego: Mover, step: int = 0) -> list[_Entry]:
        """Drop whoever overlaps the ego car or an earlier entry at a step."""
        yaw = float(ego.path.heading(distance := ego.history[step] if ego.history else ego.distance))
        nose, tail, side = EGO_BOX
        center = ego.path.at(distance) + np.array([np.cos(yaw), np.sin(yaw)]) * (nose - tail) / 2
        rectangles = self._rectangles(entries, step)
        centers = np.concatenate([center[None], rectangles[0]])
        yaws = np.concatenate([[yaw], rectangles[1]])
        halves = np.concatenate([[[(nose + tail) / 2, side]], rectangles[2]])
        radius = np.linalg.norm(halves, axis=1)
        gap = np.linalg.norm(centers[:, None] - centers[None], axis=-1) - radius[:, None] - radius[None]
        a, b = np.nonzero(np.triu(gap < 0.3, 1))
        hit = overlapping((centers[a], yaws[a], halves[a]), (centers[b], yaws[b], halves[b]), 0.08)
        dropped: set[int] = set()
        for one, other in zip(a[hit], b[hit], strict=True):
            if one not in dropped and other not in dropped:
                dropped.add(int(other))
        return [entry for k, entry in enumerate(entries, 1) if k not in dropped]

    def _actors(self, ego: Mover) -> tuple[Actor, ...]:
        entries = self._entries
        steps = len(ego.history)
        for step in range(round((WARM_UP - 1) / STEP), steps, 3):
            entries = self._free_of_overlap(entries, ego, step)
        actors: list[Actor] = []
        for entry in entries:
            track = None
            if entry.mover:
                track = Track(entry.mover.path, -WARM_UP, np.array(entry.mover.history))
            actors.append(
                Actor(
                    len(actors) + 1, entry.model.category, entry.model.postures,
                    entry.model.low, entry.model.high,
                    track, entry.place, entry.z, entry.road, entry.parked, entry.model.ridden,
                )
            )  # fmt: skip
        return tuple(actors)
