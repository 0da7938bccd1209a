"""The network as a chain of parts whose latency depends on few widths each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from ...model import ModelConfig, Widths
from ...model.bev_encoder import BasicBlock
from ...model.efficientnet import MBConvBlock, SamePadConv2d
from ...model.upsampling import Up

CAMERAS = 6

CAMERA = ("camera", "depth")
"""How the names of the camera encoder's parts begin."""

Shape = tuple[int, ...]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class NetworkPart:
    """Some layers that run one behind the other.

    Attributes:
        name: for tables.
        widths: names of the widths that its work depends on.
        make: builds it, with the widths of a network.
        inputs: shapes (B, C, H, W) of its inputs, by the widths of a network.
        kind: parts of equal kind and numbers do the same work.
    """

    name: str
    widths: tuple[str, ...]
    make: Callable[[Widths], nn.Module]
    inputs: Callable[[Widths], tuple[Shape, ...]]
    kind: str


def network_parts(config: ModelConfig) -> list[NetworkPart]:
    """Every layer of the network but the splat and the softmax, whose work no width changes."""
    return [*_camera_parts(config), *_bev_parts(config)]


def _camera_parts(config: ModelConfig) -> list[NetworkPart]:
    rows, columns = config.image_height // 2, config.image_width // 2
    parts = [
        NetworkPart(
            "camera stem",
            ("stem.0",),
            lambda w: _normalised(SamePadConv2d(3, w.stem[0], 3, stride=2), w.stem[0], nn.SiLU()),
            lambda w: ((CAMERAS, 3, config.image_height, config.image_width),),
            "camera stem",
        )
    ]
    for index in range(16):
        block = _meta(partial(MBConvBlock, index, Widths(), 0.0))
        stride, kernel = block._depthwise_conv.stride[0], block._depthwise_conv.kernel_size[0]
        parts.append(
            NetworkPart(
                f"camera block {index}",
                _block_widths(index),
                partial(MBConvBlock, index, drop_connect=0.0),
                partial(_block_input, index, (rows, columns)),
                f"block k{kernel} s{stride} skip {block.skips} at {rows}x{columns}",
            )
        )
        rows, columns = rows // stride, columns // stride
    h, w = config.feature_shape
    outputs = config.depth_bins + config.channels
    return [
        *parts,
        NetworkPart(
            "camera up",
            ("stages.4", "stages.6", "camera_up.0", "camera_up.1"),
            lambda x: Up(x.stages[4] + x.stages[6], x.camera_up[0], x.camera_up[1]),
            lambda x: ((CAMERAS, x.stages[6], h // 2, w // 2), (CAMERAS, x.stages[4], h, w)),
            "camera up",
        ),
        NetworkPart(
            "depth and features",
            ("camera_up.1",),
            lambda x: nn.Sequential(nn.Conv2d(x.camera_up[1], outputs, 1)),
            lambda x: ((CAMERAS, x.camera_up[1], h, w),),
            "depth and features",
        ),
    ]


def _block_input(index: int, size: tuple[int, int], widths: Widths) -> tuple[Shape, ...]:
    return ((CAMERAS, widths.block(index)[0], *size),)


def _residual(index: int, before: int, layer: int, stride: int, widths: Widths) -> BasicBlock:
    return BasicBlock(widths.bev[before], widths.bev_inner[index], widths.bev[layer], stride)


def _residual_input(before: int, size: tuple[int, int], widths: Widths) -> tuple[Shape, ...]:
    return ((1, widths.bev[before], *size),)


def _bev_parts(config: ModelConfig) -> list[NetworkPart]:
    nx, ny = config.grid.shape
    stem = nn.Conv2d
    parts = [
        NetworkPart(
            "bev stem",
            ("bev.0",),
            lambda w: _normalised(stem(config.channels, w.bev[0], 7, 2, 3, bias=False), w.bev[0], nn.ReLU()),
            lambda w: ((1, config.channels, nx, ny),),
            "bev stem",
        )
    ]
    for index in range(6):
        layer, second = divmod(index, 2)
        before = layer if second or not layer else layer - 1
        stride = 2 if layer and not second else 1
        size = nx // 2 // 2**before, ny // 2 // 2**before
        names = dict.fromkeys((f"bev.{before}", f"bev_inner.{index}", f"bev.{layer}"))
        parts.append(
            NetworkPart(
                f"bev block {index}",
                tuple(names),
                partial(_residual, index, before, layer, stride),
                partial(_residual_input, before, size),
                f"bev block s{stride} at {size}",
            )
        )
    return [
        *parts,
        NetworkPart(
            "bev up 1",
            ("bev.0", "bev.2", "bev_up.0", "bev_up.1"),
            lambda w: Up(w.bev[0] + w.bev[2], w.bev_up[0], w.bev_up[1], scale=4),
            lambda w: ((1, w.bev[2], nx // 8, ny // 8), (1, w.bev[0], nx // 2, ny // 2)),
            "bev up 1",
        ),
        NetworkPart(
            "bev up 2",
            ("bev_up.1", "bev_up.2"),
            lambda w: nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                nn.Conv2d(w.bev_up[1], w.bev_up[2], 3, padding=1, bias=False),
                nn.BatchNorm2d(w.bev_up[2]),
                nn.ReLU(inplace=True),
                nn.Conv2d(w.bev_up[2], config.outputs, 1),
            ),
            lambda w: ((1, w.bev_up[1], nx // 2, ny // 2),),
            "bev up 2",
        ),
    ]


def _block_widths(index: int) -> tuple[str, ...]:
    """Names of the widths of a block of the trunk; a name that occurs twice counts once."""
    from ...model.widths import BLOCK_STAGES

    outputs = f"stages.{BLOCK_STAGES[index]}"
    if index == 0:
        return "stem.0", outputs
    return tuple(dict.fromkeys((f"stages.{BLOCK_STAGES[index - 1]}", f"hidden.{index - 1}", outputs)))


def _normalised(conv: nn.Conv2d, channels: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(channels), activation)


def _meta(make: Callable[[], M]) -> M:
    """A module with shapes and no memory."""
    with torch.device("meta"):
        return make()
