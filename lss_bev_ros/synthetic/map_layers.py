"""The street as a vector map: the layers of nuScenes' map expansion, exact, from the street plan.

The same lines that `ground` paints and kerbs are built from, so what a camera sees and what the map says
agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry import BevGrid, Pose
from .ground import CROSSING, STOP_LINE, rounded
from .road import CORNER, Plan, Street

STEP = 2.0
"""Points of a line are so far apart at most, metres."""

AREAS = ("drivable", "crossing", "walkway")
LINES = ("lane_boundary", "road_boundary")


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
            for begin, end in plan.pieces(street, STOP_LINE + 0.4):
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
            By the names of `AREAS` and `LINES`, (nx, ny) bool, indexed [x, y]. A cell is of an area where its
            centre is, and of a line where the line passes through it.
        """
        to_cells = _to_cells(ego, grid)
        areas = {name: np.zeros(grid.shape, np.uint8) for name in AREAS}
        rim, *blocks = self.drivable
        _fill(areas["drivable"], to_cells(rim), 1)
        for ring in blocks:
            _fill(areas["drivable"], to_cells(ring), 0)
        for ring in self.crossing:
            _fill(areas["crossing"], to_cells(ring), 1)
        for outer, inner in self.walkway:
            _fill(areas["walkway"], to_cells(outer), 1)
            if inner is not None:
                _fill(areas["walkway"], to_cells(inner), 0)
        lines = {name: np.zeros(grid.shape, np.uint8) for name in LINES}
        for line in (*self.lane_divider, *self.road_divider):
            _draw(lines["lane_boundary"], to_cells(line), closed=False)
        for ring in self.road_boundary:
            _draw(lines["road_boundary"], to_cells(ring), closed=True)
        return {name: cells.astype(bool) for name, cells in (areas | lines).items()}


def _line(street: Street, begin: float, end: float, across: float) -> np.ndarray:
    """Points (N, 2) along a street, street coordinates."""
    count = max(2, int((end - begin) / STEP) + 2)
    return street.place(np.linspace(begin, end, count), across)


def _crossings(plan: Plan, street: Street) -> list[np.ndarray]:
    """Rings (N, 2) of the zebra crossings over a street, street coordinates."""
    begin, end = plan.extent(street)
    rings = []
    for other in plan.crossing_streets(street):
        for side in (-1, 1):
            edge = other.at + side * other.half
            if begin + 10 < edge < end - 10:
                low, high = sorted((edge + side * CROSSING[0], edge + side * CROSSING[1]))
                across = np.linspace(-street.half, street.half, max(2, int(2 * street.half / STEP) + 1))
                rings.append(np.concatenate([street.place(low, across), street.place(high, across[::-1])]))
    return rings


def _to_cells(ego: Pose, grid: BevGrid):
    """World points (N, 2) to cell coordinates (N, 2), the first cell's centre at 0; far ones are kept."""
    cos, sin = np.cos(ego.yaw), np.sin(ego.yaw)
    turn = np.array([[cos, -sin], [sin, cos]])
    corner = np.array([grid.x_min, grid.y_min])

    def cells(points: np.ndarray) -> np.ndarray:
        local = (points - ego.translation[:2]) @ turn
        return (local - corner) / grid.resolution - 0.5

    return cells


_SHIFT = 6
_LIMIT = 2.0**15
"""OpenCV clips polygons in 16 bits of cells; farther places are brought to this rim."""


def _points(cells: np.ndarray) -> np.ndarray:
    # Rows are x and columns y; OpenCV takes (column, row), in 1 / 64 of a cell.
    return np.round(np.clip(cells[:, ::-1], -_LIMIT, _LIMIT) * (1 << _SHIFT)).astype(np.int32)


def _fill(canvas: np.ndarray, cells: np.ndarray, value: int) -> None:
    if not _near(canvas, cells):
        return
    cv2.fillPoly(canvas, [_points(cells)], value, shift=_SHIFT)


def _draw(canvas: np.ndarray, cells: np.ndarray, closed: bool) -> None:
    if _near(canvas, cells):
        cv2.polylines(canvas, [_points(cells)], closed, 1, shift=_SHIFT)


def _near(canvas: np.ndarray, cells: np.ndarray) -> bool:
    """Whether the bounds of a shape meet the grid."""
    low, high = cells.min(0), cells.max(0)
    return bool((high > -1).all() and (low < canvas.shape).all())
