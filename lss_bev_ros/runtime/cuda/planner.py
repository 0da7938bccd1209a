"""Convolutions as planned launches, of our own kernel or of cuDNN, over maps in channels-last order.

In half precision a layer is as exact as it is asked to be: `exact_weights` and `exact_result` say of which
factors what half precision rounds away is kept, as a low half. An input's low half is used where it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ...model.efficientnet import SamePadConv2d
from ..cpu.convolution import fold
from .convolution_kernel import convolution_kernel
from .half_precision import rounded_taps
from .head_kernel import head_kernel
from .launch import KernelLaunch, Launch, LibraryConvolution, Map
from .sum_kernel import sum_kernel
from .tiles import ConvolutionSize, Tile, convolution_tile, power_of_two

ACTIVATIONS = {"none": 0, "relu": 1, "swish": 2}

LIBRARY = 2e9
"""Operations from which cuDNN's 3x3 convolutions are faster than ours, measured on an H200."""

LIBRARY_DEPTH = 2048
"""Terms a sum from which they are faster whatever the map's size: cuDNN splits the sums of small maps."""


@dataclass
class Planner:
    """Makes maps and launches, and keeps the launches in order.

    Attributes:
        device: that everything is on.
        dtype: of maps and weights.
        processors: multiprocessors of the device.
        overlap: whether a kernel may start while the one before it ends (programmatic dependent launch, from
            compute capability 9.0 on).
        library: whether cuDNN may do the convolutions that it is better at.
        exact: whether low halves are kept where the network asks for them, in half precision.
        launches: the plan so far.
        tile: chooses the tile of a convolution.
    """

    device: torch.device
    dtype: torch.dtype
    processors: int
    overlap: bool = False
    library: bool = True
    exact: bool = False
    launches: list[Launch] = field(default_factory=list)
    tile: Callable[[ConvolutionSize, int], Tile] = convolution_tile

    @classmethod
    def of_gpu(cls, device: torch.device, dtype: torch.dtype, exact: bool = False) -> Planner:
        """For what a GPU can do."""
        properties = torch.cuda.get_device_properties(device)
        return cls(
            device,
            dtype,
            properties.multi_processor_count,
            overlap=properties.major >= 9,
            library=torch.backends.cudnn.is_available(),
            exact=exact,
        )

    @property
    def halves(self) -> bool:
        """Whether values are kept as two halves where the network asks for it."""
        return self.exact and self.dtype == torch.float16

    def taken(self) -> list[Launch]:
        """The plan so far; what is planned from here on is another one."""
        taken = list(self.launches)
        self.launches.clear()
        return taken

    def map(self, *shape: int, dtype: torch.dtype | None = None, exact: bool = False) -> Map:
        """A new map, zeros; where it is to be `exact`, with a low half."""
        values = torch.zeros(shape, dtype=dtype or self.dtype, device=self.device)
        return Map(values, torch.zeros_like(values) if exact and self.halves else None)

    def constant(self, values: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Parameters on the device, contiguous."""
        return values.detach().to(self.device, dtype or self.dtype).contiguous()

    def low(self, values: torch.Tensor) -> torch.Tensor:
        """What `constant` rounds away of some parameters."""
        return self.constant(values.float() - values.to(self.dtype).float())

    def launch(
        self,
        name: str,
        kernel: object,
        grid: tuple[int, ...],
        operations: float,
        traffic: float,
        overlap: bool = True,
        **arguments: object,
    ) -> None:
        """Add a kernel to the plan; `overlap` False keeps it from starting early."""
        arguments["PDL"] = self.overlap and overlap
        if arguments["PDL"]:
            arguments["launch_pdl"] = True
        self.launches.append(KernelLaunch(name, operations, traffic, kernel, grid, arguments))

    def convolve(
        self,
        name: str,
        x: Map,
        conv: nn.Conv2d,
        norm: nn.BatchNorm2d | None = None,
        activation: str = "none",
        out: Map | None = None,
        shortcut: Map | None = None,
        gate: Map | None = None,
        exact_weights: bool = False,
        exact_result: bool = False,
        again: bool = False,
    ) -> Map:
        """Plan a convolution with all that follows it.

        Args:
            name: of the launch.
            x: map that is read; channels past the convolution's inputs are not.
            conv: weights, stride and padding.
            norm: folded in.
            activation: `none`, `relu` or `swish`.
            out: map to write; None makes one.
            shortcut: map added before the activation.
            gate: (B, inputs) that the input is multiplied with.
            exact_weights: keep the low half of the weights, and of the gated input.
            exact_result: keep the low half of the result; one that is given keeps it if it has one.
            again: whether `x` holds the inputs' low halves behind them.
        """
        weight, bias = self._fold(conv, norm, whole=exact_weights and self.halves)
        if again:
            weight = torch.cat((weight, weight), 1)
        shape = self._output_shape(x, conv)
        operations = 2.0 * shape[:-1].numel() * weight.numel()
        rounded = not (self.halves and (exact_weights or exact_result))
        if rounded and self._prefers_library(conv, activation, out, operations):
            return self._library(name, x, weight, bias, conv, shortcut, shape, operations)
        out = out or self.map(*shape, exact=exact_result)
        self._convolution(
            name,
            x,
            weight,
            bias,
            conv,
            activation,
            out,
            shape,
            shortcut=shortcut,
            gate=gate,
            exact=exact_weights and self.halves,
        )
        return out

    def lift(self, name: str, x: Map, conv: nn.Conv2d, bins: int) -> tuple[Map, Map]:
        """Plan the 1x1 convolution to depth and features.

        Returns:
            Probabilities of the depth bins, (pixels, bins) float32, and features (pixels, C).
        """
        weight, bias = fold(conv, None)
        shape = self._output_shape(x, conv)
        features = self.map(*shape[:-1], shape[-1] - bins)
        depth = self.map(x.pixels, bins, dtype=torch.float32)
        self._convolution(name, x, weight, bias, conv, "none", features, shape, extra=depth, split=bins)
        return depth, features

    def convolve_to_logit(
        self, name: str, x: Map, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, head: nn.Conv2d
    ) -> Map:
        """Plan a convolution with ReLU and a 1x1 convolution to one channel after it.

        Returns:
            (B, rows, columns) float32.
        """
        weight, bias = self._fold(conv, norm)
        shape = self._output_shape(x, conv)
        logits = self.map(*shape[:-1], dtype=torch.float32)
        assert head.bias is not None, "it has no normalisation"
        parameters = self.constant(torch.cat((head.weight.flatten(), head.bias)), torch.float32)
        operations = 2.0 * shape[:-1].numel() * weight.numel()
        # cuDNN would round what the head reads.
        if not self.halves and self._prefers_library(conv, "relu", None, operations):
            x = self._library(name, x, weight, bias, conv, None, shape, operations)
            block = 32
            self.launch(
                f"{name} head",
                head_kernel,
                (-(-x.pixels // block),),
                operations=2.0 * x.pixels * x.channels,
                traffic=x.pixels * (4.0 + x.channels * self.dtype.itemsize),
                x=x,
                head=parameters,
                logits=logits,
                pixels=x.pixels,
                CHANNELS=x.channels,
                BLOCK_C=power_of_two(x.channels),
                BLOCK_P=block,
                num_warps=4,
            )
        else:
            self._convolution(
                name, x, weight, bias, conv, "relu", logits, shape, extra=logits, head=parameters
            )
        return logits

    def _fold(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, whole: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias, float32; that of a 3x3 convolution rounded well, unless it is to stay `whole`."""
        weight, bias = fold(conv, norm)
        if self.dtype == torch.float16 and conv.kernel_size[0] == 3 and not whole:
            weight = rounded_taps(weight)
        return weight, bias

    @staticmethod
    def _output_shape(x: Map, conv: nn.Conv2d) -> torch.Size:
        batch, rows, columns, _ = x.shape
        stride = conv.stride[0]
        return torch.Size((batch, -(-rows // stride), -(-columns // stride), conv.out_channels))

    def _prefers_library(self, conv: nn.Conv2d, activation: str, out: Map | None, operations: float) -> bool:
        if not self.library or activation != "relu" or out is not None or conv.kernel_size[0] != 3:
            return False
        return operations >= LIBRARY or conv.in_channels * 9 >= LIBRARY_DEPTH

    def _library(
        self,
        name: str,
        x: Map,
        weight: torch.Tensor,
        bias: torch.Tensor,
        conv: nn.Conv2d,
        shortcut: Map | None,
        shape: torch.Size,
        operations: float,
    ) -> Map:
        out = Map(torch.empty(shape, dtype=self.dtype, device="meta"))
        self.launches.append(
            LibraryConvolution(
                name,
                operations,
                self._traffic(x, weight, shape, out, shortcut),
                x,
                self.constant(weight).contiguous(memory_format=torch.channels_last),
                self.constant(bias),
                shortcut,
                conv.stride[0],
                int(conv.padding[0]),
                out,
            )
        )
        return out

    def _traffic(self, x: Map, weight: torch.Tensor, shape: torch.Size, *others: Map | None) -> float:
        inputs = x.pixels * weight.shape[1] * x.value_bytes
        outputs = shape.numel() * sum(other.value_bytes for other in others if other is not None)
        return float(inputs + self.dtype.itemsize * weight.numel() + outputs)

    def _convolution(
        self,
        name: str,
        x: Map,
        weight: torch.Tensor,
        bias: torch.Tensor,
        conv: nn.Conv2d,
        activation: str,
        out: Map,
        shape: torch.Size,
        shortcut: Map | None = None,
        gate: Map | None = None,
        extra: Map | None = None,
        split: int = 0,
        head: torch.Tensor | None = None,
        exact: bool = False,
    ) -> None:
        """Plan our own kernel; its source says what the arguments are."""
        outputs, inputs, size = weight.shape[:3]
        pixels, image = shape[:-1].numel(), shape[1] * shape[2]
        whole = split > 0 or head is not None
        tile = self.tile(
            ConvolutionSize(pixels, image, inputs, outputs, size * size, gate is not None, whole, exact),
            self.processors,
        )
        blocks = -(-pixels // tile.pixels) if gate is None else shape[0] * -(-image // tile.pixels)
        matrix = weight.permute(2, 3, 1, 0).reshape(-1, outputs)
        parts = self.map(tile.parts, pixels, outputs, dtype=torch.float32) if tile.parts > 1 else None
        products = 1 + exact + (x.low is not None or (exact and gate is not None))
        nothing = out.tensor
        after: dict[str, Any] = {
            "bias": self.constant(bias, torch.float32),
            "out": out,
            "out_low": nothing if out.low is None else out.low,
            "shortcut": shortcut or nothing,
            "shortcut_low": nothing if shortcut is None or shortcut.low is None else shortcut.low,
            "OUTPUTS": outputs,
            "OUT_STRIDE": out.stride,
            "SHORTCUT_STRIDE": 0 if shortcut is None else shortcut.stride,
            "OUT_LOW": out.low is not None,
            "SHORTCUT_LOW": shortcut is not None and shortcut.low is not None,
            "PARTS": tile.parts,
        }
        self.launch(
            name,
            convolution_kernel,
            (blocks * -(-outputs // tile.outputs), tile.parts),
            operations=2.0 * pixels * weight.numel() * products,
            traffic=self._traffic(x, weight, shape if head is None else shape[:-1], out, shortcut),
            x=x,
            x_low=nothing if x.low is None else x.low,
            weight=self.constant(matrix),
            weight_low=self.low(matrix) if exact else nothing,
            gate=gate or nothing,
            extra=parts or extra or nothing,
            head=nothing if head is None else head,
            pixels=pixels,
            rows=x.shape[1],
            columns=x.shape[2],
            out_rows=shape[1],
            out_columns=shape[2],
            INPUTS=inputs,
            X_STRIDE=x.stride,
            KERNEL=size,
            STRIDE=conv.stride[0],
            PADDING=conv.same_padding[0] if isinstance(conv, SamePadConv2d) else conv.padding[0],
            ACTIVATION=ACTIVATIONS[activation],
            GATED=gate is not None,
            SPLIT=split,
            HEAD=head is not None,
            X_LOW=x.low is not None,
            WEIGHT_LOW=exact,
            BLOCK_M=tile.pixels,
            BLOCK_N=tile.outputs,
            BLOCK_K=tile.inputs,
            STAGES=tile.stages,
            PRECISION="ieee",
            num_warps=tile.warps,
            **after,
        )
        if parts is not None:
            block = 1024
            self.launch(
                f"{name} sum",
                sum_kernel,
                (-(-pixels * outputs // block),),
                operations=float(tile.parts * pixels * outputs),
                traffic=4.0 * parts.shape.numel() + self._traffic(x, weight[:0, :0], shape, out, shortcut),
                parts=parts,
                values=pixels * outputs,
                RELU=activation == "relu",
                BLOCK=block,
                num_warps=4,
                **after,
            )
