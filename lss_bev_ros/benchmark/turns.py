"""Contenders run in turns, so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

WARM_UP = 2
"""Runs of each contender before the first that counts."""

QUANTILES = {"median_ms": (50.0, 1), "p95_ms": (95.0, 1), "p99_ms": (99.0, 1), "p999_ms": (99.9, 1000)}
"""What reports say of many runs, with how many runs it takes to say it."""

Result = TypeVar("Result")
Contender = TypeVar("Contender")


class Turns:
    """Times contenders that all run once a round.

    Args:
        contenders: how many.
        warm_up: runs of each before the first round.
    """

    def __init__(self, contenders: int, warm_up: int = WARM_UP):
        self._left = warm_up
        self._times: list[list[float]] = [[] for _ in range(contenders)]

    def round(self, runs: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run every contender once, another one first than in the round before.

        Args:
            runs: one a contender; each returns when its work is done.

        Returns:
            What each run returned, in the order of `runs`.
        """
        for _ in range(self._left):
            for run in runs:
                run()
        self._left = 0
        results: dict[int, Result] = {}
        for index in rotated(range(len(runs)), len(self._times[0])):
            start = time.perf_counter()
            results[index] = runs[index]()
            self._times[index].append((time.perf_counter() - start) * 1e3)
        return [results[index] for index in range(len(runs))]

    @property
    def milliseconds(self) -> npt.NDArray[np.float64]:
        """(contenders, rounds) wall time."""
        return np.array(self._times, dtype=np.float64)


def take_turns(runs: Sequence[Callable[[int], object]], rounds: int) -> npt.NDArray[np.float64]:
    """Time contenders that need nothing but the number of the round.

    Returns:
        (contenders, rounds) milliseconds.
    """
    turns = Turns(len(runs))
    for number in range(rounds):
        turns.round([partial(run, number) for run in runs])
    return turns.milliseconds


def rotated(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """The order of a round: none is always first, while caches are cold, or always behind the same one."""
    shift = number % len(contenders) if contenders else 0
    return [*contenders[shift:], *contenders[:shift]]


def times_faster(slow: npt.ArrayLike, fast: npt.ArrayLike) -> float:
    """Median of the ratios round by round, so that a slow moment of the machine counts on both sides."""
    return float(np.median(np.asarray(slow) / np.maximum(fast, 1e-6)))


def latency_report(milliseconds: npt.NDArray[np.float64]) -> dict[str, float | int]:
    """Mean, deviation and median of one contender's runs, ready for JSON."""
    return {
        "mean": float(np.mean(milliseconds)),
        "deviation": float(np.std(milliseconds)),
        "median": float(np.median(milliseconds)),
        "runs": len(milliseconds),
    }


def quantiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Those `QUANTILES` that there are enough runs for; NaN without any."""
    found = {name: q for name, (q, least) in QUANTILES.items() if len(milliseconds) >= least or least == 1}
    if not len(milliseconds):
        return dict.fromkeys(found, float("nan"))
    return dict(zip(found, map(float, np.percentile(milliseconds, list(found.values()))), strict=True))
