"""Motorcycles and bicycles, with or without riders; frames as in `vehicle.py`."""

from __future__ import annotations

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, ball, box, grid, joined, tube
from .pedestrian import rider


def _ring(x: float, radius: float, thickness: float, material: int) -> Mesh:
    """A tyre in the xz plane standing on the ground."""
    around = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    across = np.linspace(0, 2 * np.pi, 5, endpoint=False)
    reach = radius - thickness + thickness * np.cos(across)[:, None]
    points = [
        x + reach * np.cos(around),
        np.broadcast_to(thickness * np.sin(across)[:, None], (5, 18)),
        radius + reach * np.sin(around),
    ]
    ring = np.stack(points, -1)
    return grid(np.concatenate([ring, ring[:1]]), material, closed=True)


def _spokes(x: float, radius: float, material: int) -> list[Mesh]:
    return [
        tube(
            (x, 0, radius),
            (x + 0.9 * radius * np.cos(a), 0, radius + 0.9 * radius * np.sin(a)),
            0.006,
            material,
            sides=3,
        )
        for a in np.linspace(0, 2 * np.pi, 9)[:-1]
    ]


def bicycle(rng: np.random.Generator, palette: Palette, ridden: bool) -> Mesh:
    """A bicycle."""
    tyre = palette.add(m.RUBBER, (0.05, 0.05, 0.05))
    frame = palette.add(m.PAINT, tuple(rng.uniform(0.05, 0.8, 3)), 0.0)
    metal = palette.add(m.METAL, (0.5, 0.5, 0.5))
    parts = []
    for x in (-0.53, 0.53):
        parts += [_ring(x, 0.34, 0.022, tyre), *_spokes(x, 0.34, metal)]
    joints = {
        "rear": (-0.53, 0, 0.34),
        "front": (0.53, 0, 0.34),
        "seat": (-0.18, 0, 0.82),
        "crank": (-0.05, 0, 0.32),
    }
    joints |= {"head": (0.38, 0, 0.86), "bar": (0.34, 0, 1.02)}
    for a, b in (
        ("rear", "crank"),
        ("rear", "seat"),
        ("seat", "crank"),
        ("crank", "head"),
        ("seat", "head"),
        ("head", "front"),
        ("head", "bar"),
    ):
        parts.append(tube(joints[a], joints[b], 0.022, frame, sides=5))
    parts.append(tube((0.34, -0.28, 1.02), (0.34, 0.28, 1.02), 0.017, metal, sides=5))
    parts.append(box((-0.32, -0.08, 0.86), (-0.05, 0.08, 0.93), tyre))
    if ridden:
        parts.append(
            rider(rng, palette, hip=(-0.16, 0.98), hands=(0.34, 1.04), feet=(-0.02, 0.22), spread=0.10)
        )
    return joined(parts).named("cyclist" if ridden else "bicycle")


def motorcycle(rng: np.random.Generator, palette: Palette, ridden: bool) -> Mesh:
    """A motorcycle or scooter."""
    tyre = palette.add(m.RUBBER, (0.05, 0.05, 0.05))
    paint = palette.add(m.PAINT, tuple(rng.uniform(0.02, 0.75, 3)), 0.0)
    metal = palette.add(m.METAL, (0.45, 0.45, 0.46))
    lamp = palette.add(m.LAMP, (0.9, 0.92, 0.95), 0.35)
    red = palette.add(m.LAMP, (0.6, 0.03, 0.03), 0.12)
    parts = []
    for x in (-0.70, 0.70):
        parts += [_ring(x, 0.31, 0.065, tyre), tube((x, -0.03, 0.31), (x, 0.03, 0.31), 0.17, metal, sides=10)]
    parts += [
        ball((0.12, 0, 0.80), (0.36, 0.17, 0.17), paint), ball((-0.02, 0, 0.48), (0.34, 0.15, 0.22), metal),
        ball((-0.42, 0, 0.79), (0.42, 0.14, 0.09), tyre), ball((0.55, 0, 0.90), (0.16, 0.15, 0.18), paint),
        ball((-0.80, 0, 0.74), (0.16, 0.09, 0.08), paint), ball((0.70, 0, 0.90), (0.05, 0.10, 0.09), lamp),
        ball((-0.94, 0, 0.74), (0.03, 0.07, 0.05), red),
        tube((0.70, 0.09, 0.31), (0.48, 0.09, 1.0), 0.03, metal, sides=6),
        tube((0.70, -0.09, 0.31), (0.48, -0.09, 1.0), 0.03, metal, sides=6),
        tube((0.42, -0.36, 1.06), (0.42, 0.36, 1.06), 0.02, metal, sides=6),
        tube((-0.1, -0.16, 0.36), (-0.85, -0.18, 0.42), 0.05, metal, sides=6),
        tube((-0.70, 0.07, 0.31), (0.0, 0.08, 0.42), 0.03, metal, sides=5),
    ]  # fmt: skip
    if ridden:
        parts.append(
            rider(
                rng,
                palette,
                hip=(-0.30, 0.92),
                hands=(0.42, 1.08),
                feet=(-0.02, 0.34),
                spread=0.16,
                helmet=True,
            )
        )
    whole = joined(parts).scaled(rng.uniform(0.95, 1.08, 3))
    return whole.named("motorcyclist" if ridden else "motorcycle")
