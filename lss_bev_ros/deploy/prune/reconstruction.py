"""What is left of a layer takes over the work of what was taken out, by least squares, without training.

A convolution that has lost inputs is given those weights with which it comes nearest to its old outputs on
some frames (He et al., "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, section 3.1).
The frames need no annotations. Fine-tuning then starts much nearer to the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...model import LiftSplatShoot
from ...training.splat import splat_batch
from .channels import axes
from .importance import Example

ROWS = 500
"""Pixels of a frame that each layer is fitted on, drawn at random."""

RIDGE = 0.01
"""Pull toward the weights that are there, over the mean variance of the inputs."""

_NORMS = {
    "_expand_conv": "_bn0",
    "_project_conv": "_bn2",
    "conv1": "bn1",
    "conv2": "bn2",
    "downsample.0": "downsample.1",
    "conv.0": "conv.1",
    "conv.3": "conv.4",
    "up2.1": "up2.2",
}
"""The normalisation that follows a convolution, by the ends of their names; the others have a bias."""


@dataclass(eq=False)
class _Moments:
    """Sums over rows of inputs a and outputs b, from which the least squares follow."""

    rows: int
    a: torch.Tensor
    b: torch.Tensor
    aa: torch.Tensor
    ab: torch.Tensor

    @classmethod
    def empty(cls, inputs: int, outputs: int, device: torch.device) -> _Moments:
        shapes = (inputs,), (outputs,), (inputs, inputs), (inputs, outputs)
        return cls(0, *(torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes))

    def add(self, a: torch.Tensor, b: torch.Tensor) -> None:
        self.rows += len(a)
        self.a += a.sum(0, dtype=torch.float64)
        self.b += b.sum(0, dtype=torch.float64)
        self.aa += (a.T @ a).double()
        self.ab += (a.T @ b).double()

    def solve(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights (inputs, outputs) near the given ones, and what to add to their outputs."""
        mean_a, mean_b = self.a / self.rows, self.b / self.rows
        covariance = self.aa / self.rows - mean_a.outer(mean_a)
        wanted = self.ab / self.rows - mean_a.outer(mean_b)
        old = weight.double()
        pull = RIDGE * covariance.diagonal().mean().clamp_min(1e-12)
        identity = torch.eye(len(old), dtype=torch.float64, device=old.device)
        factor = torch.linalg.cholesky(covariance + pull * identity)
        new = old + torch.cholesky_solve(wanted - covariance @ old, factor)
        return new, mean_b - mean_a @ new


def reconstruct(
    model: LiftSplatShoot,
    smaller: LiftSplatShoot,
    kept: Mapping[str, torch.Tensor],
    examples: Sequence[Example],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fit every convolution that lost inputs to what it gave before.

    Args:
        model: before pruning, in evaluation mode.
        smaller: after it, changed in place.
        kept: channels of each width that shrank, as `narrow` took them.
        examples: frames; their truth is not used.
        progress: told of frames done and all.
    """
    widths = model.config.widths.named()
    fitted = {
        name: conv
        for name, conv in model.named_modules()
        if isinstance(conv, nn.Conv2d) and conv.groups == 1 and _lost_inputs(name, kept)
    }
    moments: dict[str, _Moments] = {}
    generator = torch.Generator().manual_seed(0)
    handles = []
    for name, conv in fitted.items():
        inputs = _channels(axes()[f"{name}.weight"][1], kept, widths, conv.in_channels)
        outputs = _channels(axes()[f"{name}.weight"][0], kept, widths, conv.out_channels)
        rows = len(inputs) * conv.kernel_size[0] ** 2
        moments[name] = _Moments.empty(rows, len(outputs), conv.weight.device)

        def collect(
            module: nn.Module,
            given: tuple[torch.Tensor, ...],
            made: torch.Tensor,
            into: _Moments = moments[name],
            inputs: torch.Tensor = inputs,
            outputs: torch.Tensor = outputs,
        ) -> None:
            into.add(*_rows(module, given[0], made, inputs, outputs, generator))  # type: ignore[arg-type]

        handles.append(conv.register_forward_hook(collect))
    try:
        with torch.no_grad():
            for done, example in enumerate(examples):
                depth, features = model.camencode(example.images)
                model.bevencode(splat_batch(depth, features, example.cells[None], model.config.grid.shape))
                if progress:
                    progress(done + 1, len(examples))
    finally:
        for handle in handles:
            handle.remove()
    with torch.no_grad():
        for name, sums in moments.items():
            _fit(smaller, name, sums)


def _fit(smaller: LiftSplatShoot, name: str, sums: _Moments) -> None:
    """Give one convolution its new weights, and the normalisation behind it, or its bias, the rest."""
    conv = smaller.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    new, shift = sums.solve(conv.weight.flatten(1).T)
    conv.weight.copy_(new.T.view_as(conv.weight))
    if conv.bias is not None:
        conv.bias.copy_(shift)
        return
    end = next(end for end in _NORMS if name.endswith(f".{end}"))
    norm = smaller.get_submodule(f"{name.removesuffix(end)}{_NORMS[end]}")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    norm.running_mean.sub_(shift.to(norm.running_mean))


def _lost_inputs(name: str, kept: Mapping[str, torch.Tensor]) -> bool:
    # The head never runs.
    return "_conv_head" not in name and any(width in kept for width in axes()[f"{name}.weight"][1])


def _channels(
    axis: tuple[str, ...], kept: Mapping[str, torch.Tensor], widths: Mapping[str, int], count: int
) -> torch.Tensor:
    """Channels that stay along an axis, all of them where no width says otherwise."""
    if not axis:
        return torch.arange(count)
    parts, first = [], 0
    for width in axis:
        parts.append(first + kept.get(width, torch.arange(widths[width])))
        first += widths[width]
    return torch.cat(parts)


def _rows(
    conv: nn.Conv2d,
    given: torch.Tensor,
    made: torch.Tensor,
    inputs: torch.Tensor,
    outputs: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (rows, channels * k * k) and outputs (rows, channels) at random pixels."""
    batch, _, height, width = made.shape
    count = min(ROWS, batch * height * width)
    place = torch.randperm(batch * height * width, generator=generator)[:count]
    sample, row, column = place // (height * width), place // width % height, place % width
    k, padding, stride = conv.kernel_size[0], int(conv.padding[0]), conv.stride[0]
    padded = nn.functional.pad(given[:, inputs], (padding,) * 4)
    taps = [padded[sample, :, row * stride + i, column * stride + j] for i in range(k) for j in range(k)]
    a = torch.stack(taps, dim=-1).flatten(1)
    return a, made[sample, :, row, column][:, outputs]
