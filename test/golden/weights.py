"""Weights of the published network without its checkpoint: drawn from a seed."""

from __future__ import annotations

import zlib

import numpy as np
import torch

KEPT = ("dx", "bx", "nx", "frustum")  # what the constructor computes


def drawn(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights from one seed a name: any implementation with the official names draws the same ones."""
    weights = dict(state)
    for name, tensor in state.items():
        if name in KEPT or not tensor.is_floating_point():
            continue
        draw = np.random.default_rng([0, zlib.crc32(name.encode())])
        shape = tuple(tensor.shape)
        if name.endswith("running_var"):
            values = draw.uniform(0.5, 1.5, shape)
        elif name.endswith("running_mean"):
            values = draw.normal(0, 0.1, shape)
        elif len(shape) == 1:
            values = draw.uniform(0.8, 1.2, shape) if name.endswith("weight") else draw.normal(0, 0.1, shape)
        else:
            values = draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights
