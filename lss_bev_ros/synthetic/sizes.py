"""How large vehicles are and how often they are seen, in recorded streets.

The figures are those of 81 keyframes of nuScenes v1.0-mini (scenes 0103 and 0916): percentiles of what is
annotated within 50 m of the car.
"""

from __future__ import annotations

import numpy as np

PERCENTILES = (0, 10, 25, 50, 75, 90, 100)
CARS_WITHIN_50 = (3, 12, 17, 31, 38, 44, 46)
"""Cars within 50 m, of a keyframe, at `PERCENTILES`."""
CAR_LENGTH = (3.48, 4.08, 4.29, 4.57, 4.80, 5.00, 5.84)
CAR_WIDTH = (1.48, 1.63, 1.69, 1.80, 1.89, 1.99, 2.32)
CAR_HEIGHT = (1.38, 1.49, 1.54, 1.61, 1.73, 1.96, 2.44)
"""Sizes of cars, metres, at `PERCENTILES`."""
MIX = (0.74, 0.11, 0.05, 0.05, 0.05)
"""Shares of cars, trucks, buses, motorcycles and bicycles in moving traffic."""


def car_size(rng: np.random.Generator) -> np.ndarray:
    """(3,) length, width and height of a car, metres: long ones are mostly wide, and wide ones high."""
    ranks = np.clip(rng.random() + rng.normal(0, [0.0, 0.18, 0.25]), 0, 1) * 100
    table = (CAR_LENGTH, CAR_WIDTH, CAR_HEIGHT)
    return np.array([np.interp(r, PERCENTILES, row) for r, row in zip(ranks, table, strict=True)])
