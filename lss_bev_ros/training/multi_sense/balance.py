"""How much each loss counts in the sum."""

from __future__ import annotations

from collections.abc import Mapping

import torch

IMPORTANCE = {
    "segments": 2.0,
    "overlap": 1.5,
    "heat": 1.0,
    "box": 1.0,
    "voxels": 1.0,
    "voxel_overlap": 1.0,
    "words": 0.8,
    "plan": 0.3,
    "depth": 0.3,
}
"""What a relative improvement of each loss is worth beside the others'."""
DECAY = 0.99
LEAST = 1e-3


class Balance:
    """Divides each loss by its own running mean, so that all pull alike whatever their units.

    The gradient is that of the sum of the losses' logarithms, which uncertainty weights (Kendall et al.,
    "Multi-Task Learning Using Uncertainty to Weigh Losses") come to as well, but from the first step on.

    Args:
        importance: weights by name.
        device: of the losses.
    """

    def __init__(self, importance: Mapping[str, float] = IMPORTANCE, device: torch.device | str = "cpu"):
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
            mean = now if mean is None else torch.where(now.isfinite(), torch.lerp(now, mean, DECAY), mean)
            self.means[name] = mean
            weight = self._importance.get(name, 1.0) * factors.get(name, 1.0)
            parts.append(weight * (loss / mean.clamp_min(LEAST)).mean())
        return torch.stack(parts).sum()

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return dict(self.means)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on with a checkpoint's."""
        self.means = {name: value.to(self._device) for name, value in state.items()}
