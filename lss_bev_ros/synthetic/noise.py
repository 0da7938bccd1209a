"""Hashes and smooth noise, the raw material of every texture; compiled, pure functions of their inputs."""

from __future__ import annotations

import math

from numba import njit

_MASK = 0xFFFFFFFF


@njit(cache=True, nogil=True)
def whole(x: float) -> int:
    """The greatest whole number up to `x`, an integer on a GPU too."""
    return int(math.floor(x))  # noqa: RUF046 (on a GPU it is a float)


@njit(cache=True, nogil=True)
def hashed(x: int, y: int, seed: int) -> float:
    """A number in [0, 1) that looks random and depends on the three integers alone."""
    h = (x * 374761393 + y * 668265263 + seed * 974634777) & _MASK
    h = ((h ^ (h >> 13)) * 1274126177) & _MASK
    h = ((h ^ (h >> 16)) * 1103515245) & _MASK
    return ((h ^ (h >> 15)) & 0xFFFFFF) / 16777216.0


@njit(cache=True, nogil=True)
def smooth(x: float, y: float, seed: int) -> float:
    """Value noise in [0, 1) with features of size 1, continuous with its first derivative."""
    i, j = whole(x), whole(y)
    fx, fy = x - i, y - j
    fx, fy = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
    a, b = hashed(i, j, seed), hashed(i + 1, j, seed)
    c, d = hashed(i, j + 1, seed), hashed(i + 1, j + 1, seed)
    return a + (b - a) * fx + (c - a) * fy + (a - b - c + d) * fx * fy


@njit(cache=True, nogil=True)
def fractal(x: float, y: float, octaves: int, seed: int) -> float:
    """Sum of `octaves` of `smooth`, each twice as fine and half as strong, in [0, 1)."""
    total, weight, scale = 0.0, 0.5, 0.0
    for octave in range(octaves):
        total += weight * smooth(x, y, seed + octave)
        scale += weight
        weight *= 0.5
        x, y = x * 2.03 + 17.1, y * 2.03 + 9.7
    return total / scale


@njit(cache=True, nogil=True)
def ramp(x: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, straight between."""
    return min(1.0, max(0.0, (x - low) / (high - low)))


@njit(cache=True, nogil=True)
def pulse(x: float, low: float, high: float, width: float) -> float:
    """1 between `low` and `high`, 0 outside, its edges blurred over `width` (the pixel's footprint)."""
    width = max(width, 1e-4)
    return max(0.0, min(x + width / 2, high) - max(x - width / 2, low)) / width
