"""Triangle meshes and the solids that the world is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import Pose
from .things import NUMBER


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles, each with its own three corners.

    Attributes:
        vertices: (T, 3, 3) float32, metres.
        normals: (T, 3, 3) float32, unit shading normals at the corners.
        uv: (T, 3, 2) float32, texture coordinates in metres.
        material: (T,) int32, index into `Materials`.
        thing: (T,) uint8, number in `things.THINGS` of what each is part of, 0 where nobody has said.
    """

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    thing: np.ndarray

    def __len__(self) -> int:
        return len(self.vertices)

    def __getitem__(self, index: np.ndarray) -> Mesh:
        """The triangles of an index (K,) or a mask (T,)."""
        return Mesh(
            self.vertices[index], self.normals[index], self.uv[index], self.material[index], self.thing[index]
        )

    def named(self, name: str) -> Mesh:
        """The mesh as a thing of the kind that `things.THINGS` calls so."""
        return replace(self, thing=np.full(len(self), NUMBER[name], np.uint8))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest corner, (3,) float32 each, metres."""
        return self.vertices.min((0, 1)), self.vertices.max((0, 1))

    def moved(self, pose: Pose) -> Mesh:
        """The mesh taken from its own frame to the pose's parent frame."""
        rotation = pose.rotation.astype(np.float32)
        vertices = self.vertices @ rotation.T + pose.translation.astype(np.float32)
        return replace(self, vertices=vertices, normals=self.normals @ rotation.T)

    def scaled(self, factors: ArrayLike) -> Mesh:
        """The mesh stretched along its axes; normals stay right for small differences between factors."""
        by = np.asarray(factors, np.float32)
        normals = self.normals / by
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
        return replace(self, vertices=self.vertices * by, normals=normals)

    def shifted(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """The mesh moved by metres along its axes."""
        return replace(self, vertices=self.vertices + np.array([x, y, z], np.float32))


def joined(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of several; of none, a mesh of no triangles."""
    meshes = list(meshes)
    if not meshes:
        empty = np.zeros((0, 3, 3), np.float32)
        return Mesh(
            empty, empty, np.zeros((0, 3, 2), np.float32), np.zeros(0, np.int32), np.zeros(0, np.uint8)
        )
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
        np.concatenate([m.material for m in meshes]),
        np.concatenate([m.thing for m in meshes]),
    )


def soup(vertices: np.ndarray, material: int | np.ndarray, normals=None, uv=None) -> Mesh:
    """A mesh of loose triangles (T, 3, 3); flat normals and uv of world x and y unless given."""
    vertices = np.ascontiguousarray(vertices, np.float32)
    if normals is None:
        flat = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
        flat /= np.linalg.norm(flat, axis=-1, keepdims=True) + 1e-12
        normals = np.repeat(flat[:, None], 3, axis=1)
    if uv is None:
        uv = vertices[..., :2]
    material = np.broadcast_to(np.asarray(material, np.int32), len(vertices))
    nothing = np.zeros(len(vertices), np.uint8)
    return Mesh(
        vertices, np.asarray(normals, np.float32), np.asarray(uv, np.float32), material.copy(), nothing
    )


def quads(corners: ArrayLike, material: int | np.ndarray, normals=None, uv=None) -> Mesh:
    """Quadrilaterals (Q, 4, 3), corners in turn; uv runs in metres along the first and the last edge."""
    corners = np.asarray(corners, np.float32).reshape(-1, 4, 3)
    if uv is None:
        along = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1)
        up = np.linalg.norm(corners[:, 3] - corners[:, 0], axis=-1)
        zero = np.zeros_like(along)
        uv = np.stack([np.stack(p, -1) for p in ((zero, zero), (along, zero), (along, up), (zero, up))], 1)
    split = np.array([[0, 1, 2], [0, 2, 3]])
    material = np.repeat(np.broadcast_to(np.asarray(material, np.int32), len(corners)), 2)
    if normals is not None:
        normals = np.asarray(normals, np.float32).reshape(-1, 4, 3)[:, split].reshape(-1, 3, 3)
    uv = np.asarray(uv, np.float32).reshape(-1, 4, 2)
    return soup(corners[:, split].reshape(-1, 3, 3), material, normals, uv[:, split].reshape(-1, 3, 2))


def grid(points: ArrayLike, material: int | np.ndarray, smooth: bool = True, closed: bool = False) -> Mesh:
    """The surface through a lattice of points (S, K, 3): a loft, a tube, a sphere.

    Args:
        points: sections along the first axis.
        material: one index, or (S - 1, K - 1) of them (K with `closed`).
        smooth: whether normals are averaged over neighbouring faces.
        closed: whether each section returns to its first point.
    """
    lattice = np.asarray(points, np.float64)
    if closed:
        lattice = np.concatenate([lattice, lattice[:, :1]], 1)
    corners = np.stack([lattice[:-1, :-1], lattice[1:, :-1], lattice[1:, 1:], lattice[:-1, 1:]], 2)
    normals = None
    if smooth:
        face = np.cross(corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1])
        face /= np.linalg.norm(face, axis=-1, keepdims=True) + 1e-9
        total = np.zeros_like(lattice)
        for i in (0, 1):
            for j in (0, 1):
                total[i : i + face.shape[0], j : j + face.shape[1]] += face
        if closed:
            total[:, 0] += total[:, -1]
            total[:, -1] = total[:, 0]
        total /= np.linalg.norm(total, axis=-1, keepdims=True) + 1e-9
        normals = np.stack([total[:-1, :-1], total[1:, :-1], total[1:, 1:], total[:-1, 1:]], 2)
    if isinstance(material, np.ndarray):
        material = material.reshape(-1)
    return quads(corners.reshape(-1, 4, 3), material, normals)


def box(low: Sequence[float], high: Sequence[float], material: int) -> Mesh:
    """An axis-aligned box between two corners, without a bottom when it stands on the ground."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    v = np.array([[x, y, z] for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])
    faces = [[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7], [4, 5, 6, 7]]
    if z0 > 0.02:
        faces.append([3, 2, 1, 0])
    return quads(v[faces], material)


def tube(start, end, radius: float, material: int, radius_end: float | None = None, sides: int = 8) -> Mesh:
    """A cylinder or cone between two points, closed at its end."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = end - start
    axis /= np.linalg.norm(axis)
    side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.outer(np.cos(angle), side) + np.outer(np.sin(angle), up)
    tip = radius if radius_end is None else radius_end
    body = grid(np.stack([start + radius * ring, end + tip * ring]), material, closed=True)
    if tip < 0.01:
        return body
    last = end + tip * ring
    cap = np.stack([np.broadcast_to(end, last.shape), last, np.roll(last, -1, 0)], 1)
    return joined([body, soup(cap, material)])


def wheel(center, radius: float, width: float, tyre: int, rim: int, sides: int = 16) -> Mesh:
    """A wheel whose axle is the y axis, its rim seen from both sides."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angle), np.zeros(sides), np.sin(angle)], -1)
    rows = [(0.0, -0.42), (0.62, -0.5), (0.66, -0.5), (0.94, -0.5), (1.0, -0.38)]
    rows += [(r, -w) for r, w in reversed(rows)]
    points = np.array([np.array(center) + radius * r * ring + [0, width * w, 0] for r, w in rows])
    material = np.full((len(rows) - 1, sides), tyre)
    material[0] = material[-1] = rim
    return grid(points, material, smooth=False, closed=True)


def ball(center, radii, material: int, rings: int = 6, sides: int = 10) -> Mesh:
    """An ellipsoid."""
    polar = np.linspace(0, np.pi, rings + 1)[:, None]
    around = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None]
    flat = np.ones_like(around)
    unit = np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) * flat], -1
    )
    return grid(np.asarray(center) + unit * np.asarray(radii), material, closed=True)


