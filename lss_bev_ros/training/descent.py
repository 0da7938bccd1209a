"""One step downhill."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from ..model.camera_encoder import CameraEncoder


def train_encoder(encoder: CameraEncoder, drop_connect: float) -> None:
    """Make a camera encoder, all of whose parameters require gradients, ready to be trained.

    Args:
        encoder: changed in place.
        drop_connect: stochastic depth of its trunk.
    """
    trunk = encoder.trunk
    # The classification head is part of the checkpoint's names and never runs.
    for head in (trunk._conv_head, trunk._bn1, trunk._fc):
        head.requires_grad_(False)
    published = max(block.drop_connect for block in trunk.blocks)
    for block in trunk.blocks:
        block.drop_connect *= drop_connect / published


def descend(
    loss: torch.Tensor, optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter], clip: float
) -> torch.Tensor:
    """Take one optimiser step, unless the gradient is not finite.

    Returns:
        The gradient's norm before it was clipped.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    gradient = nn.utils.clip_grad_norm_(parameters, clip)
    if loss.is_cuda:
        # The fused kernel leaves the weights alone where this is 1, without waiting for the device.
        vars(optimizer).update(found_inf=(~gradient.isfinite()).float(), grad_scale=None)
        optimizer.step()
    elif gradient.isfinite():
        optimizer.step()
    return gradient.detach()
