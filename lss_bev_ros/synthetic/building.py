"""Buildings along the streets of a block."""

from __future__ import annotations

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, box, joined, polygon, quads, walls
from .models import Houses
from .road import Plan

STYLES = ("plaster", "brick", "concrete", "glass", "house")
WALLS = {
    "plaster": (
        (0.82, 0.77, 0.68),
        (0.78, 0.70, 0.58),
        (0.74, 0.74, 0.72),
        (0.70, 0.58, 0.46),
        (0.66, 0.70, 0.72),
    ),
    "brick": ((0.52, 0.30, 0.23), (0.60, 0.38, 0.28), (0.46, 0.33, 0.27), (0.62, 0.47, 0.36)),
    "concrete": ((0.62, 0.61, 0.58), (0.55, 0.55, 0.54), (0.70, 0.68, 0.64)),
    "glass": ((0.30, 0.36, 0.40), (0.24, 0.30, 0.36), (0.38, 0.42, 0.42)),
    "house": ((0.84, 0.82, 0.76), (0.78, 0.72, 0.60), (0.60, 0.40, 0.32), (0.72, 0.74, 0.70)),
}
GROUND = 0.15
"""Lots lie this high, metres."""


def build_block(
    plan: Plan,
    extent,
    pavement: float,
    rng: np.random.Generator,
    palette: Palette,
    tall: float,
    houses: Houses | None = None,
) -> tuple[Mesh, list[np.ndarray]]:
    """The buildings of one block.

    Args:
        plan: the streets.
        extent: s0, s1, t0, t1 of the block's kerbs, street coordinates.
        pavement: width of the pavement, metres.
        rng: draws everything.
        palette: takes the materials.
        tall: 0 for a suburb to 1 for downtown.
        houses: puts others than drawn ones onto some lots.

    Returns:
        mesh: world.
        outlines: the buildings' corners, (4, 2) each, world.
    """
    s0, s1, t0, t1 = extent
    if tall < 0.3:
        style, setback, depth = "house", rng.uniform(4, 7), rng.uniform(8, 11)
    else:
        style = STYLES[rng.choice(4, p=[0.4, 0.3, 0.15, 0.15] if tall < 0.7 else [0.2, 0.15, 0.3, 0.35])]
        setback, depth = rng.choice([0.05, 0.05, 2.0, 3.5]), rng.uniform(11, 16)
    inset = pavement + setback
    s0, s1, t0, t1 = s0 + inset, s1 - inset, t0 + inset, t1 - inset
    depth = min(depth, (t1 - t0) / 2 - 1.0)
    if depth < 5 or s1 - s0 < 12:
        return joined([]), []
    lots = []
    for low, high in ((t0, t0 + depth), (t1 - depth, t1)):
        lots += [(a, b, low, high) for a, b in _cuts(s0, s1, rng, style)]
    if t1 - t0 - 2 * depth > 14:
        for low, high in ((s0, s0 + depth), (s1 - depth, s1)):
            lots += [(low, high, a, b) for a, b in _cuts(t0 + depth + 1.5, t1 - depth - 1.5, rng, style)]
    parts, outlines = [], []
    for a, b, c, d in lots:
        chosen = style if rng.random() < 0.7 or style == "house" else STYLES[rng.choice(4)]
        corners = plan.curve.world(np.array([[a, c], [b, c], [b, d], [a, d]]))
        outlines.append(corners)
        drawn = (
            _house(corners, rng, palette)
            if chosen == "house"
            else _block_house(corners, chosen, rng, palette, tall)
        )
        other = None if houses is None else houses.on_lot(corners)
        parts.append(drawn if other is None else other)
    return joined(parts), outlines


def _cuts(begin: float, end: float, rng: np.random.Generator, style: str) -> list[tuple[float, float]]:
    """Split a frontage into lots with gaps between some."""
    lots, position = [], begin
    while end - position > 7:
        width = rng.uniform(9, 13) if style == "house" else rng.uniform(11, 24)
        if end - position - width < 9:
            width = end - position
        gap = rng.uniform(3, 5) if style == "house" else (rng.uniform(1.5, 5) if rng.random() < 0.25 else 0.0)
        if rng.random() > 0.06:
            lots.append((position, position + width - gap))
        position += width
    return lots


def _facades(outline: np.ndarray, z0: float, z1: float, kind: int, colour, module: float, *params) -> list:
    """One (outline edge, z0, z1, material arguments) for every wall, its windows fitted to its length."""
    result = []
    for a, b in zip(outline, np.roll(outline, -1, 0), strict=True):
        length = float(np.linalg.norm(b - a))
        count = max(1, round(length / module))
        result.append((a, b, z0, z1, (kind, colour, length / count, *params)))
    return result


