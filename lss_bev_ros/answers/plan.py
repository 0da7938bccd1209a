"""Shoot: which of many paths costs least (Philion and Fidler, "Lift, Splat, Shoot", section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import ModelError
from ..geometry import BevGrid
from ..model.heads import PLAN_STEPS

BESTS = 5
"""Paths that a plan has."""


@dataclass(frozen=True, eq=False)
class PathPlan:
    """The paths that cost least.

    Attributes:
        paths: (K, 6, 2) float32, metres, base_link at the frame's stamp, half a second apart, the best first.
        probabilities: (K,) float32 among all templates.
        cost: (nx, ny) float32, what it costs to be in a cell.
        grid: of the cost.
        templates: (T, 6, 2) float32, all paths that were chosen from, where they were asked for.
        scores: (T,) float32 of the templates, the larger the better, -inf where the network gave no number.
    """

    paths: np.ndarray
    probabilities: np.ndarray
    cost: np.ndarray
    grid: BevGrid
    templates: np.ndarray | None = None
    scores: np.ndarray | None = None

    @property
    def best(self) -> np.ndarray:
        """(6, 2) the path to take."""
        best: np.ndarray = self.paths[0]
        return best

    @property
    def percents(self) -> np.ndarray:
        """(nx, ny) int8 for a costmap: 0 for the cheapest cells to 100 for the dearest, -1 where unknown.

        The network's cost has no unit: it is scaled between its 1st and 99th percentile.
        """
        known = np.isfinite(self.cost)
        if not known.any():
            return np.full(self.cost.shape, -1, np.int8)
        low, high = np.percentile(self.cost[known], (1, 99))
        share = (np.where(known, self.cost, low) - low) / max(float(high - low), 1e-6)
        percents: np.ndarray = np.where(known, np.clip(share, 0, 1) * 100, -1).astype(np.int8)
        return percents


def decode(
    cost: torch.Tensor,
    scores: torch.Tensor,
    templates: torch.Tensor,
    grid: BevGrid,
    count: int = BESTS,
    whole: bool = False,
) -> PathPlan:
    """Choose the best paths.

    Args:
        cost: (1, nx, ny) of one frame, as the plan head gives it, on any device.
        scores: (T,) of the templates, as `PlanHead.scores` tells them from the cost and the car's motion: the
            softmax over them is the plan's distribution.
        templates: (T, 6, 2) metres, base_link.
        grid: the cells.
        count: paths to keep.
        whole: whether all templates and their scores are wanted too.

    Raises:
        ModelError: tensors of other shapes.
    """
    if templates.shape[1:] != (PLAN_STEPS, 2) or scores.shape != templates.shape[:1] or not len(templates):
        raise ModelError(
            f"a plan has T scores and (T, {PLAN_STEPS}, 2) templates, not {tuple(scores.shape)} and "
            f"{tuple(templates.shape)}"
        )
    if cost.shape != (1, *grid.shape):
        raise ModelError(f"a plan head gives {(1, *grid.shape)}, not {tuple(cost.shape)}")
    known = scores.float().nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    # Where no score is a number, all paths are alike.
    chances = torch.where(known.isfinite().any(), known, torch.zeros_like(known)).softmax(0)
    probabilities, best = chances.topk(min(count, len(templates)))
    return PathPlan(
        templates[best].float().cpu().numpy(),
        probabilities.cpu().numpy(),
        cost[0].float().cpu().numpy(),
        grid,
        templates.float().cpu().numpy() if whole else None,
        known.cpu().numpy() if whole else None,
    )
