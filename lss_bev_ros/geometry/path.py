"""Ways to drive, as places at equal steps of time."""

from __future__ import annotations

import math

import numpy as np

_STANDING = 0.1
"""Metres between two steps below which a car does not turn."""


def headings(places: np.ndarray) -> np.ndarray:
    """(T,) radians: where a car looks that drives through places (T, 2), from looking along x at the first.

    Below 0.1 m of motion it goes on looking where it looked.
    """
    angles = np.zeros(len(places))
    for k in range(1, len(places)):
        # Central, so that a curve's heading at a step is that of the curve there.
        ahead = places[min(k + 1, len(places) - 1)] - places[k - 1]
        moved = float(np.linalg.norm(ahead)) >= _STANDING
        angles[k] = math.atan2(ahead[1], ahead[0]) if moved else angles[k - 1]
    return angles
