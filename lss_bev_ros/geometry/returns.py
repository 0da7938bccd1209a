"""Which points of a LiDAR scan are returns."""

from __future__ import annotations

import numpy as np

FARTHEST = 1000.0
"""Metres: no LiDAR of a car reads farther; drivers write such numbers where nothing came back."""


def returned(points: np.ndarray) -> np.ndarray:
    """(N,) bool, whether each point is a return.

    Of a beam that nothing sends back, drivers write NaN, infinity, a number beyond all reach, or 0, 0, 0: the
    place of the LiDAR itself, where nothing can be.

    Args:
        points: (N, 3 or more) x, y and z in metres in the LiDAR's frame.
    """
    away = np.abs(points[:, :3]).max(axis=1, initial=0.0)
    known: np.ndarray = (away > 0.0) & (away <= FARTHEST)  # NaN is neither
    return known
