"""Photographs of road, pavement and grass over the drawn ones."""

from __future__ import annotations

import numpy as np

from .assets import Assets
from .material import ASPHALT, GRASS, PAVING, Materials

_LAID = {ASPHALT: "asphalt", PAVING: "paving", GRASS: "grass"}
_METRES = (2.5, 7.0)
"""A photograph shows a piece of ground of a side between these, metres."""


def surfaced(materials: Materials, assets: Assets, chance: float, rng: np.random.Generator) -> Materials:
    """The materials with photographs laid over kinds of ground.

    What is drawn keeps its colour and patterns, and is multiplied by the photograph over its average.

    Args:
        materials: of a world.
        assets: have photographs of grounds, or have none.
        chance: probability of one for each kind of ground.
        rng: draws; the same number whatever there is.
    """
    params = materials.params.copy()
    for kind, ground in _LAID.items():
        drawn, pick, metres = rng.random(), rng.random(), rng.uniform(*_METRES)
        numbers = assets.grounds.get(ground, ())
        if drawn > chance or not numbers:
            continue
        number = numbers[int(pick * len(numbers))]
        rows = materials.kind == kind
        params[rows, 5] = 1.0 / max(float(assets.average(number).mean()), 0.02)
        params[rows, 6], params[rows, 7] = metres, number + 1
    return materials._replace(params=params)
