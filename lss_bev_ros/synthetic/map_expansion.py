"""The street plan in the form of nuScenes' map expansion, version 1.3.

What `MapLayers` holds is written point by point; roads, lanes and what stands at junctions come from the
plan. The road is cut into junctions, which reach a corner's radius into each street, and what lies between
them: shapely, with which nuscenes-devkit cuts polygons, takes no hole that touches the outline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .driving import junction_number
from .ground import KERB_HEIGHT, STOP_LINE
from .map_layers import STOP_WIDTH, MapLayers, crossing_arms
from .road import CORNER, Plan, Street

VERSION = "1.3"
_STEP = 4.0
"""Points of a road's side are so far apart at most, metres."""
_ARC = 12.0
"""Longest piece of a lane's middle that is written as one arc, metres."""
_PARALLEL = 0.02
"""Lanes whose directions differ less are joined by a straight line, radians."""
_STRAIGHT_RADIUS = 999.999
"""Of an arc that has no length, metres."""

_LAMPS = {"RED": 3.28, "YELLOW": 2.96, "GREEN": 2.64}
"""Heights of a traffic light's lamps above its foot, metres (`furniture.signal`)."""

_LAYERS = (
    "drivable_area", "road_segment", "road_block", "lane", "ped_crossing", "walkway", "stop_line",
    "carpark_area", "road_divider", "lane_divider", "traffic_light", "lane_connector",
)  # fmt: skip


