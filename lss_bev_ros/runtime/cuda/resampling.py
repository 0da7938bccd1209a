"""The weights of Pillow's bicubic resize, as whole numbers (Pillow's src/libImaging/Resample.c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BITS = 22
"""Fractional bits of a weight: Pillow's 32 - 8 - 2."""

SUPPORT = 2.0
"""Of the bicubic filter, in pixels of the smaller image."""


@dataclass(frozen=True, eq=False)
class Resampling:
    """What each output pixel along one axis reads.

    Attributes:
        starts: (outputs,) int32, the first input pixel.
        weights: (outputs, taps) int32, times 2 ** BITS; 0 behind the last tap of an output.
    """

    starts: np.ndarray
    weights: np.ndarray

    @classmethod
    def bicubic(cls, size: int, resized: int, first: int, outputs: int) -> Resampling:
        """The weights of outputs `first` to `first + outputs` of a resize from `size` to `resized` pixels."""
        scale = size / resized
        # Shrinking widens the filter, so that it sees every input pixel.
        wide = max(scale, 1.0)
        support = SUPPORT * wide
        taps = int(np.ceil(support)) * 2 + 1
        centers = (np.arange(first, first + outputs) + 0.5) * scale
        starts = np.maximum((centers - support + 0.5).astype(np.int64), 0)
        ends = np.minimum((centers + support + 0.5).astype(np.int64), size)
        offsets = np.arange(taps)
        x = (starts[:, None] + offsets - centers[:, None] + 0.5) / wide
        weights = np.where(offsets < (ends - starts)[:, None], _cubic(x), 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
        # Rounded half away from zero, as a C cast of +-0.5 does.
        whole = np.trunc(weights * (1 << BITS) + np.where(weights < 0, -0.5, 0.5))
        return cls(starts.astype(np.int32), whole.astype(np.int32))


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys's cubic with a = -1/2."""
    a = -0.5
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
