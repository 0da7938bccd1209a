"""Which scans of a drive are keyframes, and which images belong to them, by stamps alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

KEYFRAME_PERIOD = 500_000_000
"""Nanoseconds between nuScenes' keyframes."""


def spans(stamps: np.ndarray, gap: int, breaks: Sequence[int] = ()) -> Iterator[slice]:
    """Scenes of a drive: rows of scans without a pause between them.

    Args:
        stamps: (S,) int64 ns, ascending, of the scans.
        gap: nanoseconds; a longer pause ends a scene.
        breaks: rows that begin a scene anyway.
    """
    if not len(stamps):
        return
    paused = np.flatnonzero(np.diff(stamps) > gap) + 1
    edges = sorted({0, len(stamps), *paused.tolist(), *breaks})
    for first, last in pairwise(edges):
        yield slice(first, last)


def keyframes(stamps: np.ndarray, period: int = KEYFRAME_PERIOD) -> np.ndarray:
    """Rows of the scans that are keyframes: the first, then the one that comes after `period`, and so on.

    A scan that comes early by less than half the time from one scan to the next is still taken.

    Args:
        stamps: (S,) int64 ns, ascending, of one scene's scans.
        period: nanoseconds.
    """
    if not len(stamps):
        return np.zeros(0, np.int64)
    early = int(np.median(np.diff(stamps))) // 2 if len(stamps) > 1 else 0
    chosen, last = [0], int(stamps[0])
    for row, stamp in enumerate(stamps.tolist()):
        if stamp - last >= period - min(early, period // 2):
            chosen.append(row)
            last = stamp
    return np.array(chosen, np.int64)


def nearest(shots: np.ndarray, wanted: np.ndarray, tolerance: int) -> np.ndarray:
    """The shot of each instant; a shot belongs to one instant at most, that which is nearest to it.

    Args:
        shots: (M,) int64 ns, ascending.
        wanted: (K,) int64 ns, ascending.
        tolerance: nanoseconds between the two, at most.

    Returns:
        (K,) int64 rows of `shots`, -1 where none is near enough.
    """
    found = np.full(len(wanted), -1, np.int64)
    if not len(shots) or not len(wanted):
        return found
    after = np.clip(np.searchsorted(shots, wanted), 0, len(shots) - 1)
    before = np.maximum(after - 1, 0)
    apart_after, apart_before = np.abs(shots[after] - wanted), np.abs(shots[before] - wanted)
    row = np.where(apart_before <= apart_after, before, after)
    apart = np.minimum(apart_before, apart_after)
    order = np.argsort(apart, kind="stable")
    taken: set[int] = set()
    for place in order.tolist():
        if apart[place] <= tolerance and int(row[place]) not in taken:
            taken.add(int(row[place]))
            found[place] = row[place]
    return found
