"""Uneven ground: how high it lies at every place, and how what stands on it is lifted and tilted.

Heights are given at the corners of a lattice and are linear over each of its triangles. What lies on the
ground is cut along the lattice and lifted corner by corner, so that paint stays as far above its road, and a
pavement above its gutter, as on level ground. What stands on it is lifted corner by corner too: walls and
posts stay upright, and rows of windows go along with the street.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from ..geometry import Pose
from .mesh import Mesh, joined, polygon, soup
from .realism import SlopeRanges
from .road import Plan
from .things import NUMBER

CELL = 6.0
"""Side of the lattice's squares, metres; each is two triangles, parted along the diagonal of growing x."""
_MARGIN = 30.0
"""That the lattice goes on beyond the streets; there the ground goes on level, metres."""
_LONG, _SHORT = (90.0, 280.0), (30.0, 60.0)
"""Lengths of the waves that hills, and settled ground, are made of, metres."""
_WAVES = 4
_FAR = 500.0
"""Triangles that are longer are the country around, which stays where it is, below everything; metres."""
_EPS = 1e-4


@dataclass(frozen=True, eq=False)
class Terrain:
    """The height of the ground.

    Attributes:
        corner: (2,) float64 world x and y of the lattice's first corner, metres.
        heights: (N, M) float32, metres, at `corner` + (i, j) * `CELL`; nowhere below 0.
    """

    corner: np.ndarray
    heights: np.ndarray

    @classmethod
    def draw(cls, ranges: SlopeRanges, plan: Plan, rng: np.random.Generator) -> Terrain | None:
        """The ground of a street plan, or None where it is level."""
        if not rng.random() < ranges.chance:
            return None
        s, t = np.meshgrid(np.linspace(*plan.s_range, 60), np.linspace(*plan.t_range, 20))
        streets = plan.curve.world(np.stack([s, t], -1)).reshape(-1, 2)
        low = np.floor((streets.min(0) - _MARGIN) / CELL) * CELL
        sides = np.ceil((streets.max(0) + _MARGIN - low) / CELL).astype(int) + 1
        x, y = np.meshgrid(*(low[k] + CELL * np.arange(sides[k]) for k in (0, 1)), indexing="ij")
        heights = _waves(x, y, _LONG, rng.uniform(*ranges.grade), rng)
        heights += _waves(x, y, _SHORT, rng.uniform(*ranges.uneven), rng)
        return cls(low, (heights - heights.min()).astype(np.float32))

    def height(self, xy: np.ndarray) -> np.ndarray:
        """(...,) float64 metres at places (..., 2) of the world."""
        xy = np.ascontiguousarray(xy, np.float64)
        found: np.ndarray = _heights(self.heights, *self.corner.tolist(), xy.reshape(-1, 2))
        return found.reshape(xy.shape[:-1])

    def slope(self, xy: np.ndarray, reach: float = CELL) -> np.ndarray:
        """(..., 2) float64 gradient at places (..., 2), over `reach` metres each way."""
        xy = np.asarray(xy, np.float64)
        parts = []
        for axis in np.eye(2) * reach:
            parts.append((self.height(xy + axis) - self.height(xy - axis)) / (2 * reach))
        return np.stack(parts, -1)

    def lifted(self, pose: Pose, front: float = 0.0, back: float = 0.0, side: float = 0.0) -> Pose:
        """A pose on level ground taken onto this one.

        Args:
            pose: turned about z alone; its height is kept above the ground.
            front: metres ahead of its origin to where it stands; 0 for what only rises, as people do.
            back: behind it.
            side: to its left and its right.
        """
        (x, y, z), turned = pose.translation, pose.rotation[:2, :2]
        left, bottom = self.corner
        if front + back <= 0.0:
            return Pose(pose.rotation, np.array([x, y, z + ground_height(self.heights, left, bottom, x, y)]))
        placed = _stood(
            self.heights, left, bottom, x, y, z, turned[0, 0], turned[1, 0], front, back, max(side, 0.1)
        )
        return Pose(placed[:, :3], placed[:, 3])

    def sheet(self, outline: np.ndarray, z: float, material: int) -> Mesh:
        """As `mesh.polygon`, of pieces that each lie within one triangle of the lattice."""
        outline = np.asarray(outline, np.float64)
        place = (outline - self.corner) / CELL
        low, high = np.floor(place.min(0)).astype(int), np.ceil(place.max(0)).astype(int)
        i, j = (a.reshape(-1) for a in np.meshgrid(*(np.arange(low[k], high[k]) for k in (0, 1))))
        one = np.stack([i, j], -1)[:, None] + np.array([[0, 0], [1, 0], [1, 1]])
        other = np.stack([i, j], -1)[:, None] + np.array([[0, 0], [1, 1], [0, 1]])
        halves = np.concatenate([one, other]).astype(np.float64)
        # The border is looked at wherever it comes near.
        near = np.floor(_between(place, 0.1) + np.array(_NEIGHBOURS)[:, None]).reshape(-1, 2)
        cells, border = (c[:, 0] * 1e6 + c[:, 1] for c in (np.floor(halves.mean(1)), near))
        touched = np.isin(cells, border)
        inner = halves[~touched]
        clipped, counts = _clipped(place, halves[touched])
        pieces = [inner[_inside(inner.mean(1), place)], *_pieces(clipped, counts)]
        flat = np.concatenate(pieces) * CELL + self.corner
        return soup(np.concatenate([flat, np.full((*flat.shape[:2], 1), z)], -1), material)

    def laid(self, mesh: Mesh) -> Mesh:
        """What stands still on level ground, lifted; what lies on the ground is cut along the lattice."""
        far = np.ptp(mesh.vertices[..., :2], axis=1).max(1) > _FAR
        lies = np.isin(mesh.thing, _LYING) & ~far
        near = joined([_cut(mesh[lies], self.corner), mesh[~lies & ~far]])
        vertices, normals = near.vertices.astype(np.float64), near.normals.astype(np.float64)
        # Houses go into the ground, which may lie lower between their corners.
        deep = np.isin(near.thing, _HOUSES)[:, None] & (vertices[..., 2] < _BASE)
        vertices[..., 2] -= _DEEP * deep
        uv = near.uv.copy()
        uv[..., 1] -= (_DEEP * deep).astype(np.float32)
        vertices[..., 2] += self.height(vertices[..., :2])
        # The normals of a surface that is sheared along z.
        normals[..., :2] -= normals[..., 2:] * self.slope(vertices[..., :2])
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
        lifted, turned = vertices.astype(np.float32), normals.astype(np.float32)
        return joined([replace(near, vertices=lifted, normals=turned, uv=uv), mesh[far]])


