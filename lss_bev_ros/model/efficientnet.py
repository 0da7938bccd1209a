"""EfficientNet-B0 as a trunk (Tan and Le, "EfficientNet", ICML 2019, table 1).

Modules carry the names of the implementation that the official Lift-Splat-Shoot checkpoints were made with,
so that those load strictly; the classification head is never run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .widths import BLOCK_STAGES, Widths

EPSILON, MOMENTUM = 1e-3, 0.01
DROP_CONNECT = 0.2
"""Stochastic depth: probability that training drops the last block's residual, earlier ones in proportion."""


@dataclass(frozen=True)
class Stage:
    """One row of the paper's table 1, whose first block carries the stride; `Widths` has the channels."""

    kernel: int
    stride: int


STAGES = (Stage(3, 1), Stage(3, 2), Stage(5, 2), Stage(3, 2), Stage(5, 1), Stage(5, 2), Stage(3, 1))


class SamePadConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does: the odd pixel goes to the right and the bottom.

    For a stride of 2 the padding is that of even input sizes, which are the only ones a network input that
    is a multiple of 32 leads to.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = False
    ):
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=bias)
        total = kernel - stride
        self.same_padding = (total // 2, total - total // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        before, after = self.same_padding
        if after:
            x = F.pad(x, (before, after, before, after))
        return super().forward(x)


class MBConvBlock(nn.Module):
    """Inverted bottleneck with squeeze and excitation (MobileNetV2's block, EfficientNet section 4).

    Args:
        index: of the block in the trunk.
        widths: of the network.
        drop_connect: probability that training drops its residual.
    """

    def __init__(self, index: int, widths: Widths, drop_connect: float):
        super().__init__()
        stage = STAGES[BLOCK_STAGES[index]]
        first = index == 0 or BLOCK_STAGES[index - 1] != BLOCK_STAGES[index]
        stride = stage.stride if first else 1
        inputs, hidden, squeezed, outputs = widths.block(index)
        self.expands = index > 0
        if self.expands:
            self._expand_conv = SamePadConv2d(inputs, hidden, 1)
            self._bn0 = nn.BatchNorm2d(hidden, eps=EPSILON, momentum=MOMENTUM)
        self._depthwise_conv = SamePadConv2d(hidden, hidden, stage.kernel, stride=stride, groups=hidden)
        self._bn1 = nn.BatchNorm2d(hidden, eps=EPSILON, momentum=MOMENTUM)
        self._se_reduce = SamePadConv2d(hidden, squeezed, 1, bias=True)
        self._se_expand = SamePadConv2d(squeezed, hidden, 1, bias=True)
        self._project_conv = SamePadConv2d(hidden, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPSILON, momentum=MOMENTUM)
        # A stage's first block changes the channels, or would in the published widths.
        self.skips = not first
        self.drop_connect = drop_connect

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y = x
        if self.expands:
            y = F.silu(self._bn0(self._expand_conv(y)))
        y = F.silu(self._bn1(self._depthwise_conv(y)))
        squeezed = y.mean((2, 3), keepdim=True)
        gate = torch.sigmoid(self._se_expand(F.silu(self._se_reduce(squeezed))))
        out: torch.Tensor = self._bn2(self._project_conv(y * gate))
        if not self.skips:
            return out
        if self.training and self.drop_connect > 0:
            keep = 1.0 - self.drop_connect
            mask = torch.empty(out.shape[0], 1, 1, 1, dtype=out.dtype, device=out.device).bernoulli_(keep)
            out = out * mask / keep
        return x + out


class EfficientNetTrunk(nn.Module):
    """EfficientNet-B0 up to its last block; `_conv_head`, `_bn1` and `_fc` exist for checkpoints alone."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        widths = widths or Widths()
        (stem,), (head,), (classes,) = widths.stem, widths.head, widths.classes
        self._conv_stem = SamePadConv2d(3, stem, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(stem, eps=EPSILON, momentum=MOMENTUM)
        count = len(BLOCK_STAGES)
        self._blocks = nn.ModuleList(
            MBConvBlock(index, widths, drop_connect=DROP_CONNECT * index / count) for index in range(count)
        )
        self._conv_head = SamePadConv2d(widths.stages[-1], head, 1)
        self._bn1 = nn.BatchNorm2d(head, eps=EPSILON, momentum=MOMENTUM)
        self._fc = nn.Linear(head, classes)

    @property
    def blocks(self) -> list[MBConvBlock]:
        """The 16 blocks, in the order of execution."""
        return [block for block in self._blocks if isinstance(block, MBConvBlock)]

    @property
    def last_stride(self) -> int:
        """Index of the last block that shrinks its input, which is the features at a sixteenth."""
        return max(i for i, block in enumerate(self.blocks) if block._depthwise_conv.stride[0] > 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the blocks.

        Args:
            images: (B, 3, H, W), normalised; H and W multiples of 32.

        Returns:
            The features at 1/16, (B, 112, H/16, W/16), and at 1/32, (B, 320, H/32, W/32), as published.
        """
        x = F.silu(self._bn0(self._conv_stem(images)))
        sixteenth = x
        for block in self._blocks:
            y = block(x)
            if y.shape[-1] < x.shape[-1]:
                sixteenth = x
            x = y
        return sixteenth, x
