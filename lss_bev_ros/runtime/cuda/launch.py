"""Kernel launches that are planned once and run many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F


@dataclass(eq=False)
class Map:
    """A map in channels-last order, or any other array that launches hand on.

    Attributes:
        tensor: (B, rows, columns, channels), maybe some of the channels of a wider map. Where a library
            makes it, it is another tensor after every run, and one without memory before the first.
        low: what `tensor` rounds away, of the same shape and strides: together they hold 22 bits of a
            mantissa. None where half precision is enough.
    """

    tensor: torch.Tensor
    low: torch.Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        """Of the tensor."""
        return self.tensor.shape

    @property
    def pixels(self) -> int:
        """Of all images together."""
        return self.tensor.shape[:-1].numel()

    @property
    def channels(self) -> int:
        """Channels, without those of the wider map."""
        return self.tensor.shape[-1]

    @property
    def stride(self) -> int:
        """Values from one pixel to the next."""
        return self.tensor.stride(-2)

    @property
    def value_bytes(self) -> int:
        """Bytes of one value, both halves."""
        return self.tensor.element_size() * (1 if self.low is None else 2)

    def some(self, first: int, last: int | None = None) -> Map:
        """Some of the channels, in place."""
        low = None if self.low is None else self.low[..., first:last]
        return Map(self.tensor[..., first:last], low)


@dataclass(frozen=True, eq=False)
class Launch:
    """One step of the network with all its arguments.

    Attributes:
        name: what it does, such as `block 3 depthwise`.
        operations: floating-point operations that it does.
        traffic: fewest bytes it moves: each input read once, each output written once.
    """

    name: str
    operations: float
    traffic: float

    def __call__(self) -> None:
        """Run it, on the current stream."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class KernelLaunch(Launch):
    """A Triton kernel.

    Attributes:
        kernel: it.
        grid: programs.
        arguments: by name.
    """

    kernel: Any
    grid: tuple[int, ...]
    arguments: Mapping[str, Any]

    def __call__(self) -> None:
        """See `Launch`."""
        self.kernel[self.grid](
            **{
                name: value.tensor if isinstance(value, Map) else value
                for name, value in self.arguments.items()
            }
        )


@dataclass(frozen=True, eq=False)
class LibraryConvolution(Launch):
    """A convolution by cuDNN, with bias, shortcut and ReLU fused.

    Attributes:
        x: input.
        weight: (O, I, k, k), channels last.
        bias: (O,).
        shortcut: added before the ReLU.
        stride, padding: of the convolution.
        out: gets the result.
    """

    x: Map
    weight: torch.Tensor
    bias: torch.Tensor
    shortcut: Map | None
    stride: int
    padding: int
    out: Map

    def __call__(self) -> None:
        """See `Launch`."""
        x = self.x.tensor.permute(0, 3, 1, 2)
        plus = None if self.shortcut is None else self.shortcut.tensor.permute(0, 3, 1, 2)
        stride, padding = [self.stride] * 2, [self.padding] * 2
        if x.is_cuda:
            shape = (self.bias, stride, padding, [1, 1], 1)
            if plus is None:
                y = torch.ops.aten.cudnn_convolution_relu(x, self.weight, *shape)
            else:
                y = torch.ops.aten.cudnn_convolution_add_relu(x, self.weight, plus, 1.0, *shape)
        else:
            y = F.conv2d(x, self.weight, self.bias, stride, padding)
            y = F.relu(y if plus is None else y + plus)
            y = y.contiguous(memory_format=torch.channels_last)
        self.out.tensor = y.permute(0, 2, 3, 1)
