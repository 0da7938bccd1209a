"""Lines from the probability that one passes through a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from ..errors import GeometryError
from ..geometry import BevGrid

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Neighbours of a cell, clockwise from the row above: P2 to P9 of the papers on thinning."""
_WEIGHTS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)

_AHEAD = (2, 10)
"""Cells from a line's end between which its direction is taken: at the end itself thinning bends it."""
_BRIDGE = 8
"""Cells: where two thick lines cross, thinning leaves two places where three meet, so far apart at most."""
_STRAIGHT = np.cos(np.radians(50.0))
"""Two lines that meet go on as one where they turn less than that."""
_SPUR = 5
"""Cells: a shorter side branch is the ragged edge of a thick line."""
_ACROSS = np.linspace(-2.0, 2.0, 17)
"""Cells to the side of a line within which its middle is looked for."""
_ROUNDS = 4
"""A window that is not around the middle sees less of one side, so the middle is looked for again."""
_SMOOTH = 2
"""Cells to both sides over which a line's places are averaged: its cells are a staircase."""


@dataclass(frozen=True, eq=False)
class TracedLine:
    """A line on the ground.

    Attributes:
        points: (N, 2) float64 x and y, metres, base_link; the first is the last where the line is closed.
        score: mean probability along it.
    """

    points: np.ndarray
    score: float


def trace_lines(
    probability: np.ndarray,
    grid: BevGrid,
    threshold: float = 0.5,
    weak: float = 0.3,
    min_length: float = 2.0,
    tolerance: float = 0.1,
) -> list[TracedLine]:
    """Follow the ridges of a map of lines.

    Cells are thinned to one cell's width (Guo and Hall, "Parallel thinning with two-subiteration
    algorithms", 1989), followed from end to end, straight on where lines meet, moved to the middle of the
    probability across the line, and thinned out to as few points as stay within the tolerance (Douglas and
    Peucker, 1973).

    Args:
        probability: (nx, ny), 0 to 1; NaN says nothing.
        grid: of the cells.
        threshold: probability that a line reaches somewhere.
        weak: probability down to which it is followed from there.
        min_length: metres below which it is left out.
        tolerance: metres that leaving out points may move it.

    Returns:
        The lines, longest first.
    """
    if probability.shape != grid.shape:
        raise GeometryError(f"a map of lines has shape {probability.shape} but the grid has {grid.shape}")
    probability = np.nan_to_num(np.asarray(probability, np.float32))
    lines = []
    for cells in _follow(_thinned(_connected(probability, threshold, weak))):
        places, score = _centred(np.array(cells, np.float64), probability)
        points = np.array([grid.x_min, grid.y_min]) + (places + 0.5) * grid.resolution
        length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
        if length >= min_length:
            lines.append((length, TracedLine(_simplified(points, tolerance), score)))
    return [line for _, line in sorted(lines, key=lambda pair: -pair[0])]


def _connected(probability: np.ndarray, threshold: float, weak: float) -> np.ndarray:
    """(nx, ny) bool: cells from `weak` on that touch one from `threshold` on (Canny's hysteresis)."""
    cells = (probability >= min(weak, threshold)).astype(np.uint8)
    count, parts = cv2.connectedComponents(cells, connectivity=8)
    strong = np.bincount(parts[probability >= threshold], minlength=count) > 0
    strong[0] = False
    connected: np.ndarray = strong[parts]
    return connected


