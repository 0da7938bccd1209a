"""People: limbs of tapered tubes; frames have x forward and their origin on the ground between the feet."""

from __future__ import annotations

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, ball, joined, tube

SKIN = ((0.85, 0.66, 0.54), (0.72, 0.52, 0.40), (0.50, 0.34, 0.25), (0.33, 0.22, 0.17))
GAIT = 8
"""Postures in one stride of two steps."""


def _clothes(rng: np.random.Generator, palette: Palette) -> tuple[int, int, int, int, int]:
    skin = palette.add(m.CLOTH, SKIN[rng.integers(len(SKIN))])
    shirt = palette.add(m.CLOTH, tuple(rng.choice([0.1, 0.25, 0.5, 0.8]) * rng.uniform(0.4, 1.0, 3) + 0.05))
    dark = rng.uniform(0.08, 0.35)
    trousers = palette.add(m.CLOTH, (dark, dark, dark * rng.uniform(1.0, 1.5)))
    hair = palette.add(m.CLOTH, tuple(rng.choice([0.06, 0.12, 0.3]) * np.array([1.0, 0.8, 0.6])))
    shoe = palette.add(m.RUBBER, (0.10, 0.09, 0.08))
    return skin, shirt, trousers, hair, shoe


def _limb(points, radii, material: int) -> list[Mesh]:
    parts = []
    for a, b, r0, r1 in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        parts.append(tube(a, b, r0, material, r1, sides=7))
    return parts


def walker(
    rng: np.random.Generator, palette: Palette, child: bool = False, worker: bool = False
) -> list[Mesh]:
    """A person in `GAIT` postures of a stride (index 0 and GAIT / 2 are nearly standing)."""
    skin, shirt, trousers, hair, shoe = _clothes(rng, palette)
    if worker:
        shirt = palette.add(m.CLOTH, (0.95, 0.45, 0.08))
        hair = palette.add(m.PAINT, (0.92, 0.80, 0.12), 0.0)
    height = rng.uniform(1.05, 1.40) if child else rng.uniform(1.58, 1.88)
    girth = rng.uniform(0.9, 1.2)
    bag = rng.random() < 0.3 and not worker
    strap = palette.add(m.CLOTH, tuple(rng.uniform(0.05, 0.4, 3)))
    name = "construction worker" if worker else "child" if child else "adult"
    postures = []
    for step in range(GAIT):
        phase = 2 * np.pi * step / GAIT
        parts = []
        for side in (-1, 1):
            swing = 0.45 * np.sin(phase) * side
            bend = 0.5 * max(0.0, np.cos(phase) * side)
            hip = np.array([0.0, side * 0.09, 0.92])
            knee = hip + 0.44 * np.array([np.sin(swing + bend * 0.5), 0, -np.cos(swing + bend * 0.5)])
            ankle = knee + 0.42 * np.array([np.sin(swing - bend), 0, -np.cos(swing - bend)])
            parts += _limb([hip, knee, ankle], [0.088 * girth, 0.06, 0.045], trousers)
            parts.append(ball(ankle + np.array([0.06, 0, -0.03]), (0.13, 0.05, 0.045), shoe, 4, 6))
            arm = -0.4 * np.sin(phase) * side
            shoulder = np.array([0.0, side * 0.20 * girth, 1.42])
            elbow = shoulder + 0.28 * np.array([np.sin(arm), side * 0.12, -np.cos(arm)])
            hand = elbow + 0.26 * np.array([np.sin(arm + 0.35), 0, -np.cos(arm + 0.35)])
            parts += _limb([shoulder, elbow], [0.055, 0.042], shirt) + _limb(
                [elbow, hand], [0.042, 0.03], skin
            )
        parts.append(ball((0, 0, 1.20), (0.115 * girth, 0.18 * girth, 0.32), shirt, 7, 10))
        parts.append(ball((0, 0, 0.95), (0.11 * girth, 0.155 * girth, 0.13), trousers, 5, 10))
        parts.append(tube((0, 0, 1.44), (0.01, 0, 1.54), 0.05, skin, sides=7))
        parts.append(ball((0.015, 0, 1.63), (0.095, 0.078, 0.12), skin, 6, 9))
        parts.append(ball((-0.015, 0, 1.665), (0.098, 0.086, 0.105), hair, 6, 9))
        if bag:
            parts.append(ball((-0.17, 0, 1.25), (0.10, 0.15, 0.22), strap, 5, 8))
        body = joined(parts)
        low = float(body.vertices[..., 2].min())
        postures.append(body.shifted(z=-low).scaled([height / 1.76] * 3).named(name))
    return postures


def rider(rng, palette: Palette, hip, hands, feet, spread: float, helmet: bool = False) -> Mesh:
    """A person who sits on a two-wheeler; `hip`, `hands`, `feet` are x and z in its frame."""
    skin, shirt, trousers, hair, shoe = _clothes(rng, palette)
    if helmet or rng.random() < 0.5:
        hair = palette.add(m.PAINT, tuple(rng.uniform(0.05, 0.9, 3)), 0.0)
    seat = np.array([hip[0], 0.0, hip[1]])
    chest = seat + np.array([0.18, 0, 0.46])
    parts = [
        tube(seat, chest, 0.15, shirt, 0.17, sides=9),
        ball(chest, (0.13, 0.19, 0.12), shirt),
        ball(seat, (0.15, 0.17, 0.12), trousers),
    ]
    head = chest + np.array([0.10, 0, 0.30])
    parts += [
        ball(head, (0.09, 0.078, 0.12), skin),
        ball(head + np.array([-0.01, 0, 0.04]), (0.115, 0.10, 0.11), hair),
    ]
    for side in (-1, 1):
        foot = np.array([feet[0], side * spread, feet[1]])
        hip_joint = seat + np.array([0, side * 0.09, 0])
        knee = (hip_joint + foot) / 2 + [0.24, side * 0.02, 0.08]
        parts += _limb([hip_joint, knee, foot], [0.09, 0.065, 0.045], trousers)
        parts.append(ball(foot + np.array([0.06, 0, -0.02]), (0.12, 0.05, 0.045), shoe, 4, 6))
        shoulder, hand = chest + np.array([0, side * 0.19, 0.04]), np.array([hands[0], side * 0.27, hands[1]])
        elbow = (shoulder + hand) / 2 + [0, side * 0.05, -0.08]
        parts += _limb([shoulder, elbow, hand], [0.055, 0.045, 0.035], shirt)
    return joined(parts)
