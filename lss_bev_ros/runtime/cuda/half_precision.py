"""Weights and biases in half precision that err less where it counts, at no cost when the network runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..cpu.convolution import fold

SMALLEST = 2.0**-14
"""Smaller numbers lose bits in half precision."""


def rounded_taps(weight: torch.Tensor) -> torch.Tensor:
    """Round the weights of a 3x3 convolution so that the errors of a kernel's taps cancel.

    Each tap is rounded together with what the taps before it rounded away. Neighbouring pixels of a map are
    much alike, upsampled ones above all, so what counts is the sum of a kernel's errors, and that is at most
    half of the last one's unit.

    Args:
        weight: (O, I, k, k) float32.

    Returns:
        The same, every value one that half precision holds.
    """
    taps = weight.flatten(2)
    rounded = torch.empty_like(taps)
    left = torch.zeros_like(taps[..., 0])
    for tap in range(taps.shape[2]):
        wanted = taps[..., tap] + left
        rounded[..., tap] = wanted.half().float()
        left = wanted - rounded[..., tap]
    return rounded.view_as(weight)


def fold_with_half_biases(
    layers: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d]], after: nn.Conv2d
) -> list[nn.Conv2d]:
    """Fold layers with ReLU between them so that half precision holds every bias as it is.

    ReLU of a channel times a positive factor is that factor times ReLU. So each channel is scaled by the
    factor next to one that makes its bias a number of half precision, and the layer that reads it divides.

    Args:
        layers: convolutions and the normalisations behind them, each followed by ReLU and reading all that
            the one before it writes; anything linear that treats every channel alike may lie between.
        after: the convolution that reads the last one; its bias stays as it is.

    Returns:
        Convolutions with bias that compute the same as `layers` and `after`.
    """
    folded, factor = [], torch.ones(())
    for conv, norm in (*layers, (after, None)):
        weight, bias = fold(conv, norm)
        weight = weight / factor.view(1, -1, 1, 1)
        if norm is not None:
            held = torch.where(bias.abs() >= SMALLEST, bias.half().float(), bias)
            factor = torch.where(held == bias, 1.0, held / bias)
            weight, bias = weight * factor.view(-1, 1, 1, 1), held
        folded.append(convolution(conv, weight, bias))
    return folded


def convolution(like: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> nn.Conv2d:
    """A convolution of other parameters, with the stride and padding of `like`."""
    outputs, inputs = weight.shape[:2]
    conv = nn.Conv2d(inputs, outputs, like.kernel_size[0], like.stride[0], int(like.padding[0]))
    with torch.no_grad():
        conv.weight.copy_(weight)
        assert conv.bias is not None
        conv.bias.copy_(bias)
    return conv