def polygon(outline: np.ndarray, z: float, material: int) -> Mesh:
    """A flat polygon without holes, (N, 2) counter-clockwise, at height z: ears are cut one by one."""
    outline = np.asarray(outline, np.float64)
    order = list(range(len(outline)))
    triangles = []

    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    while len(order) > 3:
        for k in range(len(order)):
            i, j, l = order[k - 1], order[k], order[(k + 1) % len(order)]  # noqa: E741
            a, b, c = outline[i], outline[j], outline[l]
            if turn(a, b, c) <= 0:
                continue
            rest = outline[[m for m in order if m not in (i, j, l)]].T
            inside = (turn(a, b, rest) >= 0) & (turn(b, c, rest) >= 0) & (turn(c, a, rest) >= 0)
            if not inside.any():
                triangles.append((i, j, l))
                del order[k]
                break
        else:
            break
    triangles.append((order[0], order[1], order[2]))
    corners = outline[np.array(triangles)]
    return soup(np.concatenate([corners, np.full((*corners.shape[:2], 1), z)], -1), material)


def walls(outline: np.ndarray, z0: float, z1: float, material: int) -> Mesh:
    """Vertical faces along a closed outline (N, 2), counter-clockwise, uv in metres along and up."""
    outline = np.asarray(outline, np.float64)
    after = np.roll(outline, -1, 0)
    low, high = np.full((len(outline), 1), z0), np.full((len(outline), 1), z1)
    corners = [
        np.hstack([outline, low]),
        np.hstack([after, low]),
        np.hstack([after, high]),
        np.hstack([outline, high]),
    ]
    return quads(np.stack(corners, 1), material)
