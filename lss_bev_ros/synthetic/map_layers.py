"""The street as a vector map: the layers of nuScenes' map expansion, exact, from the street plan.

The same lines that `ground` paints and kerbs are built from, so what a camera sees and what the map says
agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..geometry import BevGrid, Pose
from ..geometry.classes import LINES, STREET_AREAS
from ..geometry.raster import draw_line, fill_rings, to_cells
from .ground import CROSSING, STOP_LINE, rounded
from .road import CORNER, Plan, Street

STEP = 2.0
"""Points of a line are so far apart at most, metres."""
STOP_WIDTH = 0.4
"""Width of a stop line, metres."""


@dataclass(frozen=True, eq=False)
class MapLayers:
    """A vector map, world, metres.

    Attributes:
        drivable: rings (N, 2); what lies within the first and in no other one. A parking lane is drivable.
        crossing: rings of zebra crossings.
        walkway: pairs of rings: a pavement lies within the first and outside the second, where there is one.
        lane_divider: polylines between lanes of one direction.
        road_divider: polylines between the directions.
        road_boundary: rings of kerbs.
    """

    drivable: tuple[np.ndarray, ...]
    crossing: tuple[np.ndarray, ...]
    walkway: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    lane_divider: tuple[np.ndarray, ...]
    road_divider: tuple[np.ndarray, ...]
    road_boundary: tuple[np.ndarray, ...]

    @classmethod
    def of_plan(cls, plan: Plan) -> MapLayers:
        """The map of a street plan."""
        world = plan.curve.world
        (s0, s1), (t0, t1) = plan.s_range, plan.t_range
        rim = world(rounded(s0, s1, t0, t1, 0.5, STEP))
        kerbs, pavements = [], []
        for s0, s1, t0, t1, *streets in plan.blocks():
            width = min(street.pavement for street in streets if street is not None)
            outer = world(rounded(s0, s1, t0, t1, CORNER, STEP))
            inner = None
            if min(s1 - s0, t1 - t0) > 2 * width + 4:
                inner = world(
                    rounded(s0 + width, s1 - width, t0 + width, t1 - width, max(CORNER - width, 0.5), STEP)
                )
            kerbs.append(outer)
            pavements.append((outer, inner))
        crossings, lanes, middles = [], [], []
        for street in plan.streets:
            crossings += [world(ring) for ring in _crossings(plan, street)]
            for begin, end in plan.pieces(street, STOP_LINE + STOP_WIDTH):
                middles.append(world(_line(street, begin, end, 0.0)))
                for side in (-1, 1):
                    for lane in range(1, street.lanes):
                        lanes.append(world(_line(street, begin, end, side * lane * street.lane_width)))
        return cls(
            (rim, *kerbs), tuple(crossings), tuple(pavements), tuple(lanes), tuple(middles), tuple(kerbs)
        )

    def raster(self, ego: Pose, grid: BevGrid) -> dict[str, np.ndarray]:
        """The map around a car, cell by cell.

        Args:
            ego: base_link in the world; its yaw and place count.
            grid: cells, base_link.

        Returns:
            By the names of `STREET_AREAS` and `LINES`, (nx, ny) bool, indexed [x, y]. A cell is of an
            area where its centre is, and of a line where the line passes through it.
        """
        areas = {name: np.zeros(grid.shape, bool) for name in STREET_AREAS}
        # A pavement's inner ring and the blocks that cut the road out of the plan are holes.
        pavements = [ring for pair in self.walkway for ring in pair if ring is not None]
        for name, rings in (("drivable", self.drivable), ("walkway", pavements)):
            fill_rings(areas[name], [to_cells(ring, ego, grid) for ring in rings])
        for ring in self.crossing:
            fill_rings(areas["crossing"], [to_cells(ring, ego, grid)])
        lines = {name: np.zeros(grid.shape, np.uint8) for name in LINES}
        for line in (*self.lane_divider, *self.road_divider):
            draw_line(lines["lane_boundary"], to_cells(line, ego, grid), closed=False)
        for ring in self.road_boundary:
            draw_line(lines["road_boundary"], to_cells(ring, ego, grid), closed=True)
        return areas | {name: cells.astype(bool) for name, cells in lines.items()}


def _line(street: Street, begin: float, end: float, across: float) -> np.ndarray:
    """Points (N, 2) along a street, street coordinates."""
    count = max(2, int((end - begin) / STEP) + 2)
    return street.place(np.linspace(begin, end, count), across)


def crossing_arms(plan: Plan, street: Street) -> Iterator[tuple[Street, int, float]]:
    """Where a street has zebra crossings: the street that it meets, the side of that which they lie on (1 for
    growing coordinates), and its edge there, metres along the street.
    """
    begin, end = plan.extent(street)
    for other in plan.crossing_streets(street):
        for side in (-1, 1):
            edge = other.at + side * other.half
            if begin + 10 < edge < end - 10:
                yield other, side, edge


def _crossings(plan: Plan, street: Street) -> list[np.ndarray]:
    """Rings (N, 2) of the zebra crossings over a street, street coordinates."""
    rings = []
    across = np.linspace(-street.half, street.half, max(2, int(2 * street.half / STEP) + 1))
    for _, side, edge in crossing_arms(plan, street):
        low, high = sorted((edge + side * CROSSING[0], edge + side * CROSSING[1]))
        rings.append(np.concatenate([street.place(low, across), street.place(high, across[::-1])]))
    return rings
