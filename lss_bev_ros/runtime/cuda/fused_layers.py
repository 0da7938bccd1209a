"""Layers that are no plain convolution, as planned launches of the Triton kernels."""

from __future__ import annotations

import math

import torch
from torch import nn

from ...model.efficientnet import MBConvBlock, SamePadConv2d
from ..cpu.convolution import fold
from .depthwise_kernel import STRIP as KERNEL_STRIP
from .depthwise_kernel import depthwise_kernel, gate_kernel
from .launch import Map
from .planner import Planner
from .stem_kernel import stem_kernel
from .tiles import DEPTHWISE, GATE, power_of_two
from .upsample_kernel import upsample_kernel

STRIP = int(KERNEL_STRIP.value)

SMALL = 2.5e6
"""Values of a map that costs little time whatever its precision: all but the first expansion's."""


def stem(planner: Planner, name: str, x: Map, conv: SamePadConv2d, norm: nn.BatchNorm2d) -> Map:
    """Plan EfficientNet's first convolution, swish included, over a map of three channels."""
    # Rounded images alone would move logits by 0.02, and this is a small layer with a small result.
    dtype = torch.float32 if planner.halves else planner.dtype
    weight, bias = fold(conv, norm)
    outputs, inputs, size = weight.shape[:3]
    batch, rows, columns = x.shape[:3]
    out = planner.map(batch, rows // 2, columns // 2, outputs, dtype=dtype)
    depth = power_of_two(inputs * size * size)
    matrix = torch.zeros(depth, outputs)
    matrix[: inputs * size * size] = weight.permute(2, 3, 1, 0).reshape(-1, outputs)
    block = 128
    planner.launch(
        name,
        stem_kernel,
        (-(-out.pixels // block),),
        operations=2.0 * out.pixels * weight.numel(),
        traffic=float(x.tensor.nbytes + out.tensor.nbytes),
        x=x,
        weight=planner.constant(matrix, dtype),
        bias=planner.constant(bias, torch.float32),
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
        PRECISION="tf32x3" if planner.halves else "ieee",
        num_warps=4,
    )
    return out


def inverted_bottleneck(
    planner: Planner, name: str, x: Map, block: MBConvBlock, out: Map | None = None
) -> Map:
    """Plan an MBConv block: expansion, depthwise convolution, gate, projection."""
    y = x
    if block.expands:
        y = planner.convolve(f"{name} expand", x, block._expand_conv, block._bn0, "swish", exact_weights=True)
    y, gate = _gated_depthwise(planner, name, y, block)
    shortcut = x if block.skips else None
    return planner.convolve(
        f"{name} project",
        y,
        block._project_conv,
        block._bn2,
        "none",
        out,
        shortcut,
        gate,
        exact_weights=True,
        exact_result=True,
    )


def _hidden_map(planner: Planner, *shape: int) -> Map:
    """A map within a block: where two halves are kept, small ones are float32, which takes hardly longer."""
    small = math.prod(shape) <= SMALL
    return planner.map(*shape, dtype=torch.float32 if planner.halves and small else None)


def _gated_depthwise(planner: Planner, name: str, x: Map, block: MBConvBlock) -> tuple[Map, Map]:
    conv = block._depthwise_conv
    weight, bias = fold(conv, block._bn1)
    batch, rows, columns, channels = x.shape
    stride, size = conv.stride[0], conv.kernel_size[0]
    out = _hidden_map(planner, batch, rows // stride, columns // stride, channels)
    pixels = out.shape[1] * out.shape[2]
    strips = out.shape[1] * -(-out.shape[2] // STRIP)
    block_p, block_c, warps = DEPTHWISE
    block_c = min(block_c, power_of_two(channels))
    count = -(-strips // block_p) * -(-channels // block_c)
    squeezed = block._se_reduce.out_channels
    width = power_of_two(squeezed)
    shares = planner.map(batch, count, width, dtype=torch.float32)
    planner.launch(
        f"{name} depthwise",
        depthwise_kernel,
        (count, batch),
        operations=2.0 * out.shape.numel() * size * size,
        traffic=float(x.shape.numel() * x.value_bytes + out.shape.numel() * out.value_bytes),
        x=x,
        weight=planner.constant(weight.flatten(1).t(), torch.float32),
        bias=planner.constant(bias, torch.float32),
        out=out,
        squeeze=_padded(planner, block._se_reduce.weight.flatten(1).t(), width),
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
    block_gate = min(GATE, power_of_two(channels))
    squeeze_bias, excite_bias = block._se_reduce.bias, block._se_expand.bias
    assert squeeze_bias is not None, name
    assert excite_bias is not None, name
    gate = planner.map(batch, channels, dtype=torch.float32 if planner.halves else None)
    planner.launch(
        f"{name} gate",
        gate_kernel,
        (-(-channels // block_gate), batch),
        operations=2.0 * batch * channels * squeezed,
        traffic=4.0 * (shares.shape.numel() + channels * width),
        shares=shares,
        squeeze_bias=_padded(planner, squeeze_bias.unsqueeze(0), width),
        excite=_padded(planner, block._se_expand.weight.flatten(1), width),
        excite_bias=planner.constant(excite_bias, torch.float32),
        gate=gate,
        count=count,
        pixels=pixels,
        CHANNELS=channels,
        SQUEEZED=width,
        BLOCK_R=64,
        BLOCK_C=block_gate,
        num_warps=4,
    )
    return out, gate


def _padded(planner: Planner, matrix: torch.Tensor, width: int) -> torch.Tensor:
    """Columns of zeros up to a width, float32."""
    padded = torch.zeros(matrix.shape[0], width)
    padded[:, : matrix.shape[1]] = matrix.detach().float()
    return planner.constant(padded, torch.float32)


def upsample(planner: Planner, name: str, x: Map, out: Map) -> None:
    """Plan bilinear upsampling with aligned corners, into the first channels of `out`."""
    _, rows, columns, channels = x.shape
    pixels = out.pixels
    block_c = min(64, power_of_two(channels))
    block_p = 64
    planner.launch(
        name,
        upsample_kernel,
        (-(-pixels // block_p) * -(-channels // block_c),),
        operations=8.0 * pixels * channels,
        traffic=float(x.shape.numel() * x.value_bytes + pixels * channels * out.value_bytes),
        x=x,
        x_low=x if x.low is None else x.low,
        out=out,
        out_low=out if out.low is None else out.low,
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
        X_LOW=x.low is not None,
        OUT_LOW=out.low is not None,
        BLOCK_P=block_p,
        BLOCK_C=block_c,
        num_warps=4,
    )
