"""How a run is doing, for its logs and for who watches it."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Interval:
    """Says when so many seconds have passed."""

    def __init__(self, every: float):
        self._every = every
        self._next: float | None = None

    def due(self, now: float) -> bool:
        """Whether they have since the last time that they had."""
        if self._next is None:
            self._next = now + self._every
        if now < self._next:
            return False
        self._next = now + self._every
        return True


class Rates:
    """Samples a second since the last line, over all ranks."""

    def __init__(self, step: int, drawn: int):
        self._then = (step, time.monotonic(), drawn)

    def row(self, step: int, seconds: float, batch: int, drawn: int, ranks: int) -> dict[str, float]:
        """The figures at a step; `batch` and `drawn` are a rank's."""
        now = time.monotonic()
        old_step, then, old_drawn = self._then
        self._then = (step, now, drawn)
        passed = max(now - then, 1e-9)
        return {
            "step": step,
            "seconds": seconds,
            "samples": step * batch * ranks,
            "trained_per_s": (step - old_step) * batch * ranks / passed,
            "drawn": drawn * ranks,
            "drawn_per_s": (drawn - old_drawn) * ranks / passed,
        }


def line(row: Mapping[str, float]) -> str:
    """A log line's figures as text."""
    return (
        f"step {row['step']} {100 * row['progress']:.0f}% loss {row['loss']:.4f} IoU {row['iou']:.3f} "
        f"depth {row['depth_loss']:.3f} rate {row['rate']:.2e} {row['trained_per_s']:.0f}/s "
        f"samples {row['drawn']} +{row['drawn_per_s']:.1f}/s gpu {row['gpu_percent']:.0f}%"
    )
