"""Layers of the network as planned launches of the Triton kernels, over maps in channels-last order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from ...model.efficientnet import MBConvBlock, SamePadConv2d
from ..convolution import fold
from .convolution_kernel import convolution_kernel
from .depthwise_kernel import STRIP as KERNEL_STRIP
from .depthwise_kernel import depthwise_kernel, gate_kernel
from .head_kernel import head_kernel
from .launch import KernelLaunch, Launch, LibraryConvolution, Map
from .stem_kernel import stem_kernel
from .tiles import Shape, Tile, convolution_tile, depthwise_tile, power_of_two
from .upsample_kernel import upsample_kernel

STRIP = int(KERNEL_STRIP.value)
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
        launches: the plan so far.
        tile: chooses the tile of a convolution.
    """

    device: torch.device
    dtype: torch.dtype
    processors: int
    overlap: bool = False
    library: bool = True
    launches: list[Launch] = field(default_factory=list)
    tile: Callable[[Shape, int], Tile] = convolution_tile

    def map(self, *shape: int, dtype: torch.dtype | None = None) -> Map:
        """A new map, zeros."""
        return Map(torch.zeros(shape, dtype=dtype or self.dtype, device=self.device))

    def constant(self, values: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Parameters on the device, contiguous."""
        return values.detach().to(self.device, dtype or self.dtype).contiguous()

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
        """
        weight, bias = fold(conv, norm)
        shape = self._output_shape(x, conv)
        operations = 2.0 * shape[:-1].numel() * weight.numel()
        if self._prefers_library(conv, activation, out, operations):
            return self._library(name, x, weight, bias, conv, shortcut, shape, operations)
        out = out or self.map(*shape)
        self._convolution(name, x, weight, bias, conv, activation, out, shape, shortcut=shortcut, gate=gate)
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
        self, name: str, x: Map, conv: nn.Conv2d, norm: nn.BatchNorm2d, head: nn.Conv2d
    ) -> Map:
        """Plan a convolution with ReLU and a 1x1 convolution to one channel after it.

        Returns:
            (B, rows, columns) float32.
        """
        weight, bias = fold(conv, norm)
        shape = self._output_shape(x, conv)
        logits = self.map(*shape[:-1], dtype=torch.float32)
        parameters = self.constant(torch.cat((head.weight.flatten(), head.bias)), torch.float32)
        operations = 2.0 * shape[:-1].numel() * weight.numel()
        if self._prefers_library(conv, "relu", None, operations):
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
                self._traffic(x, weight, shape, shortcut),
                x,
                self.constant(weight).contiguous(memory_format=torch.channels_last),
                self.constant(bias),
                shortcut,
                conv.stride[0],
                conv.padding[0],
                out,
            )
        )
        return out

    def _traffic(self, x: Map, weight: torch.Tensor, shape: torch.Size, shortcut: Map | None) -> float:
        outputs = shape.numel() * (1 if shortcut is None else 2)
        return float(self.dtype.itemsize * (x.pixels * weight.shape[1] + weight.numel() + outputs))

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
    ) -> None:
        """Plan our own kernel; its source says what the arguments are."""
        outputs, inputs, size = weight.shape[:3]
        pixels, image = shape[:-1].numel(), shape[1] * shape[2]
        whole = split > 0 or head is not None
        tile = self.tile(
            Shape(pixels, image, inputs, outputs, size * size, gate is not None, whole), self.processors
        )
        blocks = -(-pixels // tile.pixels) if gate is None else shape[0] * -(-image // tile.pixels)
        nothing = out
        self.launch(
            name,
            convolution_kernel,
            (blocks * -(-outputs // tile.outputs),),
            operations=2.0 * pixels * weight.numel(),
            traffic=self._traffic(x, weight, shape if head is None else shape[:-1], shortcut),
            x=x,
            weight=self.constant(weight.permute(2, 3, 1, 0).reshape(-1, outputs)),
            bias=self.constant(bias, torch.float32),
            out=out,
            shortcut=shortcut or nothing,
            gate=gate or nothing,
            extra=extra or nothing,
            head=nothing if head is None else head,
            pixels=pixels,
            rows=x.shape[1],
            columns=x.shape[2],
            out_rows=shape[1],
            out_columns=shape[2],
            INPUTS=inputs,
            OUTPUTS=outputs,
            X_STRIDE=x.stride,
            OUT_STRIDE=out.stride,
            SHORTCUT_STRIDE=0 if shortcut is None else shortcut.stride,
            KERNEL=size,
            STRIDE=conv.stride[0],
            PADDING=conv.same_padding[0] if isinstance(conv, SamePadConv2d) else conv.padding[0],
            ACTIVATION=ACTIVATIONS[activation],
            GATED=gate is not None,
            SPLIT=split,
            HEAD=head is not None,
            BLOCK_M=tile.pixels,
            BLOCK_N=tile.outputs,
            BLOCK_K=tile.inputs,
            STAGES=tile.stages,
            PRECISION="ieee",
            num_warps=tile.warps,
        )

    def stem(self, name: str, x: Map, conv: SamePadConv2d, norm: nn.BatchNorm2d) -> Map:
        """Plan EfficientNet's first convolution, swish included, over a map of three channels."""
        weight, bias = fold(conv, norm)
        outputs, inputs, size = weight.shape[:3]
        batch, rows, columns = x.shape[:3]
        out = self.map(batch, rows // 2, columns // 2, outputs)
        depth = power_of_two(inputs * size * size)
        matrix = torch.zeros(depth, outputs)
        matrix[: inputs * size * size] = weight.permute(2, 3, 1, 0).reshape(-1, outputs)
        block = 128
        self.launch(
            name,
            stem_kernel,
            (-(-out.pixels // block),),
            operations=2.0 * out.pixels * weight.numel(),
            traffic=self.dtype.itemsize * (x.shape.numel() + out.shape.numel()),
            x=x,
            weight=self.constant(matrix),
            bias=self.constant(bias, torch.float32),
            out=out,
            pixels=out.pixels,
            rows=rows,
            columns=columns,
            out_rows=out.shape[1],
            out_columns=out.shape[2],
            OUTPUTS=outputs,
            BLOCK_N=power_of_two(outputs),
            KERNEL=size,
            STRIDE=conv.stride[0],
            PADDING=conv.same_padding[0],
            BLOCK_M=block,
            BLOCK_K=depth,
            PRECISION="ieee",
            num_warps=4,
        )
        return out

    def inverted_bottleneck(self, name: str, x: Map, block: MBConvBlock, out: Map | None = None) -> Map:
        """Plan an MBConv block: expansion, depthwise convolution, gate, projection."""
        y = x
        if block.expands:
            y = self.convolve(f"{name} expand", x, block._expand_conv, block._bn0, "swish")
        y, gate = self._gated_depthwise(name, y, block)
        shortcut = x if block.skips else None
        return self.convolve(
            f"{name} project", y, block._project_conv, block._bn2, "none", out, shortcut, gate
        )

    def _gated_depthwise(self, name: str, x: Map, block: MBConvBlock) -> tuple[Map, Map]:
        conv = block._depthwise_conv
        weight, bias = fold(conv, block._bn1)
        batch, rows, columns, channels = x.shape
        stride, size = conv.stride[0], conv.kernel_size[0]
        out = self.map(batch, rows // stride, columns // stride, channels)
        pixels = out.shape[1] * out.shape[2]
        strips = out.shape[1] * -(-out.shape[2] // STRIP)
        block_p, block_c, warps = depthwise_tile(strips, channels, batch, self.processors)
        count = -(-strips // block_p) * -(-channels // block_c)
        squeezed = block._se_reduce.out_channels
        width = power_of_two(squeezed)
        shares = self.map(batch, count, width, dtype=torch.float32)
        self.launch(
            f"{name} depthwise",
            depthwise_kernel,
            (count, batch),
            operations=2.0 * out.shape.numel() * size * size,
            traffic=self.dtype.itemsize * (x.shape.numel() + out.shape.numel()),
            x=x,
            weight=self.constant(weight.flatten(1).t(), torch.float32),
            bias=self.constant(bias, torch.float32),
            out=out,
            squeeze=self._padded(block._se_reduce.weight.flatten(1).t(), width),
            shares=shares,
            rows=rows,
            columns=columns,
            out_rows=out.shape[1],
            out_columns=out.shape[2],
            CHANNELS=channels,
            SQUEEZED=width,
            KERNEL=size,
            STRIDE=stride,
            PADDING=conv.same_padding[0],
            BLOCK_P=block_p,
            BLOCK_C=block_c,
            num_warps=warps,
        )
        gate = self.map(batch, channels)
        self.launch(
            f"{name} gate",
            gate_kernel,
            (-(-channels // block_c), batch),
            operations=2.0 * batch * channels * squeezed,
            traffic=4.0 * (shares.shape.numel() + channels * width),
            shares=shares,
            squeeze_bias=self._padded(block._se_reduce.bias.unsqueeze(0), width),
            excite=self._padded(block._se_expand.weight.flatten(1), width),
            excite_bias=self.constant(block._se_expand.bias, torch.float32),
            gate=gate,
            count=count,
            pixels=pixels,
            CHANNELS=channels,
            SQUEEZED=width,
            BLOCK_R=64,
            BLOCK_C=block_c,
            num_warps=4,
        )
        return out, gate

    def _padded(self, matrix: torch.Tensor, width: int) -> torch.Tensor:
        """Columns of zeros up to a width, float32."""
        padded = torch.zeros(matrix.shape[0], width)
        padded[:, : matrix.shape[1]] = matrix.detach().float()
        return self.constant(padded, torch.float32)

    def upsample(self, name: str, x: Map, out: Map) -> None:
        """Plan bilinear upsampling with aligned corners, into the first channels of `out`."""
        _, rows, columns, channels = x.shape
        pixels = out.pixels
        block_c = min(64, power_of_two(channels))
        block_p = 64
        self.launch(
            name,
            upsample_kernel,
            (-(-pixels // block_p) * -(-channels // block_c),),
            operations=8.0 * pixels * channels,
            traffic=self.dtype.itemsize * (x.shape.numel() + pixels * channels),
            x=x,
            out=out,
            pixels=pixels,
            rows=rows,
            columns=columns,
            out_rows=out.shape[1],
            out_columns=out.shape[2],
            row_step=(rows - 1) / max(out.shape[1] - 1, 1),
            column_step=(columns - 1) / max(out.shape[2] - 1, 1),
            CHANNELS=channels,
            OUT_STRIDE=out.stride,
            OUT_START=0,
            BLOCK_P=block_p,
            BLOCK_C=block_c,
            num_warps=4,
        )
