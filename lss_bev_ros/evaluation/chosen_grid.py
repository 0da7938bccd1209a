"""Which grid is scored, where predictions come from whoever publishes them."""

from __future__ import annotations

from ..errors import EvaluationError
from ..geometry import BevGrid

FEW = 10
"""Frames whose grid may turn out to have been another's."""


class ChosenGrid:
    """Follows the grid that most frames are on, so that one stray frame at the beginning decides nothing.

    A prediction on another grid is refused, until more of them came in a row than frames were scored before;
    once `FEW` frames are scored, their grid stays.
    """

    def __init__(self) -> None:
        """Start without a grid."""
        self._grid: BevGrid | None = None
        self._frames = 0
        self._other: BevGrid | None = None
        self._count = 0

    def take(self, grid: BevGrid, topic: str) -> bool:
        """Look at the grid of a frame that is about to be scored.

        Args:
            grid: of the frame.
            topic: where it came from, for the message.

        Returns:
            Whether scores are to begin anew, on this grid.

        Raises:
            EvaluationError: scores are on another grid.
        """
        if grid == self._grid:
            self._frames += 1
            self._other = None
            return False
        self._count = self._count + 1 if grid == self._other else 1
        self._other = grid
        if self._frames >= min(self._count, FEW):
            raise EvaluationError(
                f"{topic}: the grid changed from {self._grid} to {grid}; restart the node, or stop what "
                f"else publishes there"
            )
        self._grid, self._frames, self._other = grid, 1, None
        return True
