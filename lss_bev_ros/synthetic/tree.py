"""Trees and hedges: a trunk, branches, and leaves as many small turned faces."""

from __future__ import annotations

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, ball, joined, soup, tube


def _leaves(
    centers: np.ndarray, size: float, toward: np.ndarray, rng: np.random.Generator, material: int
) -> Mesh:
    """Ragged leaves of two triangles each at centres (N, 3), shaded as parts of a round crown."""
    count = len(centers)
    axes = rng.normal(size=(count, 2, 3))
    a = axes[:, 0] / np.linalg.norm(axes[:, 0], axis=1, keepdims=True)
    b = np.cross(a, axes[:, 1])
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    scale = size * rng.uniform(0.6, 1.3, (count, 1))
    p = [centers + scale * v for v in (a, 0.55 * b - 0.2 * a, -a, -0.5 * b + 0.1 * a)]
    vertices = np.stack([np.stack([p[0], p[1], p[2]], 1), np.stack([p[0], p[2], p[3]], 1)], 1).reshape(
        -1, 3, 3
    )
    normals = toward + rng.normal(size=toward.shape) * 0.35
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return soup(vertices, material, np.repeat(np.repeat(normals, 2, 0)[:, None], 3, 1))


def tree(rng: np.random.Generator, palette: Palette, detail: int) -> Mesh:
    """One tree, its foot at the origin, with few large (`detail` 0) to many small (2) leaves."""
    fine = detail > 0
    height = rng.uniform(5.5, 10.5)
    trunk = height * rng.uniform(0.26, 0.36)
    radius = height * rng.uniform(0.22, 0.34)
    hue = rng.choice([0.0, 0.0, 0.0, 1.0])
    green = (0.26 + 0.1 * rng.random() + 0.12 * hue, 0.36 + 0.1 * rng.random(), 0.12 + 0.08 * rng.random())
    leaf = palette.add(m.FOLIAGE, green)
    bark = palette.add(m.BARK, (0.36, 0.30, 0.24))
    thick = 0.018 * height
    top = np.array([rng.normal(0, 0.2), rng.normal(0, 0.2), height * 0.75])
    parts = [
        tube((0, 0, 0), (0, 0, trunk), thick * 1.5, bark, thick),
        tube((0, 0, trunk), top, thick, bark, thick * 0.3, 6),
    ]
    # The crown is a handful of overlapping clumps around a middle.
    middle = np.array([0, 0, (trunk + height) / 2])
    clumps = []
    for k in range(9 if fine else 6):
        angle, lift = rng.uniform(0, 6.28), rng.uniform(-0.9, 0.9)
        reach = radius * rng.uniform(0.35, 0.75) * np.sqrt(1 - (lift * 0.8) ** 2)
        at = middle + np.array([reach * np.cos(angle), reach * np.sin(angle), lift * (height - trunk) * 0.36])
        clumps.append((at, radius * rng.uniform(0.40, 0.58)))
        if fine and k < 5:
            parts.append(tube((0, 0, trunk * rng.uniform(0.85, 1.3)), at, thick * 0.5, bark, thick * 0.15, 5))
    clumps.append((middle, radius * 0.7))
    each, size_of_leaf = ((9, 0.85), (60, 0.38), (210, 0.20))[detail]
    for at, size in clumps:
        direction = rng.normal(size=(each, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        shell = rng.uniform(0.55, 1.0, (each, 1)) ** 0.5
        centers = at + direction * shell * size * [1, 1, 0.85]
        outward = centers - middle + [0, 0, 0.3 * radius]
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        parts.append(_leaves(centers, size_of_leaf, 0.6 * outward + 0.4 * direction, rng, leaf))
        if fine:
            parts.append(ball(at, np.array([1, 1, 0.85]) * size * 0.55, leaf, 4, 6))
    if not fine:
        parts.append(ball(middle, (radius * 0.75, radius * 0.75, (height - trunk) * 0.38), leaf, 5, 8))
    return joined(parts).named("tree")


def hedge(length: float, rng: np.random.Generator, palette: Palette) -> Mesh:
    """A clipped hedge along x, its middle at the origin."""
    leaf = palette.add(m.FOLIAGE, (0.20 + 0.08 * rng.random(), 0.32, 0.12))
    half, height = 0.4, rng.uniform(0.7, 1.3)
    count = int(length * 70)
    p = rng.uniform([-length / 2, -half, 0.05], [length / 2, half, height], (count, 3))
    side = rng.integers(0, 3, count)
    p[side == 0, 1] = half * rng.choice([-1, 1], (side == 0).sum())
    p[side == 1, 2] = height
    outward = np.stack(
        [np.zeros(count), np.where(side == 0, np.sign(p[:, 1]), 0), np.where(side == 1, 1.0, 0.3)], -1
    )
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    core = ball((0, 0, height * 0.45), (length / 2, half, height * 0.5), leaf, 5, 10)
    return joined([_leaves(p, 0.16, outward, rng, leaf), core]).named("hedge")
