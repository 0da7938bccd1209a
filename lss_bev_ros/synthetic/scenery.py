"""What a shader may look up beside the world's own materials and light: photographs, skies, lamps, weather.

A world without any of it has `PLAIN_SCENERY`, and is drawn exactly as if there were no scenery at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .noise import fractal, ramp, smooth, whole

LAMP_REACH = 34.0
"""Lamps light nothing farther away, metres."""


class Scenery(NamedTuple):
    """Arrays and numbers that a shader reads.

    Attributes:
        texels: (N, 3) uint8 RGB, all textures and their smaller levels, row by row.
        textures: (K, 4) int32, of each texture first texel, width, height and levels; each level has half the
            sides of the one before.
        photographed: whether there is a sky to look up, 0 or 1.
        sky: (H, W, 3) float32 radiance by direction: rows from the zenith down, columns over the azimuth.
        sky_turn: radians that the sky is turned about the vertical.
        sky_gain: factor on it.
        lamps: (L, 8) float32: place in the world, direction (zeros for all around), strength, and how warm
            from 0 to 1; they shine at night.
        wet: 0 for a dry road to 1 for a flooded one.
        dirt: 0 for clean paint to 1.
        night: 0 by day to 1 when headlamps and windows are lit.
        ground: (N, M) float32, as `Terrain.heights`; (1, 1) for level ground.
        left, bottom: as `Terrain.corner`.
    """

    texels: np.ndarray
    textures: np.ndarray
    photographed: int
    sky: np.ndarray
    sky_turn: float
    sky_gain: float
    lamps: np.ndarray
    wet: float
    dirt: float
    night: float
    ground: np.ndarray
    left: float
    bottom: float


LEVEL = np.zeros((1, 1), np.float32)
"""`Scenery.ground` of level ground."""
PLAIN_SCENERY = Scenery(
    np.zeros((1, 3), np.uint8),
    np.zeros((1, 4), np.int32),
    0,
    np.zeros((1, 1, 3), np.float32),
    0.0,
    1.0,
    np.zeros((0, 8), np.float32),
    0.0,
    0.0,
    0.0,
    LEVEL,
    0.0,
    0.0,
)


@njit(cache=True, nogil=True, fastmath=True)
def texel(scenery, index, u, v, density):
    """Colour of a texture, linear RGB.

    Args:
        scenery: has it.
        index: of the texture.
        u: to the right, 1 for its width; it repeats.
        v: up, 1 for its height; likewise.
        density: texels of its first level that a pixel covers.
    """
    first, width, height = scenery.textures[index, 0], scenery.textures[index, 1], scenery.textures[index, 2]
    levels = scenery.textures[index, 3]
    while density > 1.5 and levels > 1:
        first += width * height
        width, height = max(width // 2, 1), max(height // 2, 1)
        density *= 0.5
        levels -= 1
    x = (u - math.floor(u)) * width - 0.5
    y = (1.0 - (v - math.floor(v))) * height - 0.5
    i, j = whole(x), whole(y)
    fx, fy = x - i, y - j
    r, g, b = 0.0, 0.0, 0.0
    for dy in range(2):
        row = (j + dy + height) % height
        wy = fy if dy == 1 else 1.0 - fy
        for dx in range(2):
            at = first + row * width + (i + dx + width) % width
            weight = wy * (fx if dx == 1 else 1.0 - fx)
            # Close to the inverse of sRGB's curve, and a third of its cost.
            tr, tg, tb = (
                scenery.texels[at, 0] / 255.0,
                scenery.texels[at, 1] / 255.0,
                scenery.texels[at, 2] / 255.0,
            )
            r += weight * tr * tr * (0.68 + 0.32 * tr)
            g += weight * tg * tg * (0.68 + 0.32 * tg)
            b += weight * tb * tb * (0.68 + 0.32 * tb)
    return r, g, b


@njit(cache=True, nogil=True, fastmath=True)
def photographed_sky(x, y, z, scenery):
    """Radiance of a photographed sky in direction (x, y, z), of unit length."""
    height, width = scenery.sky.shape[0], scenery.sky.shape[1]
    across = (math.atan2(y, x) + scenery.sky_turn) / (2.0 * math.pi)
    u = (across - math.floor(across)) * width - 0.5
    v = math.acos(min(1.0, max(-1.0, z))) / math.pi * height - 0.5
    i, j = whole(u), whole(v)
    fu, fv = u - i, v - j
    top, bottom = min(max(j, 0), height - 1), min(max(j + 1, 0), height - 1)
    left, right = (i + width) % width, (i + 1 + width) % width
    gain = scenery.sky_gain
    a, b, c, d = (1 - fu) * (1 - fv) * gain, fu * (1 - fv) * gain, (1 - fu) * fv * gain, fu * fv * gain
    sky = scenery.sky
    return (
        a * sky[top, left, 0] + b * sky[top, right, 0] + c * sky[bottom, left, 0] + d * sky[bottom, right, 0],
        a * sky[top, left, 1] + b * sky[top, right, 1] + c * sky[bottom, left, 1] + d * sky[bottom, right, 1],
        a * sky[top, left, 2] + b * sky[top, right, 2] + c * sky[bottom, left, 2] + d * sky[bottom, right, 2],
    )


@njit(cache=True, nogil=True, fastmath=True)
def lamplight(x, y, z, nx, ny, nz, lamps):
    """Irradiance (r, g, b) that lamps give a place of the world with a normal."""
    total, warm = 0.0, 0.0
    for k in range(lamps.shape[0]):
        dx, dy, dz = lamps[k, 0] - x, lamps[k, 1] - y, lamps[k, 2] - z
        square = dx * dx + dy * dy + dz * dz
        if square > LAMP_REACH * LAMP_REACH:
            continue
        size = 1.0 / math.sqrt(square + 1e-6)
        facing = max((dx * nx + dy * ny + dz * nz) * size, 0.0) * 0.85 + 0.15
        beam = 1.0
        if lamps[k, 3] != 0.0 or lamps[k, 4] != 0.0 or lamps[k, 5] != 0.0:
            along = -(dx * lamps[k, 3] + dy * lamps[k, 4] + dz * lamps[k, 5]) * size
            beam = ramp(along, 0.80, 0.99)
        given = lamps[k, 6] * beam * facing / (square + 2.0) * (1.0 - square / (LAMP_REACH * LAMP_REACH))
        total += given
        warm += given * lamps[k, 7]
    return total, total - 0.28 * warm, total - 0.62 * warm


@njit(cache=True, nogil=True, fastmath=True)
def weathered(paint, r, g, b, gloss, u, v, x, y, z, steep, scenery):
    """A surface's colour and gloss under dirt and water; arguments as those and the results of `surface`."""
    if paint and scenery.dirt > 0.0:
        # Splashed up from below, and in streaks.
        low = 1.0 - ramp(z, 0.2, 1.5)
        grime = scenery.dirt * (0.25 + 0.75 * low) * ramp(fractal(u * 1.7, v * 1.7, 3, 211), 0.30, 0.75)
        r, g, b = r + (0.19 - r) * grime, g + (0.17 - g) * grime, b + (0.14 - b) * grime
        gloss *= 1.0 - 0.8 * grime
    if scenery.wet > 0.0 and steep > 0.6 and z < 0.4:
        pool = ramp(
            fractal(x * 0.21, y * 0.21, 3, 221) + 0.12 * smooth(x * 1.3, y * 1.3, 222),
            0.75 - 0.45 * scenery.wet,
            0.95 - 0.45 * scenery.wet,
        )
        damp = min(1.0, 1.6 * scenery.wet)
        dark = 1.0 - 0.48 * damp
        r, g, b = r * dark, g * dark, b * dark
        gloss = max(gloss, 0.30 * damp + 0.75 * pool * scenery.wet)
    return r, g, b, gloss