_LYING = tuple(
    NUMBER[name]
    for name in ("road", "lane marking", "zebra crossing", "manhole cover", "pavement", "kerb", "grass")
)
_HOUSES = tuple(NUMBER[name] for name in ("building", "house", "shop"))
_BASE, _DEEP = 0.3, 0.6
"""Corners of houses below the first are taken the second deeper, metres."""
_NEIGHBOURS = ((-0.02, -0.02), (-0.02, 0.02), (0.02, -0.02), (0.02, 0.02))


@njit(cache=True, nogil=True, fastmath=True)
def ground_height(heights, left, bottom, x, y):
    """`Terrain.height` at one place, for shaders; 0 where `heights` has no cell."""
    if heights.shape[0] < 2:
        return 0.0
    u = min(max((x - left) / CELL, 0.0), heights.shape[0] - 1.0)
    v = min(max((y - bottom) / CELL, 0.0), heights.shape[1] - 1.0)
    i, j = min(int(u), heights.shape[0] - 2), min(int(v), heights.shape[1] - 2)
    f, g = u - i, v - j
    here = heights[i, j]
    return (
        here
        + max(f - g, 0.0) * (heights[i + 1, j] - here)
        + max(g - f, 0.0) * (heights[i, j + 1] - here)
        + min(f, g) * (heights[i + 1, j + 1] - here)
    )


