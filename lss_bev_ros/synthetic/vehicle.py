"""Cars, vans, buses and trucks: bodies lofted over stations from nose to tail, in base frames.

A vehicle's frame has x forward, y left, z up, and its origin on the ground under the body's middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import material as m
from .material import Palette
from .mesh import Mesh, box, grid, joined, quads, soup, wheel

PAINTS = (
    ((0.88, 0.88, 0.87), 0.22), ((0.07, 0.07, 0.08), 0.20),
    ((0.62, 0.63, 0.65), 0.18), ((0.34, 0.35, 0.37), 0.14),
    ((0.52, 0.06, 0.07), 0.07),
    ((0.10, 0.19, 0.42), 0.08), ((0.22, 0.36, 0.55), 0.03), ((0.12, 0.26, 0.18), 0.02),
    ((0.80, 0.70, 0.18), 0.02), ((0.45, 0.38, 0.30), 0.02), ((0.78, 0.36, 0.12), 0.02),
)  # fmt: skip
"""Paint colours (sRGB) and about how often they are seen."""


@dataclass(frozen=True)
class CarProfile:
    """A car's side view; lengths in metres, x as shares of the length from tail (0) to nose (1).

    Attributes:
        length, width, height: of the whole car.
        hood: height of the bonnet at its front and at the windscreen.
        cowl, roof_front, roof_rear, deck: x of the windscreen's foot and head and the rear window's.
        tail: height of the boot lid (or of the rear window's foot).
        wheel: radius of the wheels.
    """

    length: float
    width: float
    height: float
    hood: tuple[float, float]
    cowl: float
    roof_front: float
    roof_rear: float
    deck: float
    tail: float
    wheel: float = 0.32


CAR_SHAPES = {
    "sedan": CarProfile(4.70, 1.84, 1.46, (0.72, 0.95), 0.70, 0.52, 0.27, 0.13, 1.02),
    "hatch": CarProfile(4.10, 1.78, 1.50, (0.74, 0.98), 0.73, 0.56, 0.13, 0.03, 1.00),
    "wagon": CarProfile(4.75, 1.84, 1.50, (0.74, 0.97), 0.71, 0.54, 0.09, 0.02, 1.00),
    "suv": CarProfile(4.65, 1.90, 1.70, (0.90, 1.12), 0.72, 0.57, 0.12, 0.03, 1.12, 0.36),
    "van": CarProfile(4.95, 1.96, 1.95, (0.95, 1.22), 0.83, 0.69, 0.04, 0.012, 1.15, 0.34),
    "pickup": CarProfile(5.40, 1.95, 1.80, (0.98, 1.15), 0.70, 0.58, 0.42, 0.38, 1.08, 0.38),
}
NAMES = {"hatch": "hatchback", "wagon": "station wagon", "pickup": "pickup truck"}
"""Of `CAR_SHAPES`, what their things are called where that is another name."""


def car(kind: str, rng: np.random.Generator, palette: Palette) -> Mesh:
    """A passenger car, van or pickup of one of `CAR_SHAPES`, its colour and size drawn."""
    shape = CAR_SHAPES[kind]
    paint = _paint(rng, palette)
    glass = palette.add(m.GLASS, (0.05, 0.06, 0.065))
    trim = palette.add(m.RUBBER, (0.06, 0.06, 0.065))
    length, half, top = shape.length, shape.width / 2, shape.height
    sill = shape.wheel * 0.72
    belt = min(shape.hood[1], shape.tail) - 0.06

    def station(x, shoulder, rail, crown, narrow, low=sill):
        """Right half of a cross-section: sill, bulge, belt, window's top, rail, crown."""
        w = half * narrow
        inward = (rail - shoulder) * 0.32 + 0.05
        ys = [w * 0.93, w, w * 0.985, w - inward, w - inward - 0.07, 0.0]
        bulge = low + 0.55 * (shoulder - low)
        zs = [low, bulge, shoulder, rail - 0.045, rail, crown]
        right = [(x, -y, z) for y, z in zip(ys, zs, strict=True)]
        return right + [(px, -py, pz) for px, py, pz in right[-2::-1]]

    def at(share):
        return (share - 0.5) * length

    hood_front, hood_back = shape.hood
    van_front = (shape.cowl - shape.roof_front) * 0.5
    rise = top - hood_back
    cuts = [
        (0.985, 0.50, 0.60, hood_front - 0.10, 0.84), (0.955, 0.62, hood_front - 0.04, hood_front, 0.94),
        (0.88, min(belt, hood_front), hood_front + 0.06, hood_front + 0.10, 1.0),
        (shape.cowl, belt, hood_back - 0.03, hood_back, 1.0),
        (shape.roof_front + van_front * 0.55, belt, top - 0.22 * rise, top - 0.15 * rise, 1.0),
        (shape.roof_front, belt, top - 0.09, top - 0.03, 1.0),
    ]  # fmt: skip
    span = shape.roof_front - shape.roof_rear
    for share in (0.56, 0.52, 0.08, 0.04) if kind != "pickup" else (0.06, 0.02):
        cuts.append((shape.roof_rear + span * share, belt, top - 0.06, top, 1.0))
    cuts += [
        (shape.roof_rear, belt, top - 0.10, top - 0.03, 0.995),
        (shape.deck, belt, shape.tail - 0.03, shape.tail, 0.98),
        (min(0.03, shape.deck - 0.005), belt - 0.02, shape.tail - 0.06, shape.tail - 0.03, 0.95),
        (0.0, 0.58, 0.66, shape.tail - 0.22, 0.88),
    ]
    points = np.array([station(at(x), *rest) for x, *rest in cuts])
    material = np.full((len(cuts) - 1, 10), paint)
    screen, last = 3, len(cuts) - 4
    material[screen : screen + 2, 4:6] = glass
    material[screen + 1 : last + 1, 2] = material[screen + 1 : last + 1, 7] = glass
    for pillar in range(6, last, 2) if kind != "pickup" else (6,):
        material[pillar, 2] = material[pillar, 7] = trim
    material[last, 4:6] = glass
    if kind in ("sedan", "pickup"):
        material[last, 2] = material[last, 7] = paint
    if kind == "van" and rng.random() < 0.5:
        material[7 : last + 1, 2] = material[7 : last + 1, 7] = paint
    parts = [grid(points, material)]
    parts += [_cap(points[0], trim), _cap(points[-1], paint)]
    parts += _wheels(length, half, shape.wheel, [0.30, -0.29], palette)
    parts += _face(length, half, sill, hood_front, shape.tail, palette, trim)
    for side in (-1, 1):
        mirror_x = at(shape.cowl) - 0.30
        low = (mirror_x - 0.1, min(side * half * 0.98, side * (half + 0.13)), belt)
        high = (mirror_x + 0.08, max(side * half * 0.98, side * (half + 0.13)), belt + 0.14)
        parts.append(box(low, high, paint))
    if kind == "pickup":
        parts.append(
            box(
                (at(0.02), -half * 0.85, shape.tail + 0.005), (at(0.36), half * 0.85, shape.tail + 0.01), trim
            )
        )
    stretch = rng.uniform(0.96, 1.05, 3)
    return joined(parts).scaled(stretch).named(NAMES.get(kind, kind))


def _paint(rng: np.random.Generator, palette: Palette) -> int:
    colours, weights = zip(*PAINTS, strict=True)
    colour = np.array(colours[rng.choice(len(colours), p=np.array(weights) / sum(weights))])
    shade = tuple(np.clip(colour * rng.uniform(0.85, 1.1), 0, 0.95))
    return palette.add(m.PAINT, shade, int(rng.integers(1, 60)))


def _cap(section: np.ndarray, material: int) -> Mesh:
    """Close an end of a loft."""
    middle = section.mean(0)
    return soup(
        np.stack([np.broadcast_to(middle, (len(section), 3)), section, np.roll(section, -1, 0)], 1), material
    )


def _wheels(length, half, radius, places, palette: Palette, width: float = 0.22) -> list[Mesh]:
    tyre = palette.add(m.RUBBER, (0.055, 0.055, 0.06))
    rim = palette.add(m.METAL, (0.55, 0.56, 0.58))
    arch = palette.add(m.RUBBER, (0.02, 0.02, 0.02))
    parts = []
    for place in places:
        for side in (-1, 1):
            x, y = place * length, side * (half - width / 2 + 0.012)
            parts.append(wheel((x, y, radius), radius, width, tyre, rim))
            # The arch is a dark half disc on the body's side, a little larger than the wheel.
            angle = np.linspace(-0.25, np.pi + 0.25, 13)
            ring = [
                (x + 1.22 * radius * np.cos(a), side * (half + 0.004), radius + 1.22 * radius * np.sin(a))
                for a in angle
            ]
            parts.append(_cap(np.array(ring), arch))
    return parts


def _face(length, half, sill, front_z, rear_z, palette: Palette, trim: int) -> list[Mesh]:
    """Lamps, grille, number plates and bumpers."""
    white = palette.add(m.LAMP, (0.90, 0.92, 0.95), 0.25)
    red = palette.add(m.LAMP, (0.65, 0.04, 0.03), 0.12)
    plate = palette.add(m.SIGN, (0.85, 0.85, 0.80), 1.0)
    nose, tail = length / 2, -length / 2
    parts = [
        box((nose - 0.12, -half * 0.42, sill + 0.12), (nose + 0.004, half * 0.42, front_z - 0.16), trim),
        box((nose - 0.1, -half * 0.8, sill), (nose + 0.006, half * 0.8, sill + 0.1), trim),
        box((tail - 0.006, -half * 0.85, sill), (tail + 0.1, half * 0.85, sill + 0.14), trim),
        box((nose - 0.02, -0.26, sill + 0.13), (nose + 0.012, 0.26, sill + 0.24), plate),
        box((tail - 0.012, -0.26, sill + 0.32), (tail + 0.02, 0.26, sill + 0.43), plate),
    ]
    for side in (-1, 1):
        y0, y1 = sorted((side * half * 0.46, side * half * 0.80))
        parts.append(box((nose - 0.22, y0, front_z - 0.25), (nose - 0.05, y1, front_z - 0.11), white))
        y0, y1 = sorted((side * half * 0.55, side * half * 0.86))
        parts.append(box((tail - 0.006, y0, rear_z - 0.40), (tail + 0.08, y1, rear_z - 0.24), red))
    return parts


def bus(rng: np.random.Generator, palette: Palette) -> Mesh:
    """A city bus."""
    length, half, top = rng.uniform(10.5, 12.5), 1.27, rng.uniform(2.95, 3.15)
    livery = [
        (0.75, 0.10, 0.08),
        (0.12, 0.35, 0.62),
        (0.85, 0.85, 0.83),
        (0.20, 0.50, 0.25),
        (0.90, 0.65, 0.15),
    ]
    paint = palette.add(m.PAINT, livery[rng.integers(len(livery))], 0.0)
    lower = palette.add(m.PAINT, livery[rng.integers(len(livery))], 0.0)
    return _coach(length, half, top, 0.34, 1.25, 2.45, paint, lower, palette, rng)


def _coach(length, half, top, low, belt, head, paint, lower, palette: Palette, rng) -> Mesh:
    """A box-shaped vehicle with a band of windows."""
    glass = palette.add(m.GLASS, (0.04, 0.05, 0.055))
    trim = palette.add(m.RUBBER, (0.05, 0.05, 0.05))
    xs = [length / 2, length / 2 - 0.18]
    panes = max(3, int(length / 1.5))
    for edge in np.linspace(length / 2 - 0.5, -length / 2 + 0.5, panes + 1):
        xs += [edge + 0.05, edge - 0.05]
    xs += [-length / 2 + 0.1, -length / 2]
    points = []
    for i, x in enumerate(xs):
        w = half * (0.93 if i in (0, len(xs) - 1) else 1.0)
        right = [
            (low, w),
            (belt, w),
            (head, w * 0.99),
            (top - 0.12, w * 0.97),
            (top, w * 0.85),
            (top + 0.03, 0.0),
        ]
        points.append([(x, -y, z) for z, y in right] + [(x, y, z) for z, y in right[-2::-1]])
    outline = np.array(points)
    material = np.full((len(xs) - 1, 10), paint)
    material[:, 0] = material[:, 9] = lower
    material[3:-2:2, 1] = material[3:-2:2, 8] = glass
    material[2:-2:2, 1] = material[2:-2:2, 8] = trim
    parts = [grid(outline, material, smooth=False), _cap(outline[0], paint), _cap(outline[-1], paint)]
    parts.append(
        box(
            (length / 2 - 0.1, -half * 0.90, belt - 0.25), (length / 2 + 0.01, half * 0.90, head + 0.1), glass
        )
    )
    parts.append(
        box((-length / 2 - 0.01, -half * 0.8, belt + 0.1), (-length / 2 + 0.1, half * 0.8, head), glass)
    )
    sign = palette.add(m.LAMP, (0.95, 0.60, 0.10), 0.25)
    parts.append(
        box((length / 2, -half * 0.6, head + 0.16), (length / 2 + 0.012, half * 0.6, top - 0.12), sign)
    )
    parts += _wheels(length, half, 0.48, [0.28, -0.27], palette, 0.28)
    parts += _face(length, half, low, belt - 0.25, belt + 0.1, palette, trim)
    return joined(parts).named("bus")


def truck(rng: np.random.Generator, palette: Palette, construction: bool = False) -> Mesh:
    """A rigid truck with a cargo box, or a tipper of a building site."""
    length, half = rng.uniform(6.2, 9.2), rng.uniform(1.12, 1.26)
    cab_top, top = rng.uniform(2.4, 2.9), rng.uniform(2.9, 3.6)
    paint = palette.add(m.PAINT, (0.88, 0.62, 0.10), 0.0) if construction else _paint(rng, palette)
    glass = palette.add(m.GLASS, (0.04, 0.05, 0.055))
    trim = palette.add(m.RUBBER, (0.07, 0.07, 0.07))
    nose, cab = length / 2, length / 2 - 1.75
    points, shape = [], [(nose, 1.35, 0.92), (nose - 0.10, 1.45, 1.0), (nose - 0.38, cab_top - 0.1, 1.0)]
    shape += [(nose - 0.6, cab_top, 1.0), (nose - 1.35, cab_top, 1.0), (cab, cab_top - 0.04, 0.99)]
    for x, crown, narrow in shape:
        w = half * 0.97 * narrow
        belt, rail = min(1.4, crown - 0.02), crown - 0.06
        right = [
            (0.55, w),
            (1.0, w),
            (belt, w),
            (max(rail - 0.08, belt), w * 0.96),
            (rail, w * 0.92),
            (crown, 0),
        ]
        points.append([(x, -y, z) for z, y in right] + [(x, y, z) for z, y in right[-2::-1]])
    outline = np.array(points)
    material = np.full((len(shape) - 1, 10), paint)
    material[1, 4:6] = glass
    material[2:4, 2] = material[2:4, 7] = glass
    parts = [grid(outline, material, smooth=False), _cap(outline[0], paint), _cap(outline[-1], paint)]
    parts.append(box((-nose, -half * 0.45, 0.55), (cab, half * 0.45, 0.85), trim))
    if construction:
        steel = palette.add(m.METAL, (0.50, 0.40, 0.22))
        floor = np.array(
            [[-nose, -1, 1.05], [cab - 0.2, -1, 1.05], [cab - 0.2, 1, 1.05], [-nose, 1, 1.05]]
        ) * [1, half * 0.8, 1]
        rim = np.array([[-nose - 0.1, -1, 2.4], [cab, -1, 2.5], [cab, 1, 2.5], [-nose - 0.1, 1, 2.4]]) * [
            1,
            half,
            1,
        ]
        sides = [[floor[k], floor[(k + 1) % 4], rim[(k + 1) % 4], rim[k]] for k in range(4)]
        parts.append(quads(np.array([*sides, floor]), steel))
    else:
        cargo = palette.add(m.PAINT, tuple(rng.uniform(0.7, 0.92) * np.array([1, 1, 0.98])), 0.0)
        band = palette.add(m.SIGN, tuple(rng.uniform(0.1, 0.8, 3)), 1.0)
        parts.append(box((-nose, -half, 0.9), (cab - 0.12, half, top), cargo))
        middle = (cab - nose) / 2
        for side in (-1, 1):
            y0, y1 = sorted((side * half, side * (half + 0.006)))
            parts.append(box((middle - 1.2, y0, 1.5), (middle + 1.0, y1, 2.2), band))
        parts.append(box((-nose - 0.012, -0.03, 0.95), (-nose, 0.03, top - 0.08), trim))
    parts += _wheels(length, half, 0.46, [0.5 - 1.1 / length, -0.5 + 1.6 / length], palette, 0.30)
    parts += _face(length, half * 0.95, 0.5, 1.2, 1.15, palette, trim)
    return joined(parts).named("construction vehicle" if construction else "truck")


def trailer(rng: np.random.Generator, palette: Palette) -> Mesh:
    """A parked box trailer."""
    length, half, top = rng.uniform(5, 9), 1.2, rng.uniform(2.8, 3.5)
    trim = palette.add(m.RUBBER, (0.07, 0.07, 0.07))
    cargo = palette.add(m.PAINT, tuple(rng.uniform(0.5, 0.9, 3)), 0.0)
    parts = [box((-length / 2, -half, 1.0), (length / 2, half, top), cargo)]
    parts.append(box((-length / 2, -half * 0.5, 0.7), (length / 2, half * 0.5, 1.0), trim))
    parts.append(box((length / 2 - 1.2, -0.5, 0.0), (length / 2 - 1.0, 0.5, 0.8), trim))
    parts += _wheels(length, half, 0.46, [-0.22, -0.36], palette, 0.30)
    return joined(parts).named("trailer")
