"""How much each loss counts in the sum."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..constant import constant

Importance = float | tuple[float, ...]

IMPORTANCE: dict[str, Importance] = {
    # In the order of `senses.SEGMENTS`.
    "segments": (1.0, 0.25, 0.25, 0.35, 0.3, 0.25, 0.35, 0.35),
    "overlap": (0.9, 0.2, 0.2, 0.2, 0.25, 0.15, 0.25, 0.25),
    "heat": 1.5,
    # In the order of `heads.BOX_NUMBERS`: velocity is the hardest to come by.
    "box": (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4),
    "voxels": 1.0,
    "voxel_overlap": 1.0,
    "words": 0.8,
    "plan": 0.3,
    "depth": 0.3,
    "photographs": 0.6,
}
"""What a relative improvement of each loss is worth beside the others': of one with parts, of each part or of
all together."""
DECAY = 0.99
LEAST = 1e-4


class Balance:
    """Divides each loss by its own running mean, so that all pull alike whatever their units.

    The gradient is that of the sum of the losses' logarithms, which uncertainty weights (Kendall et al.,
    "Multi-Task Learning Using Uncertainty to Weigh Losses") come to as well, but from the first step on.

    Args:
        importance: weights by name, as `IMPORTANCE`.
        device: of the losses.
    """

    def __init__(self, importance: Mapping[str, Importance] = IMPORTANCE, device: torch.device | str = "cpu"):
        self._importance, self._device = importance, device
        self.means: dict[str, torch.Tensor] = {}

    def total(
        self, losses: Mapping[str, torch.Tensor], factors: Mapping[str, float] | None = None
    ) -> torch.Tensor:
        """The weighted sum.

        Args:
            losses: by name, any shape: of one with several elements each has a mean of its own.
            factors: of some, on top of the importance.
        """
        factors = factors or {}
        parts = []
        for name, loss in losses.items():
            now = loss.detach().float()
            mean = self.means.get(name)
            mean = (
                torch.nan_to_num(now, nan=1.0)
                if mean is None
                else torch.where(now.isfinite(), torch.lerp(now, mean, DECAY), mean)
            )
            self.means[name] = mean
            ratio = loss / mean.clamp_min(LEAST)
            weight = self._importance.get(name, 1.0)
            if isinstance(weight, tuple):
                part = (constant(weight, loss.device) * ratio).sum()
            else:
                part = weight * ratio.mean()
            parts.append(factors.get(name, 1.0) * part)
        return torch.stack(parts).sum()

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return dict(self.means)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on with a checkpoint's."""
        self.means = {name: value.to(self._device) for name, value in state.items()}
