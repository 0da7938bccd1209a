"""Counts of frames: of the newest one and of all, from which a score works out its metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self  # of `typing` from Python 3.11 on


class FrameCounts(ABC):
    """What scores of frames have in common; one that derives from it says what it counts and what that means.

    Attributes:
        frames: counted since the start.
    """

    frames: int

    def reset(self) -> None:
        """Forget all frames."""
        self._last, self._sum = self._nothing(), self._nothing()
        self.frames = 0

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame by name."""
        return self._metrics(self._last)

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames since the start by name."""
        return self._metrics(self._sum)

    def merge(self, later: Self) -> None:
        """Count the frames of a score of the same settings too, as if they came after these."""
        if later.frames:
            self._last, self._sum = later._last, self._sum + later._sum
            self.frames += later.frames

    def _count(self, counts: np.ndarray) -> dict[str, float]:
        """Take a frame in; its metrics by name."""
        self._last, self._sum = counts, self._sum + counts
        self.frames += 1
        return self.last

    @abstractmethod
    def _nothing(self) -> np.ndarray:
        """Counts of no frame."""

    @abstractmethod
    def _metrics(self, counts: np.ndarray) -> dict[str, float]:
        """Metrics by name of the counts of some frames."""