@njit(cache=True, nogil=True, fastmath=True)
def _heights(heights, left, bottom, xy):
    """(N,) float64 `ground_height` at places (N, 2)."""
    found = np.empty(len(xy))
    for k in range(len(xy)):
        found[k] = ground_height(heights, left, bottom, xy[k, 0], xy[k, 1])
    return found


@njit(cache=True, nogil=True)
def _stood(heights, left, bottom, x, y, z, cos, sin, front, back, side):
    """(3, 4) rotation and place of what stands on four wheels, `z` over the ground, with a heading.

    It lies in the plane of least squares through where the wheels touch.
    """
    total, along, across = 0.0, 0.0, 0.0
    for wheel in range(4):
        ahead = front if wheel < 2 else -back
        beside = side if wheel & 1 else -side
        h = ground_height(
            heights, left, bottom, x + cos * ahead - sin * beside, y + sin * ahead + cos * beside
        )
        total += h
        along += h if wheel < 2 else -h
        across += h if wheel & 1 else -h
    along /= 2.0 * (front + back)
    across /= 4.0 * side
    below = total / 4.0 - along * (front - back) / 2.0
    placed = np.empty((3, 4))
    placed[:, 0] = np.array([cos, sin, along]) / math.sqrt(1.0 + along * along)
    gx, gy = cos * along - sin * across, sin * along + cos * across
    up = np.array([-gx, -gy, 1.0]) / math.sqrt(1.0 + gx * gx + gy * gy)
    placed[:, 2] = up
    placed[0, 1] = up[1] * placed[2, 0] - up[2] * placed[1, 0]
    placed[1, 1] = up[2] * placed[0, 0] - up[0] * placed[2, 0]
    placed[2, 1] = up[0] * placed[1, 0] - up[1] * placed[0, 0]
    placed[:, 3] = np.array([x, y, below]) + up * z
    return placed


def _waves(
    x: np.ndarray, y: np.ndarray, lengths: tuple[float, float], grade: float, rng: np.random.Generator
) -> np.ndarray:
    """A sum of waves in all directions whose steepest place in the lattice has a gradient of `grade`."""
    heights = np.zeros(x.shape)
    for direction in rng.uniform(0, np.pi) + np.arange(_WAVES) * np.pi / _WAVES:
        length = rng.uniform(*lengths)
        way = np.cos(direction) * x + np.sin(direction) * y
        # As steep one as the other.
        heights += length * np.sin(2 * np.pi * way / length + rng.uniform(0, 2 * np.pi))
    steepest = max(float(np.hypot(*np.gradient(heights, CELL)).max()), 1e-9)
    return heights * (grade / steepest)


def _cut(mesh: Mesh, corner: np.ndarray) -> Mesh:
    """A mesh whose triangles each lie within one triangle of the lattice."""
    corners = np.concatenate([mesh.vertices, mesh.normals, mesh.uv], -1).astype(np.float64)  # (T, 3, 8)
    rest = np.arange(len(mesh))
    for axis in ((1.0, 0.0), (0.0, 1.0), (1.0, -1.0)):
        corners, rest = _cut_along(corners, rest, np.array(axis) / CELL, corner)
    normals = corners[..., 3:6] / (np.linalg.norm(corners[..., 3:6], axis=-1, keepdims=True) + 1e-12)
    return Mesh(
        corners[..., :3].astype(np.float32),
        normals.astype(np.float32),
        corners[..., 6:].astype(np.float32),
        mesh.material[rest],
        mesh.thing[rest],
    )


