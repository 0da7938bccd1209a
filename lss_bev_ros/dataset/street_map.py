"""Vector maps in the form of nuScenes' map expansion: streets as polygons and lines, and as rasters.

The form is that which nuscenes-devkit's `map_expansion/map_api.py` reads: tables of nodes, of polygons and
lines that name nodes, and of layers that name polygons and lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from ..geometry import BevGrid, Pose
from ..geometry.classes import LINES, STREET_AREAS
from ..geometry.raster import draw_line, fill_rings, to_cells
from .records import written

REMEDY = "unpack nuScenes' map expansion (v1.3) again, or write the data set again with `lss-bev synthesize`"

_DIVIDERS = ("lane_divider", "road_divider")
_ROADS = ("road_segment", "lane")
_FINE = 4
"""The rim of the roads is found on cells so many times as small."""
_MARGIN = 2
"""Cells around the grid on which it is found too, so that the grid's own border is no rim."""
_PIECE, _ASIDE = 4.0, 1.5
"""An outline is looked at in pieces of so many of these cells, so many cells to both sides of it."""
_MAPS_KEPT = 4

Rings = tuple[np.ndarray, ...]
"""A polygon: its outline (N, 2) and those of its holes, metres, world."""


@dataclass(frozen=True, eq=False)
class StreetMap:
    """The part of a vector map that rasters are made of, world, metres.

    Attributes:
        drivable, crossing, walkway: polygons.
        roads: polygons of road segments and lanes, whose common rim is the road boundary.
        dividers: lines between lanes and between directions, each one polyline (N, 2).
    """

    drivable: tuple[Rings, ...]
    crossing: tuple[Rings, ...]
    walkway: tuple[Rings, ...]
    roads: tuple[Rings, ...]
    dividers: tuple[Rings, ...]

    def raster(self, ego: Pose, grid: BevGrid) -> dict[str, np.ndarray]:
        """The map around a car, cell by cell.

        Args:
            ego: base_link in the world; its yaw and place count.
            grid: cells, base_link.

        Returns:
            By the names of `STREET_AREAS` and `LINES`, (nx, ny) bool, indexed [x, y]. A cell is of an
            area where its centre is, and of a line where the line passes through it. Lane boundaries are
            dividers, and road boundaries the rim of all road segments and lanes, as HDMapNet and MapTR
            take them.
        """
        rasters = {}
        for name in STREET_AREAS:
            rasters[name] = np.zeros(grid.shape, bool)
            for rings in self._around(name, ego, grid):
                fill_rings(rasters[name], [to_cells(ring, ego, grid) for ring in rings])
        for name, lines in self._lines(ego, grid).items():
            cells = np.zeros(grid.shape, np.uint8)
            for line in lines:
                draw_line(cells, line, closed=False)
            rasters[name] = cells.astype(bool)
        return rasters

    def lines(self, ego: Pose, grid: BevGrid) -> dict[str, tuple[np.ndarray, ...]]:
        """The lines of `raster` themselves, where they pass through the grid.

        Args:
            ego: base_link in the world; its yaw and place count.
            grid: cells, base_link.

        Returns:
            By the names of `LINES`, polylines (N, 2) float64, metres, base_link.
        """
        origin, sides = np.array([grid.x_min, grid.y_min]), np.array(grid.shape)
        return {
            name: tuple(
                origin + (part + 0.5) * grid.resolution for line in lines for part in _within(line, sides)
            )
            for name, lines in self._lines(ego, grid).items()
        }

    def _lines(self, ego: Pose, grid: BevGrid) -> dict[str, list[np.ndarray]]:
        """Polylines (N, 2) in cells of the grid, by the names of `LINES`; they go on outside of it."""
        dividers = [to_cells(line, ego, grid) for (line,) in self._around("dividers", ego, grid)]
        return dict(zip(LINES, (dividers, self._rim(ego, grid)), strict=True))

    @cached_property
    def _bounds(self) -> dict[str, np.ndarray]:
        """(K, 4) of each layer: least x and y and greatest x and y of its shapes."""
        return {
            name: np.array([[*s[0].min(0), *s[0].max(0)] for s in getattr(self, name)]).reshape(-1, 4)
            for name in (*STREET_AREAS, "roads", "dividers")
        }

    def _around(self, name: str, ego: Pose, grid: BevGrid) -> list[Rings]:
        """The shapes of a layer that may meet a grid."""
        corners = np.array([(x, y, 0.0) for x in (grid.x_min, grid.x_max) for y in (grid.y_min, grid.y_max)])
        places = Pose.from_yaw(ego.yaw).apply(corners)[:, :2] + ego.translation[:2]
        low, high = places.min(0) - grid.resolution, places.max(0) + grid.resolution
        bounds = self._bounds[name]
        near = (bounds[:, :2] <= high).all(1) & (bounds[:, 2:] >= low).all(1)
        return [getattr(self, name)[row] for row in np.flatnonzero(near)]

    def _rim(self, ego: Pose, grid: BevGrid) -> list[np.ndarray]:
        margin = _MARGIN * grid.resolution
        fine = BevGrid(
            grid.x_min - margin,
            grid.x_max + margin,
            grid.y_min - margin,
            grid.y_max + margin,
            grid.resolution / _FINE,
        )
        shapes = self._around("roads" if self.roads else "drivable", ego, fine)
        rings = [[to_cells(ring, ego, fine) for ring in shape] for shape in shapes]
        roads, drawn = np.zeros(fine.shape, bool), np.zeros(fine.shape, np.uint8)
        for shape in rings:
            fill_rings(roads, shape)
        rim = []
        for ring in (ring for shape in rings for ring in shape):
            # A lane's side that is a road segment's too is one line.
            for line in list(_outer(ring, roads, drawn)):
                draw_line(drawn, line, closed=False, width=3)
                rim.append((line + 0.5) / _FINE - 0.5 - _MARGIN)
        return rim