def map_expansion(
    plan: Plan, layers: MapLayers, posts: np.ndarray, canvas_edge: Sequence[float]
) -> dict[str, object]:
    """The tables of `maps/expansion/<location>.json`.

    Args:
        plan: the streets.
        layers: their vector map.
        posts: (N, 3) x, y and radius of what stands, world; a traffic light is where one stands.
        canvas_edge: width and height of the map from the world's origin on, metres.
    """
    return {"version": VERSION, **_Expansion(plan, layers, posts).tables(), "canvas_edge": list(canvas_edge)}


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A street between two junctions, or between one and the rim of the plan.

    Attributes:
        street: it.
        begin, end: along it, metres.
        before, after: the junctions at both ends, -1 for none.
        segment: token of its road segment.
    """

    street: Street
    begin: float
    end: float
    before: int
    after: int
    segment: str


@dataclass(frozen=True, eq=False)
class _Lane:
    """One lane of a stretch.

    Attributes:
        token: of its record.
        stretch: that it is of.
        forward: whether traffic goes towards growing coordinates.
        index: counted from the middle of the road.
        start, end: (3,) x, y and heading of its middle where traffic enters and leaves it.
    """

    token: str
    stretch: _Stretch
    forward: bool
    index: int
    start: np.ndarray
    end: np.ndarray

    @property
    def entry(self) -> int:
        return self.stretch.before if self.forward else self.stretch.after

    @property
    def exit(self) -> int:
        return self.stretch.after if self.forward else self.stretch.before


class _Expansion:
    def __init__(self, plan: Plan, layers: MapLayers, posts: np.ndarray) -> None:
        self._plan, self._layers, self._posts = plan, layers, posts
        self._records: dict[str, list[dict]] = {name: [] for name in ("polygon", "line", "node", *_LAYERS)}
        self._nodes: dict[tuple[float, float], str] = {}
        self._paths: dict[str, list[dict]] = {}
        self._links: dict[str, dict[str, list[str]]] = {}
        self._junctions: dict[int, str] = {}
        self._stretches: list[_Stretch] = []
        self._lanes: list[_Lane] = []
        self._blocks: dict[tuple[int, bool, bool], str] = {}
        """Road blocks by the junction they lead to, whether they are along s, and their direction."""

    def tables(self) -> dict[str, object]:
        self._add_junctions()
        for street in self._plan.streets:
            for stretch in self._add_stretches(street):
                self._add_blocks_and_lanes(stretch)
        surfaces = [record["polygon_token"] for record in self._records["road_segment"]]
        self._add("drivable_area", polygon_tokens=surfaces)
        for outer, inner in self._layers.walkway:
            self._add("walkway", polygon_token=self._polygon(outer, *() if inner is None else (inner,)))
        self._add_dividers()
        self._add_approaches()
        self._add_connectors()
        return {**self._records, "arcline_path_3": self._paths, "connectivity": self._links}

    # -- records ------------------------------------------------------------------------------------

    def _add(self, layer: str, **fields: object) -> str:
        token = f"{layer}-{len(self._records[layer]):05d}"
        self._records[layer].append({"token": token, **fields})
        return token

    def _points(self, places: np.ndarray) -> list[str]:
        """Nodes at places (N, 2), world; shapes that meet in a place share its node, as in nuScenes."""
        tokens = []
        for place in map(tuple, places.tolist()):
            if place not in self._nodes:
                self._nodes[place] = self._add("node", x=place[0], y=place[1])
            tokens.append(self._nodes[place])
        return tokens

    def _polygon(self, outline: np.ndarray, *holes: np.ndarray) -> str:
        inner = [{"node_tokens": self._points(hole)} for hole in holes]
        return self._add("polygon", exterior_node_tokens=self._points(outline), holes=inner)

    def _line(self, places: np.ndarray) -> str:
        return self._add("line", node_tokens=self._points(places))

    def _world(self, street: Street, along, across) -> np.ndarray:
        return self._plan.curve.world(street.place(along, across))

    # -- roads --------------------------------------------------------------------------------------

    def _add_junctions(self) -> None:
        blocks, rows = self._plan.blocks(), len(self._plan.along) + 1
        for i, along in enumerate(self._plan.along):
            for j, across in enumerate(self._plan.across):

                def corner(side_s: int, side_t: int, i=i, j=j, along=along, across=across) -> np.ndarray:
                    """Points of the kerb, from the street along s to that along t."""
                    s0, s1, t0, t1, *_ = blocks[(j + (side_s > 0)) * rows + i + (side_t > 0)]
                    radius = min(CORNER, (s1 - s0) / 2 - 0.1, (t1 - t0) / 2 - 0.1)
                    angle = np.linspace(0, np.pi / 2, 9)
                    s = across.half + radius * (1 - np.sin(angle))
                    t = along.half + radius * (1 - np.cos(angle))
                    return np.stack([across.at + side_s * s, along.at + side_t * t], -1)

                east, west = (self._cut(along, across, side) for side in (1, -1))
                north, south = (self._cut(across, along, side) for side in (1, -1))
                # Counter-clockwise from the south on: a corner, then the street that begins behind it.
                corners = [corner(1, -1)[::-1], corner(1, 1), corner(-1, 1)[::-1], corner(-1, -1)]
                arms = [
                    along.place(east, _edges(along)), across.place(north, _edges(across)),
                    along.place(west, _edges(along)[::-1]), across.place(south, _edges(across)[::-1]),
                ]  # fmt: skip
                ring = []
                for k in range(4):
                    # Where the corner ends the street is cut: that place belongs to the street.
                    doubled = [np.abs(corners[k] - at).max(1) < 1e-9 for at in (arms[k - 1][-1], arms[k][0])]
                    ring += [corners[k][~(doubled[0] | doubled[1])], arms[k]]
                segment = self._add_segment(np.concatenate(ring), True)
                self._junctions[junction_number(self._plan, i, j)] = segment

    def _cut(self, street: Street, other: Street, side: int) -> float:
        """Where along a street its junction with another one ends."""
        edge = other.at + side * other.half
        ends = list(self._plan.extent(street))
        ends += [o.at - side * o.half for o in self._plan.crossing_streets(street)]
        gap = min((side * (end - edge) for end in ends if side * (end - edge) > 0), default=0.0)
        return edge + side * min(CORNER, max(gap / 2 - 0.1, 0.0))

    def _add_segment(self, st: np.ndarray, junction: bool) -> str:
        return self._add(
            "road_segment", polygon_token=self._polygon(self._plan.curve.world(st)), is_intersection=junction,
            drivable_area_token="drivable_area-00000",
        )  # fmt: skip

    def _add_stretches(self, street: Street) -> Iterator[_Stretch]:
        others = self._plan.crossing_streets(street)
        begin, end = self._plan.extent(street)
        mine = self._plan.along.index(street) if street.along_s else self._plan.across.index(street)

        def number(k: int) -> int:
            if not 0 <= k < len(others):
                return -1
            return junction_number(self._plan, *((mine, k) if street.along_s else (k, mine)))

        for k in range(len(others) + 1):
            a = self._cut(street, others[k - 1], 1) if k else begin
            b = self._cut(street, others[k], -1) if k < len(others) else end
            along = _steps(a, b)
            sides = (street.place(along, -street.half), street.place(along[::-1], street.half))
            ring = np.concatenate(
                [
                    sides[0], street.place(b, _edges(street)[1:-1]),
                    sides[1], street.place(a, _edges(street)[-2:0:-1]),
                ]
            )  # fmt: skip
            stretch = _Stretch(street, a, b, number(k - 1), number(k), self._add_segment(ring, False))
            self._stretches.append(stretch)
            yield stretch

    def _add_blocks_and_lanes(self, stretch: _Stretch) -> None:
        street, along = stretch.street, _steps(stretch.begin, stretch.end)
        paved = street.lanes * street.lane_width
        for forward in (True, False):
            side, way = (-1, along) if forward else (1, along[::-1])
            left, right = self._world(street, way, 0.0), self._world(street, way, side * street.half)
            block = self._add(
                "road_block", polygon_token=self._polygon(np.concatenate([right, left[::-1]])),
                from_edge_line_token=self._line(np.stack([left[0], right[0]])),
                to_edge_line_token=self._line(np.stack([left[-1], right[-1]])),
                road_segment_token=stretch.segment,
            )  # fmt: skip
            goal = stretch.after if forward else stretch.before
            self._blocks[goal, street.along_s, forward] = block
            if street.parking and stretch.end - stretch.begin > 6:
                inside = _steps(way[0] - side * 2, way[-1] + side * 2)
                near, far = (self._world(street, inside, side * edge) for edge in (paved, street.half))
                polygon = self._polygon(np.concatenate([far, near[::-1]]))
                heading = self._heading(street, way[0], side * (paved + street.half) / 2, forward)
                self._add("carpark_area", polygon_token=polygon, orientation=heading, road_block_token=block)
            for index in range(street.lanes):
                self._add_lane(stretch, forward, index, way)

    def _add_lane(self, stretch: _Stretch, forward: bool, index: int, way: np.ndarray) -> None:
        street, side = stretch.street, -1 if forward else 1
        left, right = (self._world(street, way, side * (index + k) * street.lane_width) for k in (0, 1))
        last = index + 1 == street.lanes
        token = self._add(
            "lane", polygon_token=self._polygon(np.concatenate([right, left[::-1]])), lane_type="CAR",
            from_edge_line_token=self._line(np.stack([left[0], right[0]])),
            to_edge_line_token=self._line(np.stack([left[-1], right[-1]])),
            left_lane_divider_segments=self._divider(left, "DOUBLE_DASHED_WHITE" if index else "NIL"),
            right_lane_divider_segments=self._divider(
                right, "SINGLE_SOLID_WHITE" if last else "DOUBLE_DASHED_WHITE"
            ),
        )  # fmt: skip
        count = max(1, math.ceil(abs(way[-1] - way[0]) / _ARC))
        places = np.linspace(way[0], way[-1], count + 1)
        across = street.lane_offset(index, forward)
        middle = self._world(street, places, across)
        heading = np.array([self._heading(street, place, across, forward) for place in places])
        poses = np.column_stack([middle, heading])
        self._paths[token] = [_arc(*pair) for pair in pairwise(poses)]
        self._links[token] = {"incoming": [], "outgoing": []}
        self._lanes.append(_Lane(token, stretch, forward, index, poses[0], poses[-1]))

    def _heading(self, street: Street, along: float, across: float, forward: bool) -> float:
        """Direction of travel in the world at a place of a street, radians."""
        heading = float(self._plan.curve.heading_at(street.place(along, across)[0]))
        turns = (0 if street.along_s else 1) + (0 if forward else 2)
        return _turned(heading + turns * math.pi / 2)

    def _divider(self, places: np.ndarray, kind: str) -> list[dict]:
        return [{"node_token": token, "segment_type": kind} for token in self._points(places)]

    # -- what is on roads ---------------------------------------------------------------------------

    def _add_dividers(self) -> None:
        middles, lanes = iter(self._layers.road_divider), iter(self._layers.lane_divider)
        for street in self._plan.streets:
            for begin, end in self._plan.pieces(street, STOP_LINE + STOP_WIDTH):
                segment = next(
                    stretch.segment
                    for stretch in self._stretches
                    if stretch.street is street and stretch.begin < (begin + end) / 2 < stretch.end
                )
                self._add("road_divider", line_token=self._line(next(middles)), road_segment_token=segment)
                for _ in range(2 * (street.lanes - 1)):
                    line = next(lanes)
                    dashes = self._divider(line, "DOUBLE_DASHED_WHITE")
                    self._add("lane_divider", line_token=self._line(line), lane_divider_segments=dashes)

    def _add_approaches(self) -> None:
        """Zebra crossings, and the stop lines and traffic lights before them."""
        crossings = iter(self._layers.crossing)
        for street in self._plan.streets:
            for other, side, edge in crossing_arms(self._plan, street):
                pair = (street, other) if street.along_s else (other, street)
                number = junction_number(
                    self._plan, self._plan.along.index(pair[0]), self._plan.across.index(pair[1])
                )
                polygon = self._polygon(next(crossings))
                segment = self._junctions[number]
                crossing = self._add("ped_crossing", polygon_token=polygon, road_segment_token=segment)
                # Who comes from the side of growing coordinates goes backward.
                block = self._blocks[number, street.along_s, side < 0]
                light = self._add_light(street, other, side, block)
                paved = street.lanes * street.lane_width
                across = side * paved / 2 + np.array([-0.5, 0.5]) * (paved - 0.3)
                near = edge + side * STOP_LINE
                ring = np.concatenate(
                    [street.place(near, across), street.place(near + side * STOP_WIDTH, across[::-1])]
                )
                self._add(
                    "stop_line", polygon_token=self._polygon(self._plan.curve.world(ring)),
                    stop_line_type="TRAFFIC_LIGHT" if light else "PED_CROSSING",
                    ped_crossing_tokens=[crossing], traffic_light_tokens=[light] if light else [],
                    road_block_token=block,
                )  # fmt: skip

    def _add_light(self, street: Street, other: Street, side: int, block: str) -> str | None:
        """The traffic light of an approach; None where there is none."""
        along = other.at + side * (other.half + STOP_LINE + 0.6)
        across = side * (street.half + 0.5)
        place = self._world(street, along, across)
        if not (np.abs(self._posts[:, :2] - place) < 1e-6).all(1).any():
            return None
        ahead = self._world(street, along + side, across) - place
        yaw = math.atan2(ahead[1], ahead[0])
        wide = 0.17 * np.array([-math.sin(yaw), math.cos(yaw)])
        items = [
            {
                "color": colour, "shape": "CIRCLE", "to_road_block_tokens": [],
                "rel_pos": _position(0.12, 0.0, height - _LAMPS["YELLOW"], 0.0),
            }
            for colour, height in _LAMPS.items()
        ]  # fmt: skip
        return self._add(
            "traffic_light", line_token=self._line(np.stack([place - wide, place + wide])),
            traffic_light_type="VERTICAL", from_road_block_token=block, items=items,
            pose=_position(place[0], place[1], KERB_HEIGHT + _LAMPS["YELLOW"], yaw),
        )  # fmt: skip

    # -- ways through junctions ---------------------------------------------------------------------

    def _add_connectors(self) -> None:
        leaving: dict[tuple[int, bool, bool], list[_Lane]] = {}
        for lane in self._lanes:
            leaving.setdefault((lane.entry, lane.stretch.street.along_s, lane.forward), []).append(lane)
        for lane in self._lanes:
            if lane.exit < 0:
                continue
            along_s, forward = lane.stretch.street.along_s, lane.forward
            ahead = leaving.get((lane.exit, along_s, forward), [])
            goals = [goal for goal in ahead if goal.index == lane.index]
            # Left of +s is +t, left of +t is -s; who turns right does so from and to the kerb's lane.
            if lane.index + 1 == lane.stretch.street.lanes:
                goals += leaving.get((lane.exit, not along_s, forward != along_s), [])[-1:]
            if lane.index == 0:
                goals += leaving.get((lane.exit, not along_s, forward == along_s), [])[:1]
            for goal in goals:
                self._connect(lane, goal)

    def _connect(self, lane: _Lane, goal: _Lane) -> None:
        path = _joined(lane.end, goal.start)
        middle = np.concatenate([_sampled(piece) for piece in path])
        left = np.stack([-np.sin(middle[:, 2]), np.cos(middle[:, 2])], -1)
        normal = left * lane.stretch.street.lane_width / 2
        ring = np.concatenate([middle[:, :2] - normal, (middle[:, :2] + normal)[::-1]])
        token = self._add("lane_connector", polygon_token=self._polygon(ring))
        self._paths[token] = path
        self._links[token] = {"incoming": [lane.token], "outgoing": [goal.token]}
        self._links[lane.token]["outgoing"].append(token)
        self._links[goal.token]["incoming"].append(token)


def _edges(street: Street) -> np.ndarray:
    """Where lines along a street meet what crosses it, from right to left, metres."""
    lanes = np.arange(street.lanes + 1) * street.lane_width
    kerb = [street.half] if street.parking else []
    half = np.concatenate([lanes, kerb])
    return np.concatenate([-half[:0:-1], half])


def _steps(begin: float, end: float) -> np.ndarray:
    return np.linspace(begin, end, max(2, math.ceil(abs(end - begin) / _STEP) + 1))


def _position(x: float, y: float, z: float, yaw: float) -> dict[str, float]:
    return {"tx": float(x), "ty": float(y), "tz": float(z), "rx": 0.0, "ry": 0.0, "rz": float(yaw)}


def _turned(angle: float) -> float:
    """The same direction, in -pi to pi."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _arc(start: np.ndarray, end: np.ndarray) -> dict:
    """The arc through two places whose direction changes as that of two poses (x, y, heading) does."""
    chord, turn = end[:2] - start[:2], _turned(end[2] - start[2])
    length = math.hypot(*chord)
    if abs(turn) < 1e-6:
        return _path(start, end, 0.0, length, 0.0, _STRAIGHT_RADIUS, 1)
    length *= (turn / 2) / math.sin(turn / 2)
    heading = math.atan2(chord[1], chord[0])
    first, last = np.array([*start[:2], heading - turn / 2]), np.array([*end[:2], heading + turn / 2])
    return _path(first, last, length, 0.0, 0.0, abs(length / turn), 1 if turn > 0 else -1)


