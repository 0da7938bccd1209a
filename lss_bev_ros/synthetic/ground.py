"""What lies on the ground: asphalt, kerbs, pavements, lots, and the paint on the road."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, joined, polygon, quads, soup, walls
from .road import CORNER, Plan, Street

KERB_HEIGHT = 0.14
CROSSING = (1.6, 4.8)
"""A zebra crossing lies this far from the edge of the street that meets its own, metres."""
STOP_LINE = 5.9
"""Stop lines lie this far from the edge of the crossing street, metres."""

PAINTED = 150.0
"""There is no paint farther than this from the ego car's way, metres."""

_PAINT_Z = 0.006


Sheet = Callable[[np.ndarray, float, int], Mesh]
"""Makes a flat surface of an outline, a height and a material, as `mesh.polygon` does."""


def build_ground(
    plan: Plan,
    near: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    palette: Palette,
    sheet: Sheet = polygon,
) -> Mesh:
    """All ground of a street plan, world, at z = 0.

    Args:
        plan: the streets.
        near: distance to the way; there is paint only where it is small.
        rng: draws.
        palette: takes the materials.
        sheet: makes its large surfaces.
    """
    parts = [_base(plan, palette, sheet)]
    for s0, s1, t0, t1, left, right, low, high in plan.blocks():
        parts.append(_block(plan, (s0, s1, t0, t1), _pavements(left, right, low, high), rng, palette, sheet))
    for street in plan.streets:
        parts.append(_markings(plan, street, near, rng, palette))
    parts.append(_patches(plan, near, rng, palette))
    return joined(parts)


def _pavements(*streets: Street | None) -> float:
    return min(street.pavement for street in streets if street is not None)


def _base(plan: Plan, palette: Palette, sheet: Sheet) -> Mesh:
    """Asphalt under the built-up area and country around it."""
    asphalt = palette.add(m.ASPHALT, (0.36, 0.36, 0.37))
    country = palette.add(m.GRASS, (0.36, 0.42, 0.22))
    s = np.arange(plan.s_range[0], plan.s_range[1] + 1, 20.0)
    t = np.linspace(plan.t_range[0], plan.t_range[1], 24)
    world = plan.curve.world(np.stack(np.meshgrid(s, t, indexing="ij"), -1))
    world = np.concatenate([world, np.zeros((*world.shape[:2], 1))], -1)
    cells = np.stack([world[:-1, :-1], world[1:, :-1], world[1:, 1:], world[:-1, 1:]], 2).reshape(-1, 4, 3)
    center = plan.curve.world(np.zeros(2))
    far = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 1500.0 + center
    far = np.concatenate([far, np.full((4, 1), -0.06)], 1)
    road = quads(cells, asphalt, uv=cells[..., :2])
    if sheet is not polygon:
        rim = np.concatenate([world[:-1, 0], world[-1, :-1], world[:0:-1, -1], world[0, :0:-1]])
        road = sheet(rim[:, :2], 0.0, asphalt)
    # The country lies below the roads and lots too, and is nothing there: it stays without a name.
    return joined(
        [
            road.named("road"),
            quads(far[None], country, uv=far[None, :, :2]),
        ]
    )


def rounded(s0: float, s1: float, t0: float, t1: float, radius: float, step: float = 6.0) -> np.ndarray:
    """A rectangle with round corners, (N, 2) counter-clockwise, with a point every `step`."""
    radius = min(radius, (s1 - s0) / 2 - 0.1, (t1 - t0) / 2 - 0.1)
    points: list[np.ndarray] = []
    corners = [(s1, t0, -90), (s1, t1, 0), (s0, t1, 90), (s0, t0, 180)]
    for s, t, begin in corners:
        center = np.array([np.clip(s, s0 + radius, s1 - radius), np.clip(t, t0 + radius, t1 - radius)])
        angle = np.radians(begin + np.linspace(0, 90, 9))
        arc = center + radius * np.stack([np.cos(angle), np.sin(angle)], -1)
        if points:
            points.append(_between(points[-1][-1], arc[0], step))
        points.append(arc)
    points.append(_between(points[-1][-1], points[0][0], step))
    return np.concatenate(points)


