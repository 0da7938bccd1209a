"""How much the loss would change without a channel (Molchanov et al., CVPR 2019, first-order Taylor).

A channel is gone when the scale and the shift of the batch normalisation that makes it are 0. To first order
the loss of one frame changes by scale * gradient + shift * gradient then, summed over every normalisation
that writes the channel (a residual stream has several writers). The score is the mean of its square.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from ...model.multi_sense import MultiSense, Network
from ...model.senses import SensesConfig
from .channels import axes
from .example import Example
from .running import answers

POSITIVE_WEIGHT = 2.13
"""Of vehicle cells in the loss, as in training (the official code)."""


def writers(senses: SensesConfig | None = None) -> dict[str, list[str]]:
    """For each width the normalisations whose channels it counts.

    Those between a block's expansion and its depthwise convolution are left out: what they write is
    normalised once more, channel by channel, by the one behind.
    """
    found: dict[str, list[str]] = {}
    for name, shape in axes(senses).items():
        # The unused head has a `_bn1` of its own, which no gradient reaches.
        if not name.endswith(".running_mean") or not shape[0]:
            continue
        if "_bn0" not in name and ".trunk._bn1" not in name:
            found.setdefault(shape[0][0], []).append(name.removesuffix(".running_mean"))
    return found


def channel_importance(
    model: Network,
    examples: Sequence[Example],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, torch.Tensor]:
    """Score every channel that can be taken out.

    Of the multi-sense network, whose answers are of many kinds, no truth is asked: the score is how far all
    answers together would move, each relative to its spread over the cells. A random sign for every number
    of the answers gives that in one gradient, as in Hutchinson's estimator of a trace.

    Args:
        model: in evaluation mode; left as it is.
        examples: frames to average over.
        progress: told of frames done and all.

    Returns:
        For each width (channels,) float64, at least 0; comparable between widths.
    """
    senses = model.config if isinstance(model, MultiSense) else None
    generator = torch.Generator().manual_seed(0)
    modules = dict(model.named_modules())
    norms = {width: [modules[name] for name in names] for width, names in writers(senses).items()}
    scores = {width: torch.zeros(len(found[0].weight), dtype=torch.float64) for width, found in norms.items()}
    parameters = [p for found in norms.values() for norm in found for p in (norm.weight, norm.bias)]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        for done, example in enumerate(examples):
            loss = _loss(answers(model, example), example, generator)
            gradients = iter(torch.autograd.grad(loss, parameters))
            for width, found in norms.items():
                changes = [_change(norm, next(gradients), next(gradients)) for norm in found]
                scores[width] += torch.stack(changes).sum(dim=0).double().square().cpu() / len(examples)
            if progress:
                progress(done + 1, len(examples))
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
    return scores


def _loss(found: Mapping[str, torch.Tensor], example: Example, generator: torch.Generator) -> torch.Tensor:
    """What the channels are scored by."""
    from ...training.losses import occupancy_loss

    if "logits" in found:
        return occupancy_loss(found["logits"], example.target[None], POSITIVE_WEIGHT)
    moved = []
    for answer in found.values():
        signs = torch.randint(0, 2, answer.shape, generator=generator) * 2.0 - 1.0
        spread = answer.detach().std().clamp_min(1e-6) * answer.numel() ** 0.5
        moved.append((answer * signs).sum() / spread)
    return torch.stack(moved).sum()


def _change(norm: nn.Module, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """(channels,) first-order change of the loss where the normalisation writes nothing."""
    weight, bias = norm.weight, norm.bias
    assert isinstance(weight, torch.Tensor), norm
    assert isinstance(bias, torch.Tensor), norm
    return weight.detach() * scale + bias.detach() * shift
