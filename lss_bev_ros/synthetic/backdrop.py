"""Light, sky and weather together: what may be drawn anew for every look at a world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .assets import Assets
from .config import WorldConfig
from .image_light import light_of
from .light import Light
from .scenery import PLAIN_SCENERY, Scenery
from .weather import Weather, darkened, draw_weather


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What lies around and above a street.

    Attributes:
        light: sun, sky and air.
        scenery: what a shader looks up, without lamps.
        weather: what it is like.
        sky: number of the photographed sky in the assets, -1 for a drawn one.
    """

    light: Light
    scenery: Scenery = PLAIN_SCENERY
    weather: Weather = Weather()
    sky: int = -1


def draw_backdrop(
    config: WorldConfig, light: Light, assets: Assets | None, rng: np.random.Generator
) -> Backdrop:
    """Backdrop of a world.

    Args:
        config: its `realism` says what there may be.
        light: of a drawn sky.
        assets: for photographed ones.
        rng: draws.
    """
    realism = config.realism
    weather = draw_weather(realism.weather, rng)
    photographed, pick, turn = rng.random() < realism.sky, rng.random(), rng.uniform(0, 2 * np.pi)
    scenery, number = PLAIN_SCENERY, -1
    if assets is not None:
        scenery = scenery._replace(texels=assets.texels, textures=assets.textures)
        # A night sky lights no day, and a day's sky no night.
        fitting = [k for k, sky in enumerate(assets.skies) if sky.night == (weather.night > 0.7)]
        if photographed and fitting:
            number = fitting[int(pick * len(fitting))]
            light = light_of(assets.skies[number], turn, config, rng)
            scenery = scenery._replace(
                photographed=1, sky=assets.skies[number].map, sky_turn=float(turn), sky_gain=weather.sky
            )
    light = darkened(light, weather)
    scenery = scenery._replace(wet=weather.wet, dirt=weather.dirt, night=weather.night)
    return Backdrop(light, scenery, weather, number)
