"""Sun, sky and air: one weather a world, and what the sky looks like in any direction."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from .config import WorldConfig
from .noise import fractal, ramp

Triple = tuple[float, float, float]


class Light(NamedTuple):
    """The light of a world; colours are linear RGB. Tuples, not arrays: compiled code reads them faster.

    Attributes:
        sun: unit vector towards the sun, world.
        sun_colour: irradiance of a surface that faces the sun.
        zenith, horizon: radiance of the sky overhead and low.
        bounce: light that comes up from the ground.
        cloud: 0 (clear) to 1 (grey all over).
        haze: extinction, 1 / metres.
        exposure: factor before tone mapping.
        seed: of the clouds.
    """

    sun: Triple
    sun_colour: Triple
    zenith: Triple
    horizon: Triple
    bounce: Triple
    cloud: float
    haze: float
    exposure: float
    seed: int


def draw_light(config: WorldConfig, rng: np.random.Generator) -> Light:
    """A weather within the configuration's ranges."""
    height = np.radians(rng.uniform(*config.sun_height))
    azimuth = rng.uniform(-np.pi, np.pi)
    sun = np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])
    cloud = float(np.clip(rng.uniform(*config.overcast) * 1.3 - 0.2, 0, 1))
    # A low sun is warm and weak, for its light crosses more air; clouds take most of it.
    air = 1.0 / (np.sin(height) + 0.12)
    sun_colour = 3.0 * np.exp(-np.array([0.05, 0.10, 0.19]) * air) * (1 - 0.93 * cloud**1.5)
    clear_zenith, clear_horizon = np.array([0.16, 0.30, 0.62]), np.array([0.62, 0.74, 0.88])
    grey = np.array([0.74, 0.78, 0.83]) * rng.uniform(0.75, 1.0)
    warm = np.array([1.08, 1.0, 0.88]) ** (1.5 * (1 - np.sin(height)))
    zenith = (clear_zenith * (1 - cloud) + grey * cloud) * (0.65 + 0.35 * np.sin(height))
    horizon = (clear_horizon * (1 - cloud) + grey * 0.95 * cloud) * warm
    bounce = 0.16 * (sun_colour * np.sin(height) + zenith)
    level = sun_colour.mean() * np.sin(height) * 0.55 + zenith.mean() + 0.25
    exposure = float(1.25 / level**0.75 * rng.uniform(*config.exposure))
    haze = float(rng.uniform(*config.haze) * (1 + cloud))
    return Light(
        sun=_triple(sun),
        sun_colour=_triple(sun_colour),
        zenith=_triple(zenith),
        horizon=_triple(horizon),
        bounce=_triple(bounce),
        cloud=cloud,
        haze=haze,
        exposure=exposure,
        seed=int(rng.integers(1, 9999)),
    )


def _triple(values: np.ndarray) -> Triple:
    red, green, blue = values.tolist()
    return red, green, blue


@njit(cache=True, nogil=True, fastmath=True)
def sky(x, y, z, light, clouds):
    """Radiance of the sky in direction (x, y, z), three floats; with `clouds` their shapes are drawn too."""
    up = max(z, 0.0)
    blend = 1.0 - (1.0 - up) ** 3.0
    r = light.horizon[0] + (light.zenith[0] - light.horizon[0]) * blend
    g = light.horizon[1] + (light.zenith[1] - light.horizon[1]) * blend
    b = light.horizon[2] + (light.zenith[2] - light.horizon[2]) * blend
    toward = x * light.sun[0] + y * light.sun[1] + z * light.sun[2]
    glow = max(toward, 0.0)
    strength = 0.25 * glow**8 + 0.8 * glow**90
    clear = 1.0 - 0.85 * light.cloud
    if clouds and up > 0.01:
        scale = 1.0 / (up + 0.12)
        u, v = x * scale * 1.3, y * scale * 1.3
        dense = fractal(u + 3.1, v + 7.7, 6, light.seed)
        cover = ramp(dense, 0.62 - 0.28 * light.cloud, 0.80 - 0.18 * light.cloud) * ramp(up, 0.01, 0.12)
        shade = fractal(u + 0.25 * light.sun[0], v + 0.25 * light.sun[1], 4, light.seed)
        bright = 1.02 - 0.42 * ramp(shade, 0.4, 0.85)
        lit = (0.82 + 0.35 * clear) * bright
        r += (lit * 0.98 - r) * cover * 0.85
        g += (lit * 0.99 - g) * cover * 0.85
        b += (lit * 1.02 - b) * cover * 0.85
        if toward > 0.9996:
            strength += 8.0 * (1.0 - cover)
    strength *= clear
    return (
        r + strength * light.sun_colour[0] * 0.33,
        g + strength * light.sun_colour[1] * 0.33,
        b + strength * light.sun_colour[2] * 0.33,
    )


@njit(cache=True, nogil=True, fastmath=True)
def mirrored(x, y, z, light):
    """What a smooth surface reflects: the sky, and low down a blurred row of houses and the street."""
    r, g, b = sky(x, y, z, light, False)
    angle = math.atan2(y, x)
    top = 0.14 + 0.16 * fractal(angle * 3.0, 0.5, 3, light.seed + 5)
    houses = 1.0 - ramp(z, top - 0.02, top + 0.02)
    street = 1.0 - ramp(z, -0.06, 0.02)
    dark = 0.30 + 0.25 * fractal(angle * 9.0, z * 9.0, 2, light.seed + 9)
    r += (light.horizon[0] * dark - r) * houses
    g += (light.horizon[1] * dark - g) * houses
    b += (light.horizon[2] * dark - b) * houses
    r += (light.bounce[0] - r) * street
    g += (light.bounce[1] - g) * street
    b += (light.bounce[2] - b) * street
    return r, g, b