def _joined(start: np.ndarray, end: np.ndarray) -> list[dict]:
    """The way from one pose (x, y, heading) to another: straight on, one bend, straight on."""
    straight = end[:2] - start[:2]
    direct = np.array([*start[:2], math.atan2(straight[1], straight[0])])
    turn = _turned(end[2] - start[2])
    if abs(turn) > _PARALLEL:
        away, home = (np.array([math.cos(pose[2]), math.sin(pose[2])]) for pose in (start, end))
        before, after = np.linalg.solve(np.stack([away, home], -1), straight)
        if min(before, after) > 0:
            reach = min(before, after)
            radius = reach / math.tan(abs(turn) / 2)
            side = 1 if turn > 0 else -1
            leave = np.array([*(end[:2] - (after - reach) * home), end[2]])
            path = [_path(start, leave, 0.0, before - reach, radius * abs(turn), radius, side)]
            if after - reach > 1e-3:
                path.append(_path(leave, end, 0.0, after - reach, 0.0, _STRAIGHT_RADIUS, 1))
            return path
    there = np.array([*end[:2], direct[2]])
    return [_path(direct, there, 0.0, math.hypot(*straight), 0.0, _STRAIGHT_RADIUS, 1)]


def _path(
    start: np.ndarray, end: np.ndarray, first: float, straight: float, last: float, radius: float, side: int
) -> dict:
    """A record of nuScenes' lane paths: a bend, a straight line and a bend to the same side (1: left)."""
    return {
        "start_pose": start.tolist(), "end_pose": end.tolist(), "shape": "LSL" if side > 0 else "RSR",
        "radius": radius, "segment_length": [first, straight, last],
    }  # fmt: skip


def _sampled(path: dict) -> np.ndarray:
    """(N, 3) poses of a path that goes straight on and bends then: its beginning and the bend's points."""
    x, y, heading = path["start_pose"]
    _, straight, bend = path["segment_length"]
    begin = np.array([x + straight * math.cos(heading), y + straight * math.sin(heading)])
    if not bend:
        return np.array([[x, y, heading], [*begin, heading]])
    side = 1 if path["shape"] == "LSL" else -1
    turn = side * np.linspace(0, bend / path["radius"], 9)
    center = begin + side * path["radius"] * np.array([-math.sin(heading), math.cos(heading)])
    out = side * path["radius"] * np.stack([np.sin(heading + turn), -np.cos(heading + turn)], -1)
    poses = np.column_stack([center + out, heading + turn])
    return poses if straight < 1e-3 else np.concatenate([[[x, y, heading]], poses])