def _wall(edge, palette: Palette) -> Mesh:
    a, b, z0, z1, arguments = edge
    corners = np.array([[*a, z0], [*b, z0], [*b, z1], [*a, z1]])
    return quads(corners, palette.add(*arguments))


def _grown(outline: np.ndarray, by: float) -> np.ndarray:
    """The outline moved outwards from its middle by about `by` metres on every side."""
    a, b = outline, np.roll(outline, -1, 0)
    normal = np.stack([(b - a)[:, 1], -(b - a)[:, 0]], -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return outline + by * (normal + np.roll(normal, 1, 0))


def _block_house(outline: np.ndarray, style: str, rng, palette: Palette, tall: float) -> Mesh:
    """A town house or office block with a ground floor, storeys, a cornice and things on its roof."""
    floors = int(rng.integers(2, 6) if tall < 0.6 else rng.integers(4, 14))
    if style == "glass":
        floors += 3
    ground, storey = rng.uniform(3.4, 4.4), rng.uniform(2.9, 3.5)
    top = GROUND + ground + floors * storey
    options = WALLS[style]
    colour = tuple(np.clip(np.array(options[rng.integers(len(options))]) * rng.uniform(0.85, 1.12), 0, 0.92))
    kind = STYLES.index(style)
    module = rng.uniform(1.6, 3.2) if style != "glass" else rng.uniform(1.2, 1.6)
    window_w, window_h = (
        (rng.uniform(0.42, 0.72), rng.uniform(0.48, 0.66)) if style != "glass" else (0.94, 0.80)
    )
    seed = int(rng.integers(1, 9999))
    parts = []
    shop = rng.random() < 0.6
    base_colour = tuple(np.array(colour) * rng.uniform(0.6, 0.95))
    base_kind = m.SHOP if shop else m.FACADE
    base_params = (ground, 0.0, 0.0, kind, seed) if shop else (ground, 0.5, 0.5, kind, seed)
    bay = rng.uniform(3.2, 5.0) if shop else module
    lower = _facades(outline, GROUND - 0.02, GROUND + ground, base_kind, base_colour, bay, *base_params)
    upper = _facades(
        outline, GROUND + ground, top, m.FACADE, colour, module, storey, window_w, window_h, kind, seed
    )
    front = "shop" if shop else "building"
    parts += [_wall(edge, palette).named(front) for edge in lower]
    parts += [_wall(edge, palette).named("building") for edge in upper]
    trim = palette.add(m.PLAIN, tuple(np.clip(np.array(colour) * rng.uniform(0.8, 1.25), 0, 0.9)))
    roof = palette.add(m.ROOF, (0.36, 0.35, 0.34))
    for height, reach, thick in ((GROUND + ground, 0.12, 0.25), (top, rng.uniform(0.1, 0.4), 0.45)):
        ring = _grown(outline, reach)
        parts.append(walls(ring, height - 0.05, height + thick, trim).named("building"))
        # Its top lies within the house but for a hand's breadth: without a name, it fills no storey there.
        parts.append(polygon(ring, height + thick, trim))
        parts.append(_underside(outline, ring, height - 0.05, trim).named("building"))
    parts.append(polygon(outline, top + 0.47, roof).named("building"))
    if shop and rng.random() < 0.6:
        parts += _awnings(lower, rng, palette)
    if style in ("plaster", "brick") and rng.random() < 0.5:
        parts += _balconies(upper, GROUND + ground, floors, storey, rng, palette)
    middle = outline.mean(0)
    for _ in range(rng.integers(1, 4)):
        x, y = middle + rng.uniform(-3, 3, 2)
        w, h = rng.uniform(0.8, 2.2), rng.uniform(0.8, 2.6)
        parts.append(box((x - w, y - w, top + 0.4), (x + w, y + w, top + 0.4 + h), roof).named("building"))
    return joined(parts)


def _underside(inner: np.ndarray, outer: np.ndarray, z: float, material: int) -> Mesh:
    low = lambda p: np.hstack([p, np.full((len(p), 1), z)])  # noqa: E731
    a, b = low(inner), low(outer)
    return quads(np.stack([a, np.roll(a, -1, 0), np.roll(b, -1, 0), b], 1), material)


def _awnings(edges, rng, palette: Palette) -> list[Mesh]:
    """Cloth roofs over some shop windows."""
    parts = []
    cloth = palette.add(m.STRIPES, tuple(rng.uniform(0.1, 0.75, 3)), 0.5, float(rng.random() < 0.6))
    for a, b, z0, _, arguments in edges:
        direction = (b - a) / np.linalg.norm(b - a)
        out = np.array([direction[1], -direction[0]])
        bay = arguments[2]
        for k in range(int(np.linalg.norm(b - a) / bay)):
            if rng.random() < 0.5:
                continue
            p, q = a + direction * (k * bay + 0.2), a + direction * ((k + 1) * bay - 0.2)
            reach = out * 1.1
            high, low = z0 + 2.95, z0 + 2.45
            parts.append(quads([[*p, high], [*q, high], [*(q + reach), low], [*(p + reach), low]], cloth))
            parts.append(
                quads(
                    [
                        [*(p + reach), low],
                        [*(q + reach), low],
                        [*(q + reach), low - 0.2],
                        [*(p + reach), low - 0.2],
                    ],
                    cloth,
                )
            )
    return [part.named("awning") for part in parts]


def _balconies(edges, z0: float, floors: int, storey: float, rng, palette: Palette) -> list[Mesh]:
    """Slabs with railings before some windows."""
    slab = palette.add(m.PLAIN, (0.66, 0.65, 0.62))
    rail = palette.add(m.METAL, (0.16, 0.16, 0.17))
    slabs, rails = [], []

    def upright(a, b, low: float, high: float) -> list:
        return [[*a, low], [*b, low], [*b, high], [*a, high]]

    for a, b, _, _, arguments in edges:
        length = float(np.linalg.norm(b - a))
        direction = (b - a) / length
        out = np.array([direction[1], -direction[0]]) * 1.1
        module = arguments[2]
        count = int(length / module)
        for k in range(0, count, 3):
            p, q = a + direction * (k * module), a + direction * ((k + 1) * module)
            sides = [(p, p + out), (p + out, q + out), (q + out, q)]
            for floor in range(floors):
                z = z0 + floor * storey + 0.1
                slabs += [upright(c, d, z - 0.15, z) for c, d in sides]
                slabs += [[[*p, h], [*(p + out), h], [*(q + out), h], [*q, h]] for h in (z - 0.15, z)]
                for c, d in sides:
                    rails.append(upright(c, d, z + 0.95, z + 1.02))
                    bars = max(2, int(np.linalg.norm(d - c) / 0.4))
                    for f in (np.arange(bars) + 0.5) / bars:
                        rails.append(upright(c + (d - c) * f, c + (d - c) * (f + 0.1 / bars), z, z + 0.95))
    return [joined([quads(slabs, slab), quads(rails, rail)]).named("balcony")] if slabs else []


def _house(outline: np.ndarray, rng, palette: Palette) -> Mesh:
    """A detached house with a pitched roof."""
    floors, storey = int(rng.integers(1, 3)), 2.9
    top = GROUND + 0.4 + floors * storey
    options = WALLS["house"]
    colour = options[rng.integers(len(options))]
    kind = 1 if colour[0] < 0.65 else 0
    edges = _facades(
        outline,
        GROUND - 0.02,
        top,
        m.FACADE,
        colour,
        rng.uniform(2.4, 3.2),
        storey,
        0.5,
        0.5,
        kind,
        int(rng.integers(1, 9999)),
    )
    parts = [_wall(edge, palette) for edge in edges]
    tile = palette.add(
        m.ROOF, ((0.42, 0.22, 0.17), (0.28, 0.27, 0.28), (0.36, 0.28, 0.22))[rng.integers(3)], 1.0
    )
    eaves = _grown(outline, 0.5)
    lengths = np.linalg.norm(np.roll(eaves, -1, 0) - eaves, axis=1)
    if lengths[0] < lengths[1]:
        eaves, outline = np.roll(eaves, -1, 0), np.roll(outline, -1, 0)
    rise = rng.uniform(0.35, 0.6) * min(lengths) / 2
    hip = rng.choice([0.0, 0.25])
    a, b = (eaves[0] + eaves[3]) / 2, (eaves[1] + eaves[2]) / 2
    ridge_a, ridge_b = a + (b - a) * hip, b + (a - b) * hip
    z = top - 0.15
    lift = lambda p, h: [*p, h]  # noqa: E731
    e = [lift(p, z) for p in eaves]
    ra, rb = lift(ridge_a, z + rise), lift(ridge_b, z + rise)
    roof = [[e[0], e[1], rb, ra], [e[2], e[3], ra, rb], [e[1], e[2], rb, rb], [e[3], e[0], ra, ra]]
    gable = palette.add(m.PLAIN, colour)
    parts.append(quads(np.array(roof[:2]), tile))
    parts.append(quads(np.array(roof[2:]), tile if hip else gable))
    x, y = ridge_a + (ridge_b - ridge_a) * 0.3
    brick = palette.add(m.PLAIN, (0.45, 0.28, 0.22))
    parts.append(box((x - 0.35, y - 0.35, z), (x + 0.35, y + 0.35, z + rise + 0.9), brick))
    return joined(parts).named("house")
