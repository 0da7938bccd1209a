"""Street furniture; every piece stands with its foot at the origin, its front along x."""

from __future__ import annotations

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, ball, box, joined, quads, tube


def lamp_post(palette: Palette) -> Mesh:
    """A street lamp whose arm reaches out along x."""
    steel = palette.add(m.METAL, (0.46, 0.47, 0.48))
    glow = palette.add(m.LAMP, (0.85, 0.85, 0.80), 0.1)
    parts = [tube((0, 0, 0), (0, 0, 0.9), 0.11, steel), tube((0, 0, 0.9), (0, 0, 8.2), 0.075, steel, 0.05)]
    parts += [
        tube((0, 0, 8.2), (1.9, 0, 8.6), 0.04, steel, sides=6),
        box((1.6, -0.14, 8.52), (2.3, 0.14, 8.66), steel),
    ]
    parts.append(box((1.7, -0.1, 8.49), (2.2, 0.1, 8.52), glow))
    return joined(parts).named("street lamp")


LAMP_HEAD = (1.95, 0.0, 8.4)
"""Where a street lamp's light comes from, its own frame, metres."""


def signal(palette: Palette, axis: int, junction: int) -> Mesh:
    """A traffic light on a pole; its lamps face x. The world lights them by (junction, axis)."""
    steel = palette.add(m.METAL, (0.16, 0.17, 0.17))
    parts = [tube((0, 0, 0), (0, 0, 3.4), 0.07, steel), box((-0.06, -0.17, 2.45), (0.12, 0.17, 3.45), steel)]
    for k, colour in enumerate(((0.85, 0.05, 0.04), (0.95, 0.55, 0.05), (0.05, 0.80, 0.35))):
        lamp = palette.add(m.LAMP, colour, 1.0, 1.0 + junction, axis, k)
        z = 3.28 - 0.32 * k
        parts.append(ball((0.12, 0, z), (0.03, 0.105, 0.105), lamp, 5, 10))
    return joined(parts).named("traffic light")


def road_sign(rng: np.random.Generator, palette: Palette) -> Mesh:
    """A traffic sign on a pole, facing x."""
    steel = palette.add(m.METAL, (0.50, 0.50, 0.50))
    face, kind = [
        ((0.75, 0.06, 0.07), 2.0),
        ((0.08, 0.22, 0.62), 3.0),
        ((0.90, 0.72, 0.10), 4.0),
        ((0.85, 0.85, 0.85), 5.0),
    ][rng.integers(4)]
    sign = palette.add(m.SIGN, face, kind)
    angle = np.linspace(0, 2 * np.pi, 17)[:-1] if kind < 4 else np.array([0.785, 2.356, 3.927, 5.498])
    z, r = rng.uniform(2.1, 2.5), rng.uniform(0.3, 0.4)
    ring = np.stack([np.full(len(angle), 0.06), r * np.cos(angle), z + r * np.sin(angle)], -1)
    uv = np.stack([np.cos(angle), np.sin(angle)], -1)
    corners = np.stack(
        [np.array([[0.06, 0, z]] * len(angle)), ring, np.roll(ring, -1, 0), np.roll(ring, -1, 0)], 1
    )
    around = np.stack([np.zeros_like(uv), uv, np.roll(uv, -1, 0), np.roll(uv, -1, 0)], 1)
    back = palette.add(m.METAL, (0.42, 0.42, 0.43))
    behind = corners - np.array([0.012, 0, 0])
    return joined(
        [
            tube((0, 0, 0), (0, 0, z + r), 0.035, steel, sides=6),
            quads(corners, sign, uv=around),
            quads(behind, back),
        ]
    ).named("road sign")


def bin_(palette: Palette) -> Mesh:
    """A litter bin."""
    green = palette.add(m.PAINT, (0.12, 0.22, 0.16), 0.0)
    dark = palette.add(m.RUBBER, (0.05, 0.05, 0.05))
    return joined(
        [
            tube((0, 0, 0), (0, 0, 0.9), 0.26, green, sides=12),
            tube((0, 0, 0.9), (0, 0, 1.02), 0.29, dark, 0.2, 12),
        ]
    ).named("litter bin")


def bench(palette: Palette) -> Mesh:
    """A bench along y that looks along x."""
    wood = palette.add(m.BARK, (0.46, 0.32, 0.20))
    iron = palette.add(m.METAL, (0.12, 0.12, 0.12))
    parts = [box((x, -0.8, 0.44), (x + 0.11, 0.8, 0.48), wood) for x in (-0.2, -0.06, 0.08)]
    parts += [box((-0.28, -0.8, z), (-0.24, 0.8, z + 0.11), wood) for z in (0.58, 0.74)]
    parts += [box((-0.26, y, 0.0), (0.18, y + 0.06, 0.46), iron) for y in (-0.7, 0.64)]
    return joined(parts).named("bench")


