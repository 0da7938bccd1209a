"""From logits to percent by counting thresholds, so that a GPU gives the very values that the CPU gives."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from ...geometry import BevGrid
from ..frame_set import UNKNOWN, Prediction


@functools.cache
def percent_thresholds() -> np.ndarray:
    """The smallest logit of every percentage, by the rule of `Prediction.occupancy` itself.

    That rule rises with the logit, so counting the thresholds that a logit reaches gives the same number.

    Returns:
        (128,) float32: of 1 to 100 percent, then infinity.
    """
    # Float32 in the order of its values is the order of these integers.
    low = np.full(100, _key(np.float32(-200.0)))
    high = np.full(100, _key(np.float32(200.0)))
    wanted = np.arange(1, 101)
    while (high - low > 1).any():
        middle = (low + high) // 2
        reached = _percent(_value(middle)) >= wanted
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    thresholds = np.full(128, np.inf, dtype=np.float32)
    thresholds[:100] = _value(high)
    return thresholds


def count_percent(logits: torch.Tensor, thresholds: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """`Prediction.occupancy` with PyTorch's operators.

    Args:
        logits: (nx, ny) float32.
        thresholds: `percent_thresholds`, on their device.
        seen: (nx * ny,) uint8, whether a camera sees the cell.

    Returns:
        (nx, ny) int64: 0 to 100, -1 where no camera sees and where the logit is no finite number.
    """
    reached = torch.bucketize(logits, thresholds, right=True)
    known = seen.view(logits.shape).bool() & logits.isfinite()
    return torch.where(known, reached, UNKNOWN)


def _percent(logits: np.ndarray) -> np.ndarray:
    shape = (len(logits), 1)
    grid = BevGrid()
    return Prediction(0, grid, logits.reshape(shape), np.ones(shape, bool)).occupancy[:, 0].astype(np.int64)


def _key(value: np.floating[Any]) -> np.ndarray:
    bits = np.asarray(value, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))


def _value(key: np.ndarray) -> np.ndarray:
    bits = np.where(key >= 0, key, 0x80000000 | -key)
    return bits.astype(np.uint32).view(np.float32)