def _between(a: np.ndarray, b: np.ndarray, step: float) -> np.ndarray:
    count = max(1, int(np.linalg.norm(b - a) / step))
    return a + (b - a) * (np.arange(1, count) / count)[:, None]


def _block(
    plan: Plan,
    extent,
    pavement: float,
    rng: np.random.Generator,
    palette: Palette,
    sheet: Sheet,
) -> Mesh:
    """One island between streets: kerbstones, a pavement around it and a lot within."""
    s0, s1, t0, t1 = extent
    kerb = palette.add(m.KERB, (0.62, 0.61, 0.58), float(rng.random() < 0.25))
    tone = rng.uniform(0.48, 0.62)
    paving = palette.add(m.PAVING, (tone, tone * 0.98, tone * 0.94), rng.choice([0.4, 0.6, 0.9]))
    if grown := rng.random() < 0.6:
        green = rng.uniform(0.34, 0.46)
        lot = palette.add(m.GRASS, (green * 0.85, green, green * 0.5))
    else:
        lot = palette.add(m.PAVING, (tone * 0.9, tone * 0.88, tone * 0.86), 1.2)

    def ring(inset: float) -> np.ndarray:
        st = rounded(s0 + inset, s1 - inset, t0 + inset, t1 - inset, max(CORNER - inset, 0.5))
        return plan.curve.world(st)

    outer = ring(0.0)
    # The kerbstones' top lies below all that the kerb surrounds: only their sides are a kerb everywhere.
    parts = [walls(outer, 0.0, KERB_HEIGHT, kerb).named("kerb")]
    parts.append(sheet(outer, KERB_HEIGHT, kerb).named("pavement"))
    parts.append(sheet(ring(0.22), KERB_HEIGHT + 0.004, paving).named("pavement"))
    if min(s1 - s0, t1 - t0) > 2 * pavement + 4:
        name = "grass" if grown else "pavement"
        parts.append(sheet(ring(pavement), KERB_HEIGHT + 0.012, lot).named(name))
    return joined(parts)


def _strip(plan: Plan, street: Street, begin, end, across, width, material, z=_PAINT_Z) -> Mesh:
    """Paint along a street from `begin` to `end`, its middle at `across`."""
    count = max(2, int(abs(end - begin) / 4) + 2)
    along = np.linspace(begin, end, count)
    left = plan.curve.world(street.place(along, across + width / 2))
    right = plan.curve.world(street.place(along, across - width / 2))
    flat = np.full((count, 1), z)
    left, right = np.hstack([left, flat]), np.hstack([right, flat])
    cells = np.stack([right[:-1], right[1:], left[1:], left[:-1]], 1)
    return quads(cells, material, uv=cells[..., :2]).named("lane marking")


def _dashes(plan: Plan, street: Street, begin, end, across, width, material, on=3.0, off=5.0) -> list[Mesh]:
    starts = np.arange(begin, end - on, on + off)
    return [_strip(plan, street, a, a + on, across, width, material) for a in starts]


