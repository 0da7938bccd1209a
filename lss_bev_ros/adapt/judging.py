"""How a camera network does on minutes that it was not adapted on, without a label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..evaluation.agreement import LidarScore
from ..evaluation.lidar import LidarGrid
from ..geometry import BevGrid
from ..geometry.ground import Ground
from ..model.senses import SEGMENTS
from .evidence import FILLED, FREE
from .teaching import Taught

SCORE = "agreement"
"""What counts when two networks are compared."""

_SLACK = 0.02
"""By which the contradiction may rise, or support and recall together fall, with a better agreement."""

_LEVEL = Ground(np.zeros(3), np.zeros((2, 2)), 1.0, 1.0)


class UnlabelledScore:
    """Counts what a network says of vehicles by its cameras alone.

    | name | |
    |---|---|
    | agreement | IoU with the LiDAR network's vehicles, over cells where it is sure and not contradicted |
    | lidar_support, lidar_contradiction | as of the evaluation node |
    | lidar_recall | as of the evaluation node, of these vehicles |
    | predicted | share of all cells |
    """

    def __init__(self, grid: BevGrid) -> None:
        self._lidar = LidarScore(grid)
        self._counts = np.zeros(4)

    def add(self, logits: torch.Tensor, taught: Taught, evidence: torch.Tensor) -> None:
        """Count a batch.

        Args:
            logits: (B, 8, nx, ny) of the segmentation.
            taught: of it.
            evidence: (B, nx, ny) uint8.
        """
        layer = SEGMENTS.index("vehicle")
        said = logits[:, layer].float().sigmoid().cpu().numpy()
        known = taught.known[:, layer].cpu().numpy()
        true = (taught.segments[:, layer] > 0.5).cpu().numpy() & known
        bits = evidence.cpu().numpy()
        nothing = np.zeros((0, 3))
        for each in range(len(said)):
            predicted = said[each] >= 0.5
            here = predicted & known[each]
            self._counts += [
                np.count_nonzero(here & true[each]),
                np.count_nonzero(here | true[each]),
                np.count_nonzero(predicted),
                predicted.size,
            ]
            scan = LidarGrid(
                (bits[each] & FILLED) > 0, (bits[each] & FREE) > 0, nothing[:, 0], nothing, _LEVEL
            )
            self._lidar.update(np.round(said[each] * 100).astype(np.int8), scan, true[each])

    def figures(self) -> dict[str, float]:
        """By name, NaN for what nothing was counted of."""
        both, either, predicted, cells = self._counts.tolist()
        running = self._lidar.running
        return {
            SCORE: both / either if either else float("nan"),
            **{name: running[name] for name in ("lidar_support", "lidar_contradiction", "lidar_recall")},
            "predicted": predicted / cells if cells else float("nan"),
        }


FIELDS = (SCORE, "lidar_support", "lidar_contradiction", "lidar_recall", "predicted")
"""Names of the figures."""


def is_better(after: Mapping[str, float], before: Mapping[str, float], gain: float) -> bool:
    """Whether scores are better than others: agreement rose, and nothing else got worse for it.

    Args:
        after: scores of the one.
        before: of the other.
        gain: by which the agreement must rise.
    """
    return not why_not(after, before, gain)


def why_not(after: Mapping[str, float], before: Mapping[str, float], gain: float) -> str:
    """Why scores are not better, in one line; empty where they are."""

    def number(scores: Mapping[str, float], name: str) -> float:
        return float(np.nan_to_num(scores.get(name, 0.0)))

    rise = number(after, SCORE) - number(before, SCORE)
    if not rise > gain:
        return f"agreement with the LiDAR rose by {rise:.4f}, which is not more than {gain:g}"
    # Who says more is supported in less of it: what support loses, recall must make up for.
    lost = sum(number(before, name) - number(after, name) for name in ("lidar_support", "lidar_recall"))
    if number(before, "predicted") > 0 and lost > _SLACK:
        return f"the LiDAR's support and recall together fell by {lost:.3f}"
    contradiction = number(after, "lidar_contradiction") - number(before, "lidar_contradiction")
    if contradiction > _SLACK:
        return f"cells that the LiDAR contradicts rose by {contradiction:.3f} of those predicted"
    return ""