def _deletable() -> np.ndarray:
    """(2, 256) bool: whether a cell goes in each of the two rounds, by its neighbours' bits."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    p2, p3, p4, p5, p6, p7, p8, p9 = bits.T.astype(bool)
    branches = sum(
        (~one & (two | three)).astype(int)
        for one, two, three in ((p2, p3, p4), (p4, p5, p6), (p6, p7, p8), (p8, p9, p2))
    )
    first = sum((one | two).astype(int) for one, two in ((p9, p2), (p3, p4), (p5, p6), (p7, p8)))
    second = sum((one | two).astype(int) for one, two in ((p2, p3), (p4, p5), (p6, p7), (p8, p9)))
    few = np.minimum(first, second)
    rim = (branches == 1) & (few >= 2) & (few <= 3)
    return np.stack([rim & ~((p2 | p3 | ~p5) & p4), rim & ~((p6 | p7 | ~p9) & p8)])


_DELETABLE = _deletable()


def _thinned(cells: np.ndarray) -> np.ndarray:
    """(nx, ny) bool lines of one cell's width with the same connections."""
    left = cells.astype(np.uint8)
    while True:
        before = int(left.sum())
        for table in _DELETABLE:
            around = cv2.filter2D(left, -1, _WEIGHTS, borderType=cv2.BORDER_CONSTANT)
            left[(left == 1) & table[around]] = 0
        if int(left.sum()) == before:
            return left.astype(bool)


Cell = tuple[int, int]


def _neighbours(cells: set[Cell]) -> dict[Cell, list[Cell]]:
    """Of each cell; diagonally only where there is no way around the corner."""
    found: dict[Cell, list[Cell]] = {}
    for i, j in cells:
        near = []
        for di, dj in _AROUND:
            other = (i + di, j + dj)
            if other in cells and not (di and dj and ((i + di, j) in cells or (i, j + dj) in cells)):
                near.append(other)
        found[i, j] = near
    return found


def _follow(thin: np.ndarray) -> list[list[Cell]]:
    """Lines of cells, from end to end; a closed one ends where it begins."""
    cells: set[Cell] = {(int(i), int(j)) for i, j in np.argwhere(thin)}
    while True:
        near = _neighbours(cells)
        paths = _paths(near)
        spurs = [
            path
            for path in paths
            if len(path) <= _SPUR and sorted(min(len(near[end]), 3) for end in (path[0], path[-1])) == [1, 3]
        ]
        if not spurs:
            return _joined(paths, near)
        # The shortest of each junction first: of two that are left, none is a side branch.
        shortest: dict[Cell, list[Cell]] = {}
        for path in sorted(spurs, key=len, reverse=True):
            shortest[next(end for end in (path[0], path[-1]) if len(near[end]) > 2)] = path
        for path in shortest.values():
            cells -= {cell for cell in path if len(near[cell]) < 3}


def _paths(near: dict[Cell, list[Cell]]) -> list[list[Cell]]:
    """Cells between ends and junctions, both included, then rings."""
    paths = []
    walked: set[tuple[Cell, Cell]] = set()
    alone = {cell for cell, others in near.items() if len(others) == 2}

    def walk(cell: Cell, onward: Cell) -> list[Cell]:
        path = [cell, onward]
        while len(near[path[-1]]) == 2 and path[-1] != cell:
            one, two = near[path[-1]]
            path.append(two if one == path[-2] else one)
        walked.update({(path[0], path[1]), (path[-1], path[-2])})
        alone.difference_update(path)
        return path

    for cell, others in near.items():
        if len(others) != 2:
            paths += [walk(cell, onward) for onward in others if (cell, onward) not in walked]
    while alone:
        cell = alone.pop()
        paths.append(walk(cell, near[cell][0]))
    return paths


def _joined(paths: Sequence[list[Cell]], near: dict[Cell, list[Cell]]) -> list[list[Cell]]:
    """Go straight on where lines meet."""
    meeting_at = {cell: cell for cell, others in near.items() if len(others) > 2}
    paired: set[Cell] = set()
    long = []
    for path in sorted(paths, key=len):
        pair = {path[0], path[-1]}
        if len(path) <= _BRIDGE and len(pair) == 2 and pair <= meeting_at.keys() and not pair & paired:
            meeting_at[path[0]] = path[-1]
            paired |= pair
        else:
            long.append(path)
    paths = long
    ends: dict[Cell, list[tuple[int, int]]] = {}
    for k, path in enumerate(paths):
        for side in (0, -1):
            if path[side] in meeting_at:
                ends.setdefault(meeting_at[path[side]], []).append((k, side))
    follows: dict[tuple[int, int], tuple[int, int]] = {}
    for meeting in ends.values():
        pairs = sorted(
            (
                (_bend(paths[a], i, paths[b], j), (a, i), (b, j))
                for (a, i), (b, j) in combinations(meeting, 2)
            ),
        )
        for bend, one, two in pairs:
            if bend < -_STRAIGHT and one not in follows and two not in follows:
                follows[one], follows[two] = two, one
    lines, used = [], set()
    starts = [(k, side) for k in range(len(paths)) for side in (0, -1)]
    # From free ends first; what is left then goes in circles.
    for start in sorted(starts, key=lambda end: end in follows):
        if start[0] in used:
            continue
        line: list[Cell] = []
        place: tuple[int, int] | None = start
        while place is not None and place[0] not in used:
            k, side = place
            used.add(k)
            path = paths[k] if side == 0 else paths[k][::-1]
            line += _bridged(line[-1], path[0]) + path[1:] if line else path
            place = follows.get((k, -1 - side))
        lines.append(line)
    return lines


