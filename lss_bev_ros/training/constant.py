"""Small tensors that never change, each put on a device once: copying one there waits for what is queued."""

from __future__ import annotations

from functools import lru_cache

import torch


@lru_cache(maxsize=64)
def constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """(N,) float32, to be read only."""
    return torch.tensor(values, dtype=torch.float32, device=device)
