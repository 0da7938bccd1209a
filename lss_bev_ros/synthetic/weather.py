"""Weather and time of day beyond sun and clouds: wet roads, dirt on paint, dusk and night with lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Pose
from .light import Light
from .realism import WeatherRanges

NEAREST_LAMPS = 24
"""Lamps that light a picture, the nearest to the car; more would hardly add light and take their time."""
LAMP_RANGE = 60.0
"""Lamps farther from the car are left out, metres."""
_STREET, _HEAD = 7.0, 26.0
"""Strengths of street lamps and of a vehicle's headlamps, as `Scenery.lamps`."""


@dataclass(frozen=True)
class Weather:
    """One weather.

    Attributes:
        wet, dirt, night: as in `Scenery`.
        sky: factor on the sky's light.
    """

    wet: float = 0.0
    dirt: float = 0.0
    night: float = 0.0
    sky: float = 1.0


def draw_weather(ranges: WeatherRanges, rng: np.random.Generator) -> Weather:
    """A weather within ranges; every call takes the same number of draws."""
    wet, dirty, dark = rng.random(3) < (ranges.wet, ranges.dirty, ranges.dark)
    wetness, dirt = rng.uniform(*ranges.wetness), rng.uniform(*ranges.dirt)
    darkness = rng.uniform(*ranges.darkness)
    return Weather(
        float(wetness) if wet else 0.0,
        float(dirt) if dirty else 0.0,
        float(np.clip(-darkness / 1.2, 0.0, 1.0)) if dark else 0.0,
        float(10.0**darkness) if dark else 1.0,
    )


def darkened(light: Light, weather: Weather) -> Light:
    """The light when the sun has set: no sun, less and bluer sky, and a camera that exposes longer."""
    if weather.night == 0.0:
        return light
    blue = np.array([0.82, 0.95, 1.25])
    zenith, horizon = (
        tuple((np.array(c) * weather.sky * blue).tolist()) for c in (light.zenith, light.horizon)
    )
    bounce = tuple((0.16 * np.array(zenith)).tolist())
    level = float(np.mean(zenith)) + 0.10
    return light._replace(
        sun_colour=(0.0, 0.0, 0.0),
        zenith=zenith,
        horizon=horizon,
        bounce=bounce,
        cloud=1.0,
        exposure=light.exposure * float((0.75 / level) ** 0.75),
    )


def lamps_around(
    ego: Pose, street: np.ndarray, vehicles: list[tuple[Pose, float]], night: float
) -> np.ndarray:
    """(L, 8) float32, `Scenery.lamps` near a car.

    Args:
        ego: the car, world; its own headlamps are lit too.
        street: (N, 3) float64 of all street lamps, world.
        vehicles: poses and lengths ahead of their origin in metres of those whose headlamps are lit.
        night: 0 for none at all.
    """
    if night <= 0.0:
        return np.zeros((0, 8), np.float32)
    rows = []
    for pose, nose in [(ego, 3.4), *vehicles]:
        place = pose.apply(np.array([[nose + 0.1, 0.0, 0.75]]))[0]
        beam = pose.rotation @ np.array([np.cos(0.05), 0.0, -np.sin(0.05)])
        rows.append([*place, *beam, _HEAD * night, 0.25])
    rows += [[*place, 0.0, 0.0, 0.0, _STREET * night, 0.8] for place in street]
    table = np.array(rows, np.float32)
    far = np.hypot(*(table[:, :2] - ego.translation[:2]).T)
    order = np.argsort(far, kind="stable")[:NEAREST_LAMPS]
    return np.ascontiguousarray(table[order[far[order] < LAMP_RANGE]])