def _outer(ring: np.ndarray, roads: np.ndarray, drawn: np.ndarray) -> Iterator[np.ndarray]:
    """The lines (N, 2) of a ring (M, 2) that have road on one side only and are not drawn yet, in cells."""
    step = np.roll(ring, -1, 0) - ring
    length = np.hypot(*step.T)
    begin, step, length = ring[length > 0], step[length > 0], length[length > 0]
    near = ((np.maximum(begin, begin + step) > -1) & (np.minimum(begin, begin + step) < roads.shape)).all(1)
    count = np.where(near, np.ceil(length / _PIECE), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(begin)), count)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    starts, middle, ends = (
        begin[edge] + ((part + share) / count[edge])[:, None] * step[edge] for share in (0.0, 0.5, 1.0)
    )
    aside = (np.stack([-step[:, 1], step[:, 0]], -1) / length[:, None] * _ASIDE)[edge]
    rim = near[edge] & (_at(middle + aside, roads) != _at(middle - aside, roads))
    # What only begins or ends at another line is no part of it.
    rim &= ~(_at(starts, drawn) & _at(middle, drawn) & _at(ends, drawn))
    if rim.all():
        yield np.concatenate([begin, begin[:1]])
        return
    # From a piece that is no rim on, a run of pieces that are is a line; within an edge it needs no places.
    first = int(np.argmin(rim))
    rim, part, starts = np.roll(rim, -first), np.roll(part, -first), np.roll(starts, -first, 0)
    change = np.flatnonzero(np.diff(rim.astype(np.int8), append=0))
    for before, last in change.reshape(-1, 2):
        corners = np.flatnonzero(part[before + 2 : last + 1] == 0) + before + 2
        yield starts[[before + 1, *corners, (last + 1) % len(starts)]]


