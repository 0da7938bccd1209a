"""The two encoders as ONNX operators, batch normalisation folded into the convolutions.

Widths and strides are read from the modules, so a pruned network is written like any other. Operators carry
the names of the modules, under which a quantiser or a profiler finds them again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from ...model.bev_encoder import BasicBlock, BevEncoder
from ...model.camera_encoder import CameraEncoder
from ...model.efficientnet import MBConvBlock, SamePadConv2d
from ...model.upsampling import Up
from ..cpu.convolution import fold
from .graph import DTYPES, Graph

FP32 = DTYPES["fp32"]


def camera_encoder(graph: Graph, encoder: CameraEncoder, images: str, name: str = "camencode") -> None:
    """Write the camera encoder, whose results are the tensors `depth` and `features`.

    Args:
        graph: to write to.
        encoder: in evaluation mode.
        images: (N, 3, H, W), normalised.
        name: before every operator's name.

    `depth` is (N, h, w, D) and `features` (N, h, w, C): pixels before channels, as the splat reads them.
    """
    trunk = encoder.trunk
    x = convolution(graph, f"{name}.trunk._conv_stem", images, trunk._conv_stem, trunk._bn0)
    x = graph.swish(f"{name}.trunk._swish", x)
    sixteenth = x
    for index, block in enumerate(trunk.blocks):
        if index == trunk.last_stride:
            sixteenth = x
        x = _block(graph, f"{name}.trunk._blocks.{index}", x, block)
    x = _up(graph, f"{name}.up1", x, sixteenth, encoder.up1)
    x = convolution(graph, f"{name}.depthnet", x, encoder.depthnet)
    x = graph.node("Transpose", f"{name}.pixels", [x], perm=[0, 2, 3, 1])
    bins = encoder.depth_bins
    scores = _channels(graph, f"{name}.scores", x, 0, bins)
    # Exponentials of fp16 lose the small probabilities, so this one step is always fp32.
    wide = graph.cast(f"{name}.scores.fp32", scores, FP32)
    softmax = graph.node("Softmax", f"{name}.softmax", [wide], axis=3)
    graph.cast("depth", softmax, graph.dtype)
    _channels(graph, "features", x, bins, bins + encoder.channels)


def bev_encoder(graph: Graph, encoder: BevEncoder, bev: str, name: str = "bevencode") -> None:
    """Write the BEV encoder, whose result is the tensor `logits`, (B, outputs, nx, ny) float32.

    Args:
        graph: to write to.
        encoder: in evaluation mode.
        bev: (B, nx, ny, C), cells before channels, as the splat writes them.
        name: before every operator's name.
    """
    x = bev_features(graph, encoder, channels_first(graph, f"{name}.channels", bev), name)
    graph.cast("logits", convolution(graph, f"{name}.up2.4", x, encoder.head), FP32)


def bev_features(graph: Graph, encoder: BevEncoder, bev: str, name: str = "bevencode") -> str:
    """Write the BEV encoder up to what its heads read, (B, F, nx, ny), of (B, C, nx, ny)."""
    x = graph.relu(f"{name}.relu", convolution(graph, f"{name}.conv1", bev, encoder.conv1, encoder.bn1))
    first, *deeper = encoder.stages
    x = half = _residuals(graph, f"{name}.{first}", x, encoder.stages[first])
    for layer in deeper:
        x = _residuals(graph, f"{name}.{layer}", x, encoder.stages[layer])
    x = _up(graph, f"{name}.up1", x, half, encoder.up1)
    x = graph.upsample(f"{name}.up2.0", x, 2)
    return graph.relu(f"{name}.up2.3", convolution(graph, f"{name}.up2.1", x, *encoder.last))


def channels_first(graph: Graph, name: str, bev: str) -> str:
    """(B, nx, ny, C) to (B, C, nx, ny)."""
    return graph.node("Transpose", name, [bev], perm=[0, 3, 1, 2])


def _block(graph: Graph, name: str, x: str, block: MBConvBlock) -> str:
    y = x
    if block.expands:
        y = convolution(graph, f"{name}._expand_conv", y, block._expand_conv, block._bn0)
        y = graph.swish(f"{name}._expand_swish", y)
    y = convolution(graph, f"{name}._depthwise_conv", y, block._depthwise_conv, block._bn1)
    y = graph.swish(f"{name}._depthwise_swish", y)
    # A mean of the rows' means: a sum over a whole map at once can leave the range of fp16.
    mean = graph.node("ReduceMean", f"{name}._se_rows", [y], axes=[3], keepdims=1)
    mean = graph.node("ReduceMean", f"{name}._se_mean", [mean], axes=[2], keepdims=1)
    gate = graph.swish(f"{name}._se_swish", convolution(graph, f"{name}._se_reduce", mean, block._se_reduce))
    gate = convolution(graph, f"{name}._se_expand", gate, block._se_expand)
    y = graph.node("Mul", f"{name}._se", [y, graph.node("Sigmoid", f"{name}._se_gate", [gate])])
    y = convolution(graph, f"{name}._project_conv", y, block._project_conv, block._bn2)
    return graph.node("Add", f"{name}._skip", [x, y]) if block.skips else y


def _residuals(graph: Graph, name: str, x: str, blocks: Sequence[BasicBlock]) -> str:
    for index, block in enumerate(blocks):
        x = _residual(graph, f"{name}.{index}", x, block)
    return x


def _residual(graph: Graph, name: str, x: str, block: BasicBlock) -> str:
    shortcut = x
    if block.shortcut is not None:
        shortcut = convolution(graph, f"{name}.downsample.0", x, *block.shortcut)
    y = graph.relu(f"{name}.relu1", convolution(graph, f"{name}.conv1", x, block.conv1, block.bn1))
    y = convolution(graph, f"{name}.conv2", y, block.conv2, block.bn2)
    return graph.relu(f"{name}.relu2", graph.node("Add", f"{name}.add", [y, shortcut]))


def _up(graph: Graph, name: str, coarse: str, fine: str, up: Up) -> str:
    x = graph.upsample(f"{name}.up", coarse, up.scale)
    x = graph.node("Concat", f"{name}.joined", [fine, x], axis=1)
    for first, (conv, norm) in zip((0, 3), up.convolutions, strict=True):
        x = convolution(graph, f"{name}.conv.{first}", x, conv, norm)
        x = graph.relu(f"{name}.conv.{first + 2}", x)
    return x


def convolution(graph: Graph, name: str, x: str, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None) -> str:
    """Write a convolution with the normalisation behind it folded in."""
    weight, bias = fold(conv, norm)
    padding = conv.same_padding if isinstance(conv, SamePadConv2d) else (int(conv.padding[0]),) * 2
    return graph.convolution(name, x, weight, bias, conv.stride[0], padding, conv.groups)


def _channels(graph: Graph, name: str, x: str, start: int, stop: int) -> str:
    """A range of the last of four axes."""
    bounds = [
        graph.constant(f"{name}.{what}", np.array([value], dtype=np.int64))
        for what, value in (("start", start), ("stop", stop), ("axis", 3))
    ]
    return graph.node("Slice", name, [x, *bounds])
