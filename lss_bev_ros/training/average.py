"""A moving average of the weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


class WeightAverage(Generic[M]):
    """An exponential moving average of parameters and batch statistics.

    Args:
        model: that is averaged.
        decay: share of the old average that a step keeps; less in the first steps.
    """

    def __init__(self, model: M, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self._pairs: tuple[list[torch.Tensor], list[torch.Tensor]] | None = None

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take the weights after step `step` (from 0) in."""
        if self._pairs is None:
            ours, theirs = self.model.state_dict(), model.state_dict()
            names = [name for name, tensor in ours.items() if tensor.is_floating_point()]
            self._pairs = [ours[name] for name in names], [theirs[name] for name in names]
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(*self._pairs, 1 - decay)
