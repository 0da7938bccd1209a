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

from ...model import layers
from ...model.multi_sense import sizes_of
from .channels import Axis, N, axes_of, joined
from .example import Example
from .running import answers

ROWS = 500
"""Pixels of a frame that each layer is fitted on, drawn at random."""

ROUNDS = 2

JUDGED = 8
"""Frames at most on which rounds are compared."""

RIDGE = 0.01
"""Pull toward the weights that are there, over the mean variance of the inputs."""


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
        # The second moments are rounded to float32, which counts where a mean is far from 0.
        rounding = 1e-5 * (self.aa.diagonal() / self.rows).max()
        pull = (RIDGE * covariance.diagonal().mean() + rounding).clamp_min(1e-12)
        identity = torch.eye(len(old), dtype=torch.float64, device=old.device)
        factor = torch.linalg.cholesky(covariance + pull * identity)
        new = old + torch.cholesky_solve(wanted - covariance @ old, factor)
        return new, mean_b - mean_a @ new


def reconstruct(
    model: N,
    smaller: N,
    kept: Mapping[str, torch.Tensor],
    examples: Sequence[Example],
    progress: Callable[[int, int], None] | None = None,
    rounds: int = ROUNDS,
) -> None:
    """Fit every convolution that lost inputs to what it gave before.

    A later round changes all layers at once, each for inputs that the others then change. Where little of a
    network is left that can lead away from the old answers instead of towards them: then it is taken back.

    Args:
        model: before pruning, in evaluation mode.
        smaller: after it, changed in place.
        kept: channels of each width that shrank, as `narrow` took them.
        examples: frames; their truth is not used.
        progress: told of frames done and all.
        rounds: over all layers, at most.
    """
    widths, known = sizes_of(model).widths.named(), axes_of(model)
    fitted = {
        name: conv
        for name, conv in model.named_modules()
        if isinstance(conv, nn.Conv2d) and conv.groups == 1 and _lost_inputs(name, kept, known)
    }
    judged, nearest = examples[:JUDGED], float("inf")
    for round_ in range(rounds):
        before = {name: tensor.clone() for name, tensor in smaller.state_dict().items()}
        # At first from the old inputs, which are right; then from what the layers before really give now.
        reader = smaller if round_ else model
        moments = {}
        for name, conv in fitted.items():
            written, read, *_ = known[f"{name}.weight"]
            left = smaller.get_parameter(f"{name}.weight").shape
            inputs = torch.arange(left[1]) if round_ or not read else joined(read, kept, widths)
            outputs = joined(written, kept, widths) if written else torch.arange(left[0])
            rows = left[1] * left[2] * left[3]
            moments[name] = _Sums(
                _Moments.empty(rows, left[0], conv.weight.device), inputs, outputs, torch.Generator()
            )
        handles = []
        for name, sums in moments.items():
            handles.append(fitted[name].register_forward_hook(sums.made))
            handles.append(reader.get_submodule(name).register_forward_hook(sums.given))
        try:
            with torch.no_grad():
                for done, example in enumerate(examples):
                    for sums in moments.values():
                        sums.generator.manual_seed(done)
                    for network in (model,) if reader is model else (model, smaller):
                        answers(network, example)
                    if progress:
                        progress(round_ * len(examples) + done + 1, rounds * len(examples))
        finally:
            for handle in handles:
                handle.remove()
        with torch.no_grad():
            for name, sums in moments.items():
                _fit(model, smaller, name, sums)
        off = _distance(model, smaller, judged)
        if round_ and not off < nearest:
            smaller.load_state_dict(before)
            return
        nearest = off


def _distance(model: N, smaller: N, examples: Sequence[Example]) -> float:
    """How far the answers are off: mean square over that of the old ones, of the answer that is farthest."""
    off: dict[str, float] = {}
    whole: dict[str, float] = {}
    with torch.no_grad():
        for example in examples:
            wanted, given = answers(model, example), answers(smaller, example)
            for name, tensor in wanted.items():
                off[name] = off.get(name, 0.0) + float((given[name] - tensor).square().mean())
                whole[name] = whole.get(name, 0.0) + float(tensor.square().mean())
    return max(off[name] / max(whole[name], 1e-12) for name in off)


@dataclass(eq=False)
class _Sums:
    """What the hooks of one convolution share: outputs come first, inputs at the same pixels then."""

    moments: _Moments
    inputs: torch.Tensor
    outputs: torch.Tensor
    generator: torch.Generator
    wanted: torch.Tensor | None = None
    place: tuple[torch.Tensor, ...] = ()

    def made(self, conv: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        """Keep the outputs at random pixels."""
        batch, _, height, width = made.shape
        pixels = batch * height * width
        place = torch.randperm(pixels, generator=self.generator)[: min(ROWS, pixels)]
        self.place = place // (height * width), place // width % height, place % width
        sample, row, column = self.place
        self.wanted = made[sample, :, row, column][:, self.outputs]

    def given(self, conv: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        """Take the inputs there, (rows, channels * k * k)."""
        assert isinstance(conv, nn.Conv2d)
        sample, row, column = self.place
        k, padding, stride = conv.kernel_size[0], int(conv.padding[0]), conv.stride[0]
        padded = nn.functional.pad(given[0][:, self.inputs], (padding,) * 4)
        taps = [padded[sample, :, row * stride + i, column * stride + j] for i in range(k) for j in range(k)]
        assert self.wanted is not None
        self.moments.add(torch.stack(taps, dim=-1).flatten(1), self.wanted)


def _fit(model: N, smaller: N, name: str, sums: _Sums) -> None:
    """Give one convolution its new weights, and the normalisation behind it, or its bias, the rest."""
    conv = smaller.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    new, shift = sums.moments.solve(conv.weight.flatten(1).T)
    conv.weight.copy_(new.T.view_as(conv.weight))
    if conv.bias is not None:
        conv.bias.copy_(shift)
        return
    norm = next(layer.norm for layer in layers(model) if layer.name == name) + ".running_mean"
    # The shift is from the outputs of these weights to the old outputs, whatever an earlier round found.
    old = model.get_buffer(norm)[sums.outputs]
    smaller.get_buffer(norm).copy_(old - shift.to(old))


def _lost_inputs(name: str, kept: Mapping[str, torch.Tensor], known: Mapping[str, tuple[Axis, ...]]) -> bool:
    # The head never runs.
    return "_conv_head" not in name and any(width in kept for width in known[f"{name}.weight"][1])
