"""A frame with its truth, by which channels are weighed and a cut network is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class Example:
    """A frame with its truth.

    Attributes:
        images: (N, 3, H, W) float32, normalised.
        cells: (N, D, h, w) int64, the BEV cell of every frustum point, -1 outside the grid.
        target: (nx, ny) bool, cells of vehicles.
        points: (P, 5) LiDAR returns as `moment.returns` gives them, for a multi-sense network with LiDAR.
    """

    images: torch.Tensor
    cells: torch.Tensor
    target: torch.Tensor
    points: torch.Tensor | None = None
