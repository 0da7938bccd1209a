"""A prediction whose grid has come back from the GPU and whose logits have not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ...geometry import BevGrid
from ..frame_set import UNKNOWN, Prediction


class DevicePrediction(Prediction):
    """What `Prediction` is; the logits are fetched when they are asked for.

    Args:
        stamp: see `Prediction`, as for the others.
        grid: see there.
        logits: (nx, ny) float32 on the GPU, this prediction's own.
        occupancy: (nx, ny) int8.
        visible: (nx, ny) bool.
        timings: stage to milliseconds.
    """

    _logits: torch.Tensor | np.ndarray
    _occupancy: np.ndarray

    def __init__(
        self,
        stamp: int,
        grid: BevGrid,
        logits: torch.Tensor,
        occupancy: np.ndarray,
        visible: np.ndarray,
        timings: Mapping[str, float],
    ):
        values = {"stamp": stamp, "grid": grid, "visible": visible, "timings": timings}
        # The base is frozen; this is what its own constructor does.
        for name, value in {**values, "_logits": logits, "_occupancy": occupancy}.items():
            object.__setattr__(self, name, value)

    @property
    def logits(self) -> np.ndarray:
        """(nx, ny) float32 vehicle logits."""
        if isinstance(self._logits, torch.Tensor):
            object.__setattr__(self, "_logits", self._logits.cpu().numpy())
        assert isinstance(self._logits, np.ndarray)
        return self._logits

    @property
    def occupancy(self) -> np.ndarray:
        """See `Prediction.occupancy`: the same values, made on the GPU."""
        return self._occupancy

    @property
    def unknown_by_nan(self) -> int:
        """See `Prediction.unknown_by_nan`: read off the grid, so that no logits are fetched."""
        return int(np.count_nonzero(self.visible & (self.occupancy == UNKNOWN)))
