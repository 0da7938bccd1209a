"""Light from photographs of whole skies (EXR, equirectangular): what they shine, and from where.

A sky's sun is cut out of the picture and becomes the world's sun, so that it throws shadows; the rest is
looked up where sky is seen or mirrored, and its averages light what the sun does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import DatasetError
from .config import WorldConfig
from .light import Light, _triple

SKY_WIDTH, SKY_HEIGHT = 512, 256
"""Texels of a sky."""
_MEAN = 0.62
"""Luminance that the upper half of a sky gets on average: photographs' exposures say nothing."""
_SUN_OVER = 12.0
"""What is so many times brighter than the sky's average is sun, or lamps."""
_BALANCED = 0.65
"""How far cameras take the light's colour for white, 0 to 1."""
_LOWEST_SUN = np.radians(7.0)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, eq=False)
class PhotographedSky:
    """A sky, its average brought to that of drawn ones.

    Attributes:
        name: of its file.
        map: (SKY_HEIGHT, SKY_WIDTH, 3) float32 as `Scenery.sky`, what is brighter than the sun's edge cut.
        sun: unit vector towards the sun, x forward at the picture's left edge.
        sun_colour: (3,) as `Light.sun_colour`.
        zenith, horizon: (3,) as in `Light`.
        night: whether its name says that it was taken at night.
    """

    name: str
    map: np.ndarray
    sun: np.ndarray
    sun_colour: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    night: bool


def load_sky(path: Path) -> PhotographedSky:
    """Read an equirectangular picture, its middle row the horizon.

    Raises:
        DatasetError: it is damaged, or twice as wide as high it is not.
        ImportError: for what the extra `assets` installs.
    """
    import OpenEXR

    try:
        with OpenEXR.File(str(path)) as file:
            channels: dict[str, np.ndarray] = {
                name: np.asarray(c.pixels, np.float32) for name, c in file.channels().items()
            }
    except Exception as error:
        # The library raises RuntimeError, ValueError and its own on damaged files.
        raise DatasetError(f"{path}: no EXR picture that can be read: {error}") from None
    if "RGB" in channels:
        picture = channels["RGB"]
    elif "RGBA" in channels:
        picture = channels["RGBA"][..., :3]
    elif {"R", "G", "B"} <= set(channels):
        picture = np.stack([channels[name] for name in "RGB"], -1)
    else:
        raise DatasetError(f"{path}: has the channels {', '.join(channels)}, not R, G and B; save it anew")
    height, width = picture.shape[:2]
    if abs(width / height - 2.0) > 0.02:
        raise DatasetError(
            f"{path}: {width} x {height} is no whole sky; an equirectangular picture is twice as wide as high"
        )
    picture = np.nan_to_num(np.maximum(picture, 0.0), posinf=6e4)
    smaller = cv2.resize(picture, (SKY_WIDTH, SKY_HEIGHT), interpolation=cv2.INTER_AREA)
    return analysed(path.stem, np.asarray(smaller, np.float64))


def analysed(name: str, picture: np.ndarray) -> PhotographedSky:
    """A sky of its radiances (H, W, 3), rows from the zenith down."""
    height, width = picture.shape[:2]
    polar = (np.arange(height) + 0.5) / height * np.pi
    azimuth = (np.arange(width) + 0.5) / width * 2 * np.pi
    solid = np.sin(polar)[:, None] * (np.pi / height) * (2 * np.pi / width) * np.ones(width)
    upper = np.cos(polar) > 0
    bright = picture @ _LUMINANCE
    mean = np.average(np.minimum(bright, 50 * np.median(bright[upper]) + 1e-9)[upper], weights=solid[upper])
    picture, bright = picture * (_MEAN / mean), bright * (_MEAN / mean)
    edge = _SUN_OVER * _MEAN
    # Once more without the sun, which was in the first average.
    rest = np.minimum(bright, edge)
    factor = _MEAN / np.average(rest[upper], weights=solid[upper])
    picture, bright = picture * factor, bright * factor
    # The colours of pixels that a camera could not hold are no colours: some suns are pure blue.
    full = picture.max(-1, keepdims=True) > edge
    kept = np.where(full, edge, picture)
    weight = (np.maximum(picture.mean(-1), edge) - edge)[upper] * solid[upper]
    toward = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(azimuth),
            np.sin(polar)[:, None] * np.sin(azimuth),
            np.cos(polar)[:, None] * np.ones(width),
        ],
        -1,
    )[upper]
    sun = np.array([0.6, 0.0, 0.8])
    sun_colour = np.zeros(3)
    if weight.sum() > 0:
        peak = toward.reshape(-1, 3)[weight.argmax()]
        near = (toward @ peak) > np.cos(np.radians(12.0))
        sun = (toward * weight[..., None])[near].sum(0)
        sun /= np.linalg.norm(sun)
        low = max(np.arcsin(sun[2]), _LOWEST_SUN)
        flat = sun[:2] / max(np.linalg.norm(sun[:2]), 1e-9) * np.cos(low)
        sun = np.array([*flat, np.sin(low)])
        # Irradiance over pi, as the radiance of a white surface that faces the sun; a low sun is warm.
        warm = np.exp(-np.array([0.05, 0.10, 0.19]) / (sun[2] + 0.12))
        sun_colour = weight[near].sum() / np.pi * warm / (warm @ _LUMINANCE)
    elevation = np.pi / 2 - polar
    high, lower = elevation > np.radians(35), (elevation > 0) & (elevation < np.radians(20))
    zenith = np.average(kept[high].reshape(-1, 3), axis=0, weights=solid[high].ravel())
    horizon = np.average(kept[lower].reshape(-1, 3), axis=0, weights=solid[lower].ravel())
    # A camera balances its white, for the most part.
    shone = 0.55 * zenith + 0.45 * horizon + np.minimum(sun_colour, 3.0) * sun[2]
    balance = (shone.mean() / shone) ** _BALANCED
    return PhotographedSky(
        name,
        (kept * balance).astype(np.float32),
        sun,
        sun_colour * balance,
        zenith * balance,
        horizon * balance,
        "night" in name.lower(),
    )


def light_of(sky: PhotographedSky, turn: float, config: WorldConfig, rng: np.random.Generator) -> Light:
    """The light of a sky that is turned about the vertical.

    Args:
        sky: photographed.
        turn: radians, as `Scenery.sky_turn`: what is at azimuth a in the world is at a + turn in the picture.
        config: for haze and exposure.
        rng: draws those.
    """
    c, s = np.cos(turn), np.sin(turn)
    sun = np.array([c * sky.sun[0] + s * sky.sun[1], -s * sky.sun[0] + c * sky.sun[1], sky.sun[2]])
    # The brightest suns of photographs are cut off by their cameras, or are far above what a picture shows.
    strength = min(1.0, 3.2 / max(float(sky.sun_colour.max()), 1e-9))
    sun_colour = sky.sun_colour * strength
    share = float(sun_colour.mean() / (sun_colour.mean() + 0.5))
    bounce = 0.16 * (sun_colour * sun[2] + sky.zenith)
    level = sun_colour.mean() * sun[2] * 0.55 + sky.zenith.mean() + 0.25
    return Light(
        sun=_triple(sun),
        sun_colour=_triple(sun_colour),
        zenith=_triple(sky.zenith),
        horizon=_triple(sky.horizon),
        bounce=_triple(bounce),
        cloud=1.0 - share,
        haze=float(rng.uniform(*config.haze) * (2 - share)),
        exposure=float(1.25 / level**0.75 * rng.uniform(*config.exposure)),
        seed=int(rng.integers(1, 9999)),
    )