def _at(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(N,) bool, whether places (N, 2) lie in cells that are marked; outside of all cells nothing is."""
    index = np.round(places).astype(np.int64)
    inside = ((index >= 0) & (index < cells.shape)).all(1)
    found = np.zeros(len(index), bool)
    found[inside] = cells[tuple(index[inside].T)]
    return found


def _within(line: np.ndarray, sides: np.ndarray) -> Iterator[np.ndarray]:
    """The parts of a line (N, 2) that lie in cells 0 to `sides`, whose centres are whole numbers."""
    low, high = -0.5, sides - 0.5
    part: list[np.ndarray] = []
    for begin, end in pairwise(line):
        way = end - begin
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds = np.sort([(low - begin) / way, (high - begin) / way], axis=0)
        parallel = way == 0
        bounds[:, parallel] = [[-np.inf], [np.inf]]
        enter, leave = max(0.0, bounds[0].max()), min(1.0, bounds[1].min())
        beside = parallel & ((begin < low) | (begin > high))
        if beside.any() or enter >= leave:
            if part:
                yield np.array(part)
            part = []
            continue
        if enter > 0 and part:
            yield np.array(part)
            part = []
        part = [*part, begin + leave * way] if part else [begin + enter * way, begin + leave * way]
        if leave < 1:
            yield np.array(part)
            part = []
    if part:
        yield np.array(part)


def read_street_map(path: Path) -> StreetMap:
    """The map of a file, which is kept as long as the file does not change.

    Raises:
        DatasetError: the file is missing, damaged or no map expansion.
    """
    return _read(path, written(path))


@lru_cache(maxsize=_MAPS_KEPT)
def _read(path: Path, _: tuple[int, int]) -> StreetMap:
    try:
        tables = json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
    except (ValueError, RecursionError) as error:  # also of bytes that are no text
        raise DatasetError(f"{path}: broken JSON ({error}); {REMEDY}") from None
    if not isinstance(tables, dict):
        raise DatasetError(f"{path}: a map is an object of tables, not {type(tables).__name__}; {REMEDY}")
    return _Parser(path, tables).street_map()


class _Parser:
    """Follows tokens from layers to places, and names what leads nowhere."""

    def __init__(self, path: Path, tables: dict) -> None:
        self._path, self._tables = path, tables
        self._places: dict[str, int] = {}
        numbers = []
        for number, record in self._records("node"):
            self._places[self._field("node", number, record, "token", str)] = number
            numbers.append([self._field("node", number, record, axis, (int, float)) for axis in "xy"])
        self._nodes = np.array(numbers, np.float64).reshape(-1, 2)
        lost = np.flatnonzero(~np.isfinite(self._nodes).all(1))
        if len(lost):
            raise self._problem("node", int(lost[0]), "lies nowhere")
        self._polygons = self._index("polygon")
        self._lines = self._index("line")

    def street_map(self) -> StreetMap:
        drivable = [
            self._rings("drivable_area", number, token)
            for number, record in self._records("drivable_area")
            for token in self._tokens("drivable_area", number, record, "polygon_tokens")
        ]
        dividers = [line for layer in _DIVIDERS for line in self._layer_lines(layer)]
        return StreetMap(
            tuple(rings for rings in drivable if len(rings[0]) > 2),
            tuple(self._layer_polygons("ped_crossing")),
            tuple(self._layer_polygons("walkway")),
            tuple(rings for layer in _ROADS for rings in self._layer_polygons(layer)),
            # The devkit knows lines without nodes: some of Queenstown are.
            tuple((line,) for line in dividers if len(line) > 1),
        )

    def _layer_polygons(self, layer: str) -> Iterator[Rings]:
        for number, record in self._records(layer):
            rings = self._rings(layer, number, self._field(layer, number, record, "polygon_token", str))
            if len(rings[0]) > 2:
                yield rings

    def _layer_lines(self, layer: str) -> Iterator[np.ndarray]:
        for number, record in self._records(layer):
            token = self._field(layer, number, record, "line_token", str)
            if token not in self._lines:
                raise self._problem(layer, number, f"names the line {token!r}, which is not there")
            place, line = self._lines[token]
            yield self._points("line", place, self._tokens("line", place, line, "node_tokens"))

    def _rings(self, layer: str, number: int, token: str) -> Rings:
        if token not in self._polygons:
            raise self._problem(layer, number, f"names the polygon {token!r}, which is not there")
        place, polygon = self._polygons[token]
        outline = self._tokens("polygon", place, polygon, "exterior_node_tokens")
        holes = [
            self._tokens("polygon", place, hole, "node_tokens") if isinstance(hole, dict) else None
            for hole in self._field("polygon", place, polygon, "holes", list)
        ]
        if None in holes:
            raise self._problem("polygon", place, "has a hole that is not an object")
        return tuple(self._points("polygon", place, tokens) for tokens in (outline, *filter(None, holes)))

    def _points(self, table: str, number: int, tokens: Sequence[str]) -> np.ndarray:
        try:
            return self._nodes[[self._places[token] for token in tokens]]
        except (KeyError, TypeError):
            lost = next(token for token in tokens if not isinstance(token, str) or token not in self._places)
            raise self._problem(table, number, f"names the node {lost!r}, which is not there") from None

    def _index(self, table: str) -> dict[str, tuple[int, dict]]:
        return {
            self._field(table, number, record, "token", str): (number, record)
            for number, record in self._records(table)
        }

    def _records(self, table: str) -> Iterator[tuple[int, dict]]:
        records = self._tables.get(table)
        if not isinstance(records, list):
            raise DatasetError(f"{self._path}: has no table {table!r}; {REMEDY}")
        for number, record in enumerate(records):
            if not isinstance(record, dict):
                raise self._problem(table, number, "is not an object")
            yield number, record

    def _tokens(self, table: str, number: int, record: dict, field: str) -> list:
        return self._field(table, number, record, field, list)

    def _field(self, table: str, number: int, record: dict, field: str, kind):
        value = record.get(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            found = f"has {field} {value!r:.40}" if field in record else f"lacks the field {field!r}"
            raise self._problem(table, number, found)
        return value

    def _problem(self, table: str, number: int, text: str) -> DatasetError:
        return DatasetError(f"{self._path}: {table} {number} {text}; {REMEDY}")