def hydrant(palette: Palette) -> Mesh:
    """A fire hydrant."""
    red = palette.add(m.PAINT, (0.68, 0.08, 0.06), 0.0)
    parts = [tube((0, 0, 0), (0, 0, 0.62), 0.12, red, sides=10), ball((0, 0, 0.62), (0.13, 0.13, 0.12), red)]
    return joined([*parts, tube((0, -0.2, 0.45), (0, 0.2, 0.45), 0.06, red)]).named("fire hydrant")


def bollard(palette: Palette) -> Mesh:
    """A bollard."""
    steel = palette.add(m.METAL, (0.20, 0.20, 0.21))
    band = palette.add(m.SIGN, (0.85, 0.85, 0.82), 1.0)
    return joined(
        [tube((0, 0, 0), (0, 0, 0.95), 0.065, steel), tube((0, 0, 0.76), (0, 0, 0.86), 0.068, band)]
    ).named("bollard")


def shelter(palette: Palette, rng: np.random.Generator) -> Mesh:
    """A bus shelter that opens along x."""
    steel = palette.add(m.METAL, (0.30, 0.31, 0.33))
    glass = palette.add(m.GLASS, (0.25, 0.30, 0.31))
    poster = palette.add(m.SIGN, tuple(rng.uniform(0.1, 0.8, 3)), 6.0)
    parts = [
        box((-0.9, -2.0, 2.35), (0.6, 2.0, 2.45), steel),
        box((-0.8, -1.9, 0.25), (-0.77, 1.9, 2.2), glass),
    ]
    parts += [tube((x, y, 0), (x, y, 2.35), 0.05, steel, sides=6) for x in (-0.78, 0.45) for y in (-1.9, 1.9)]
    parts.append(quads([[0.4, 1.92, 0.4], [-0.7, 1.92, 0.4], [-0.7, 1.92, 2.1], [0.4, 1.92, 2.1]], poster))
    parts.append(box((-0.7, -1.4, 0.42), (-0.35, 1.2, 0.48), steel))
    return joined(parts).named("bus shelter")


def cone(palette: Palette) -> Mesh:
    """A traffic cone."""
    orange = palette.add(m.SIGN, (0.92, 0.30, 0.05), 1.0)
    white = palette.add(m.SIGN, (0.88, 0.88, 0.86), 1.0)
    black = palette.add(m.RUBBER, (0.07, 0.07, 0.07))
    parts = [box((-0.19, -0.19, 0), (0.19, 0.19, 0.05), black)]
    for z0, z1, r0, r1, stuff in (
        (0.05, 0.3, 0.14, 0.105, orange),
        (0.3, 0.45, 0.105, 0.08, white),
        (0.45, 0.72, 0.08, 0.035, orange),
    ):
        parts.append(tube((0, 0, z0), (0, 0, z1), r0, stuff, r1, 12))
    return joined(parts).named("traffic cone")


def barrier(palette: Palette, concrete: bool) -> Mesh:
    """A road barrier whose long side lies along y (nuScenes' boxes have their width there)."""
    stuff = (
        palette.add(m.PLAIN, (0.62, 0.61, 0.58))
        if concrete
        else palette.add(m.CHECKER, (0.80, 0.16, 0.08), 0.5)
    )
    profile = [(0.30, 0.0), (0.28, 0.12), (0.12, 0.38), (0.09, 0.92)]
    xs = [x for x, _ in profile] + [-x for x, _ in reversed(profile)]
    zs = [z for _, z in profile] + [z for _, z in reversed(profile)]
    parts = []
    for k in range(len(xs) - 1):
        a, b = (xs[k], zs[k]), (xs[k + 1], zs[k + 1])
        parts.append(
            quads([[a[0], -0.95, a[1]], [a[0], 0.95, a[1]], [b[0], 0.95, b[1]], [b[0], -0.95, b[1]]], stuff)
        )
    for y in (-0.95, 0.95):
        ring = np.array([[x, y, z] for x, z in zip(xs, zs, strict=True)])
        half = len(ring) // 2
        parts.append(
            quads([[ring[k], ring[k + 1], ring[-k - 2], ring[-k - 1]] for k in range(half - 1)], stuff)
        )
    return joined(parts).named("barrier")