def _markings(plan: Plan, street: Street, near, rng: np.random.Generator, palette: Palette) -> Mesh:
    white = palette.add(m.MARKING, (0.80, 0.80, 0.77), rng.uniform(0.1, 0.5))
    yellow = palette.add(m.MARKING, (0.80, 0.62, 0.16), rng.uniform(0.1, 0.5))
    double = rng.random() < 0.5
    parts = []
    begin, end = plan.extent(street)
    for a, b in plan.pieces(street, STOP_LINE + 0.4):
        if near(plan.curve.world(street.place((a + b) / 2, 0.0))) > PAINTED:
            continue
        if double:
            parts += [_strip(plan, street, a, b, side * 0.16, 0.12, yellow) for side in (-1, 1)]
        else:
            parts += _dashes(plan, street, a, b, 0.0, 0.14, white)
        for side in (-1, 1):
            for lane in range(1, street.lanes):
                parts += _dashes(plan, street, a, b, side * lane * street.lane_width, 0.13, white)
            edge = street.lanes * street.lane_width
            if street.parking:
                parts.append(_strip(plan, street, a + 2, b - 2, side * edge, 0.1, white))
                for tick in np.arange(a + 2, b - 2, 6.2):
                    middle = side * (edge + street.parking / 2)
                    parts.append(_strip(plan, street, tick, tick + 0.1, middle, street.parking - 0.3, white))
            else:
                parts.append(
                    _strip(plan, street, a, b, side * (edge - 0.3), 0.12, yellow if double else white)
                )
    for other in plan.crossing_streets(street):
        for side in (-1, 1):
            edge = other.at + side * other.half
            if not begin + 10 < edge < end - 10 or near(plan.curve.world(street.place(edge, 0.0))) > PAINTED:
                continue
            # Traffic that comes to the junction keeps to the right of its own direction.
            lanes = street.lanes * street.lane_width
            stop = edge + side * STOP_LINE
            parts.append(_strip(plan, street, stop, stop + side * 0.4, side * lanes / 2, lanes - 0.3, white))
            low, high = sorted((edge + side * CROSSING[0], edge + side * CROSSING[1]))
            for across in np.arange(-street.half + 0.6, street.half - 0.5, 1.0):
                stripe = _strip(plan, street, low, high, across, 0.5, white)
                parts.append(stripe.named("zebra crossing"))
            for lane in range(street.lanes):
                kind = "straight" if street.lanes == 1 or lane == 0 else rng.choice(["straight", "right"])
                across = side * (lane + 0.5) * street.lane_width
                parts.append(_arrow(plan, street, stop + side * 12.0, across, -side, kind, white))
    return joined(parts)


def _arrow(plan: Plan, street: Street, along, across, sign, kind, material) -> Mesh:
    """A painted arrow that points along `sign` of the street."""
    shapes = [np.array([[-2.0, 0.08], [-2.0, -0.08], [0.8, -0.08], [0.8, 0.08]])]
    if kind == "straight":
        shapes.append(np.array([[0.8, 0.32], [0.8, -0.32], [2.2, 0.0]]))
    else:
        shapes.append(np.array([[0.8, 0.08], [0.4, -0.08], [0.9, -0.6], [1.2, -0.5]]))
        shapes.append(np.array([[0.5, -0.8], [1.7, -0.4], [0.9, -1.2]]))
    triangles = []
    for shape in shapes:
        world = plan.curve.world(street.place(along + sign * shape[:, 0], across + sign * shape[:, 1]))
        world = np.concatenate([world, np.full((len(world), 1), _PAINT_Z)], 1)
        triangles += [world[[0, k, k + 1]] for k in range(1, len(world) - 1)]
    return soup(np.array(triangles), material).named("lane marking")


def _patches(plan: Plan, near, rng: np.random.Generator, palette: Palette) -> Mesh:
    """Repairs, manhole covers and drains."""
    parts = []
    iron = palette.add(m.METAL, (0.22, 0.21, 0.20))
    for street in plan.streets:
        begin, end = plan.extent(street)
        for _ in range(int((end - begin) / 22)):
            tone = rng.uniform(0.24, 0.42)
            patch = palette.add(m.ASPHALT, (tone, tone, tone * 1.02))
            across = rng.uniform(-0.8, 0.8) * street.half
            width = min(rng.uniform(0.6, 3.0), 2 * (street.half - abs(across)))
            at = rng.uniform(begin, end)
            if near(plan.curve.world(street.place(at, 0.0))) > 80:
                continue
            repair = _strip(plan, street, at, at + rng.uniform(1, 14), across, width, patch, 0.002)
            parts.append(repair.named("road"))
        for _ in range(int((end - begin) / 30)):
            center = plan.curve.world(
                street.place(rng.uniform(begin, end), rng.uniform(-0.7, 0.7) * street.half)
            )
            if near(center) > 60:
                continue
            angle = np.linspace(0, 2 * np.pi, 15)[:-1]
            disc = center + 0.33 * np.stack([np.cos(angle), np.sin(angle)], -1)
            parts.append(polygon(disc, 0.004, iron).named("manhole cover"))
    return joined(parts)
