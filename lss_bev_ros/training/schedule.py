"""The learning rate over a run."""

from __future__ import annotations

import math


def learning_rate(rate: float, step: int, warm_up: int, progress: float) -> float:
    """A linear rise over `warm_up` steps, then half a cosine down to 0 at progress 1."""
    rise = min(1.0, (step + 1) / warm_up)
    return rate * rise * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