def _bridged(one: Cell, other: Cell) -> list[Cell]:
    """The cells after one up to another, straight on."""
    steps = max(abs(other[0] - one[0]), abs(other[1] - one[1]))
    way = np.rint(np.linspace(one, other, steps + 1)[1:]).astype(int)
    return [(int(i), int(j)) for i, j in way]


def _bend(one: list[Cell], i: int, two: list[Cell], j: int) -> float:
    """Cosine between the directions in which two paths leave the place where they meet: -1 is straight on."""
    leaving = []
    for path, side in ((one, i), (two, j)):
        way = path if side == 0 else path[::-1]
        first, last = (min(place, len(way) - 1) for place in _AHEAD)
        step = np.subtract(way[last], way[first if last > first else 0]).astype(np.float64)
        leaving.append(step / max(1e-9, float(np.linalg.norm(step))))
    return float(leaving[0] @ leaving[1])


def _centred(places: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, 2) cell coordinates in the middle of the line that passes there, and the mean probability."""
    closed = len(places) > 2 and bool((places[0] == places[-1]).all())
    index = places.astype(np.int64)
    score = float(probability[index[:, 0], index[:, 1]].mean())
    places = _averaged(places, closed)
    for _ in range(_ROUNDS):
        along = np.gradient(places, axis=0) if len(places) > 1 else np.ones_like(places)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        normal = np.stack([-along[:, 1], along[:, 0]], 1)
        there = places[:, None] + _ACROSS[:, None] * normal[:, None]
        rows, columns = there[..., 0].astype(np.float32), there[..., 1].astype(np.float32)
        seen = cv2.remap(probability, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        shift = (seen * _ACROSS).sum(1) / np.maximum(seen.sum(1), 1e-6)
        places = _averaged(places + shift[:, None] * normal, closed)
    if closed:
        places[-1] = places[0]
    return places, score


def _averaged(places: np.ndarray, closed: bool) -> np.ndarray:
    """(N, 2) means over `_SMOOTH` places to both sides, over fewer towards the ends of an open line."""
    count = len(places)
    if closed:
        ring = np.concatenate([places[-1 - _SMOOTH : -1], places, places[1 : 1 + _SMOOTH]])
        kernel = np.full(2 * _SMOOTH + 1, 1 / (2 * _SMOOTH + 1))
        return np.stack([np.convolve(ring[:, k], kernel, "valid") for k in (0, 1)], 1)
    reach = np.minimum(np.minimum(np.arange(count), np.arange(count)[::-1]), _SMOOTH)
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(places, 0)])
    place = np.arange(count)
    averaged: np.ndarray = (total[place + reach + 1] - total[place - reach]) / (2 * reach + 1)[:, None]
    return averaged


def _simplified(points: np.ndarray, tolerance: float) -> np.ndarray:
    closed = len(points) > 2 and bool((points[0] == points[-1]).all())
    # OpenCV leaves out the end of a line that it finds to be closed.
    line = points[:-1] if closed else points
    few = cv2.approxPolyDP(line[:, None].astype(np.float32), tolerance, closed)[:, 0].astype(np.float64)
    return np.concatenate([few, few[:1]]) if closed else few
