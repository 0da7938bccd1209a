"""The unit of a table's time stamps: nuScenes has microseconds, and others what their clock gave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MICROSECONDS = "microseconds"

# Exponent of ten that makes nanoseconds of it.
_EXPONENTS = {"seconds": 9, "milliseconds": 6, MICROSECONDS: 3, "nanoseconds": 0}

_EPOCH = (3e8, 1e10)
"""Seconds since 1970 of any recording: 1979 to 2286. A thousandth or a thousandfold of them is outside."""

_LONGEST = 86_400.0
"""Seconds between keyframes of one scene, at the very most."""

_SPACING = (0.015, 15.0)
"""Seconds between keyframes: 66 Hz to one in 15 s, a thousandfold apart, so that one unit fits at most."""


def unit_of(stamps: np.ndarray, spacing: float) -> str:
    """Tell the unit.

    Times since 1970 tell it by their size. Of a clock that began with the recording, as a simulator's, the
    distance between keyframes does. Where neither does, it is nuScenes' own.

    Args:
        stamps: of a table, as they are.
        spacing: median distance of consecutive keyframes in the table's unit, NaN where unknown.
    """
    typical = float(np.median(stamps)) if len(stamps) else 0.0
    scales = {name: 10.0 ** (exponent - 9) for name, exponent in _EXPONENTS.items()}
    for name, scale in scales.items():
        since_1970 = _EPOCH[0] <= typical * scale < _EPOCH[1]
        if since_1970 and (np.isnan(spacing) or 0.0 <= spacing * scale < _LONGEST):
            return name
    for name, scale in scales.items():
        if _SPACING[0] <= spacing * scale < _SPACING[1]:
            return name
    return MICROSECONDS


def nanoseconds(stamps: Sequence[float | int], unit: str) -> np.ndarray:
    """(N,) int64 ns of stamps in `unit`; whole numbers exactly, others to a microsecond."""
    exponent = _EXPONENTS[unit]
    scale = 10**exponent
    if all(type(stamp) is int for stamp in stamps):
        return np.array([stamp * scale for stamp in stamps], dtype=np.int64)
    # A double holds the microseconds of our time, but not its nanoseconds.
    micros = (round(stamp * 10.0 ** (exponent - 3)) for stamp in stamps)
    return np.array([1000 * value for value in micros], dtype=np.int64)
