"""Times of the stages of one inference."""

from __future__ import annotations

import time


class Stopwatch:
    """Notes what passed since the last stage ended; one that comes again is added to."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._stages: dict[str, float] = {}

    def stage(self, name: str) -> None:
        """End the stage `name`."""
        now = time.perf_counter()
        self._stages[name] = self._stages.get(name, 0.0) + (now - self._last) * 1e3
        self._last = now

    def timings(self) -> dict[str, float]:
        """Stage to milliseconds in order of execution, `total` last."""
        return {**self._stages, "total": (self._last - self._start) * 1e3}