def _inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(N,) bool, which points (N, 2) lie within an outline (K, 2)."""
    a, b = outline, np.roll(outline, -1, 0)
    x, y = points[:, None, 0], points[:, None, 1]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    inside: np.ndarray = (crosses & (x < at)).sum(1) % 2 == 1
    return inside


def _between(outline: np.ndarray, step: float) -> np.ndarray:
    """(K, 2) points along a closed line, no farther apart than `step`."""
    parts = []
    for a, b in zip(outline, np.roll(outline, -1, 0), strict=True):
        count = int(np.linalg.norm(b - a) / step) + 1
        parts.append(a + (b - a) * (np.arange(count) / count)[:, None])
    return np.concatenate(parts)


@njit(cache=True, nogil=True)
def _clipped(outline, triangles):
    """The parts of an outline (N, 2) within triangles (T, 3, 2), counter-clockwise all of them: their corners
    (T, K, 2), and how many there are (T,). Sutherland and Hodgman, "Reentrant polygon clipping", 1974.
    """
    room = 2 * len(outline) + 8
    result, counts = np.zeros((len(triangles), room, 2)), np.zeros(len(triangles), np.int64)
    now, then = np.empty((room, 2)), np.empty((room, 2))
    for t in range(len(triangles)):
        count = len(outline)
        now[:count] = outline
        for k in range(3):
            start, end = triangles[t, k], triangles[t, (k + 1) % 3]
            wx, wy = end[0] - start[0], end[1] - start[1]
            kept = 0
            for i in range(count):
                a, b = now[i], now[(i + 1) % count]
                here = wx * (a[1] - start[1]) - wy * (a[0] - start[0])
                there = wx * (b[1] - start[1]) - wy * (b[0] - start[0])
                # Of every edge its first corner where that is inside, and where it crosses.
                if here >= 0.0 and kept < room:
                    then[kept] = a
                    kept += 1
                if (here >= 0.0) != (there >= 0.0) and kept < room:
                    then[kept] = a + here / (here - there) * (b - a)
                    kept += 1
            now, then = then, now
            count = kept
        result[t, :count] = now[:count]
        counts[t] = count
    return result, counts


def _pieces(outlines: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Triangles (T, 3, 2) of outlines (P, K, 2) of which `counts` (P,) corners count."""
    fans = []
    hollow = np.zeros(len(outlines), bool)
    for k in range(1, int(counts.max(initial=0)) - 1):
        mine = counts > k + 1
        fan = outlines[:, [0, k, k + 1]]
        sides = fan[:, 1:] - fan[:, :1]
        turn = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
        hollow |= mine & (turn < -1e-9)
        fans.append((mine & (turn > 1e-9), fan))
    parts = [fan[mine & ~hollow] for mine, fan in fans]
    # Not all of these is seen from their first corners.
    for p in np.flatnonzero(hollow):
        parts.append(polygon(outlines[p, : counts[p]], 0.0, 0).vertices[..., :2].astype(np.float64))
    return parts


def _cut_along(
    corners: np.ndarray, rest: np.ndarray, axis: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut triangles (T, 3, 8) along all lines on which a place's way along `axis` is a whole number.

    Returns the pieces, and of each the entry of `rest` of the triangle that it is of.
    """
    done, whose = [corners[:0]], [rest[:0]]
    while len(corners):
        way = (corners[..., :2] - corner) @ axis
        low, high = way.min(1), way.max(1)
        line = np.round((low + high) / 2)
        crossed = (line > low + _EPS) & (line < high - _EPS)
        done.append(corners[~crossed])
        whose.append(rest[~crossed])
        corners, rest = _halved(corners[crossed], rest[crossed], way[crossed] - line[crossed][:, None])
    return np.concatenate(done), np.concatenate(whose)


def _halved(corners: np.ndarray, rest: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles cut along a line each: three pieces, those without an area left out; `way` is signed."""
    # The corner that is alone on its side, in turn first; one on the line counts as below it.
    above = way > 0
    alone = np.where(above.sum(1) == 1, above.argmax(1), (~above).argmax(1))
    turn = (alone[:, None] + np.arange(3)) % 3
    a, b, c = np.moveaxis(np.take_along_axis(corners, turn[..., None], 1), 1, 0)
    wa, wb, wc = np.moveaxis(np.take_along_axis(way, turn, 1), 1, 0)
    p = a + (wa / (wa - wb))[:, None] * (b - a)
    q = a + (wa / (wa - wc))[:, None] * (c - a)
    pieces = np.concatenate([np.stack([a, p, q], 1), np.stack([p, b, c], 1), np.stack([p, c, q], 1)])
    sides = pieces[:, 1:, :3] - pieces[:, :1, :3]
    kept = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) > 1e-9
    return pieces[kept], np.tile(rest, 3)[kept]
