"""The network's two encoders as they run on a CPU: the same parameters, folded and rearranged.

Everything here is an identity of the published network up to rounding (in float32 logits agree to 1e-4):

- batch normalisation is folded into convolutions, activations are fused;
- a 3x3 convolution of many channels takes a quarter of the multiplications (`WinogradConvolution`, float32);
- the BEV encoder's stem reads the hit cells alone (`SparseStem`);
- a convolution of an upsampled map runs on the coarse map (`UpsampledConvolution`);
- the gate of squeeze and excitation scales the smaller of its two factors, weights or activations;
- the bias of a block's projection is passed on to the next expansion, which is linear in it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ...model.bev_encoder import BasicBlock, BevEncoder
from ...model.camera_encoder import CameraEncoder
from ...model.config import ModelConfig
from ...model.efficientnet import MBConvBlock
from ...model.upsampling import Up
from .convolution import Convolution, fold
from .sparse_stem import SparseStem, StemTable
from .upsampled_convolution import UpsampledConvolution
from .winograd import WinogradConvolution


class FoldedBlock:
    """An MBConv block whose output lacks a constant a channel, `offset`, that the reader adds.

    Args:
        block: of the network.
        offset: (I,) float32, what the input lacks.
        dtype: precision.
    """

    def __init__(self, block: MBConvBlock, offset: torch.Tensor, dtype: torch.dtype):
        self.expand: Convolution | None = None
        if block.expands:
            weight, bias = fold(block._expand_conv, block._bn0)
            bias = bias + weight.flatten(1) @ offset
            self.expand = Convolution(weight, bias, dtype, "swish")
        self.depthwise = Convolution.of(block._depthwise_conv, block._bn1, dtype, "swish")
        # The few numbers of the gate are cheaper in float32 than the conversions that oneDNN would make.
        self.reduce = _linear(block._se_reduce)
        self.widen = _linear(block._se_expand)
        self.project, bias = _linear(block._project_conv, block._bn2)
        self.project_narrow = self.project.to(dtype)
        self.dtype = dtype
        self.skips = block.skips
        self.offset = bias + offset if block.skips else bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(B, I, H, W) to (B, O, H / stride, W / stride), channels last."""
        y = self.depthwise(x if self.expand is None else self.expand(x))
        batch, hidden, rows, columns = y.shape
        pixels = y.permute(0, 2, 3, 1).reshape(batch, rows * columns, hidden)
        # A matrix product is PyTorch's fastest sum over pixels.
        total = torch.bmm(pixels.new_full((batch, 1, rows * columns), 1.0), pixels)[:, 0].float()
        gate = self._affine(
            F.silu(self._affine(total / (rows * columns), self.reduce)), self.widen
        ).sigmoid_()
        if rows * columns < self.project.shape[1]:
            pixels = pixels * gate.to(self.dtype).unsqueeze(1)
            project = self.project_narrow.expand(batch, -1, -1)
        else:
            project = (gate.unsqueeze(2) * self.project).to(self.dtype)
        if self.skips:
            shortcut = x.permute(0, 2, 3, 1).reshape(batch, rows * columns, -1)
            out = torch.baddbmm(shortcut, pixels, project)
        else:
            out = torch.bmm(pixels, project)
        return out.view(batch, rows, columns, -1).permute(0, 3, 1, 2)

    @staticmethod
    def _affine(x: torch.Tensor, layer: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        weight, bias = layer
        return torch.addmm(bias, x, weight)


class FoldedUp:
    """`Up`: the fine map convolved where it is, the coarse one through `UpsampledConvolution`."""

    def __init__(self, up: Up, coarse: int, rows: int, columns: int, dtype: torch.dtype):
        first, second = up.convolutions
        weight, bias = fold(*first)
        fine = weight.shape[1] - coarse
        self.fine = _spatial(weight[:, :fine], torch.zeros_like(bias), dtype)
        self.coarse = UpsampledConvolution(weight[:, fine:], bias, rows, columns, up.scale, dtype)
        self.second = _spatial(*fold(*second), dtype)

    def __call__(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """(B, c, h, w) and (B, f, H, W) to (B, O, H, W), channels last."""
        return self.second(self.fine(fine, plus=self.coarse(coarse)))


class FoldedCameraEncoder:
    """`CameraEncoder` for inference.

    Args:
        encoder: the network's.
        config: its sizes.
        dtype: float32 or bfloat16.
    """

    def __init__(self, encoder: CameraEncoder, config: ModelConfig, dtype: torch.dtype):
        trunk = encoder.trunk
        self.depth_bins = encoder.depth_bins
        self.stem = Convolution.of(trunk._conv_stem, trunk._bn0, dtype, "swish")
        self.blocks: list[FoldedBlock] = []
        offset = torch.zeros(trunk._conv_stem.out_channels)
        for block in trunk.blocks:
            self.blocks.append(FoldedBlock(block, offset, dtype))
            offset = self.blocks[-1].offset
        self.last_stride = trunk.last_stride
        self.offsets = [
            self.blocks[index].offset.to(dtype).view(1, -1, 1, 1) for index in (self.last_stride - 1, -1)
        ]
        rows, columns = config.feature_shape
        coarse = trunk.blocks[-1]._project_conv.out_channels
        self.up = FoldedUp(encoder.up1, coarse, rows // 2, columns // 2, dtype)
        self.depthnet = Convolution.of(encoder.depthnet, None, dtype)

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode normalised images.

        Args:
            images: (N, 3, H, W), channels last.

        Returns:
            depth: (N * h * w, D) float32 probabilities.
            features: (N * h * w, C) float32.
        """
        x = self.stem(images)
        for index, block in enumerate(self.blocks):
            if index == self.last_stride:
                sixteenth = x
            x = block(x)
        x = self.up(x + self.offsets[1], sixteenth + self.offsets[0])
        pixels = self.depthnet(x).permute(0, 2, 3, 1).flatten(0, 2).float()
        depth = pixels[:, : self.depth_bins].softmax(dim=1)
        return depth, pixels[:, self.depth_bins :].contiguous()


class FoldedResidual:
    """`BasicBlock` for inference."""

    def __init__(self, block: BasicBlock, dtype: torch.dtype):
        self.first = _spatial(*fold(block.conv1, block.bn1), dtype, block.conv1.stride[0])
        self.second = _spatial(*fold(block.conv2, block.bn2), dtype)
        self.shortcut: Convolution | None = None
        if block.shortcut is not None:
            self.shortcut = Convolution.of(*block.shortcut, dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(B, I, H, W) to (B, O, H / stride, W / stride), channels last."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.second(self.first(x), plus=shortcut)


class FoldedBevEncoder:
    """`BevEncoder` for inference.

    Args:
        encoder: the network's; that of the multi-sense network has no convolution to logits.
        config: its sizes.
        dtype: float32 or bfloat16.
    """

    def __init__(self, encoder: BevEncoder, config: ModelConfig, dtype: torch.dtype):
        self.dtype = dtype
        nx, ny = config.grid.shape
        self.stem = Convolution.of(encoder.conv1, encoder.bn1, dtype, "relu")
        self.sparse_stem = SparseStem(*fold(encoder.conv1, encoder.bn1), dtype)
        first, second, third = encoder.stages.values()
        self.layer1 = [FoldedResidual(block, dtype) for block in first]
        self.deeper = [FoldedResidual(block, dtype) for block in (*second, *third)]
        eighth = third[-1].conv2.out_channels
        self.up1 = FoldedUp(encoder.up1, eighth, nx // 8, ny // 8, dtype)
        weight, bias = fold(*encoder.last)
        self.up2 = UpsampledConvolution(weight, bias, nx // 2, ny // 2, 2, dtype)
        self.head: Convolution | None = None
        if not isinstance(encoder.up2[-1], nn.Identity):
            self.head = Convolution.of(encoder.head, None, dtype)

    def features(self, bev: torch.Tensor) -> torch.Tensor:
        """(1, C, nx, ny), channels last, to (1, O, nx, ny) in this precision: what heads read."""
        return self._features(self.stem(bev.to(self.dtype)))

    def __call__(self, bev: torch.Tensor) -> torch.Tensor:
        """(nx, ny, C) splatted features, float32, to (outputs, nx, ny) float32 logits."""
        return self._from_stem(self.stem(bev.permute(2, 0, 1).unsqueeze(0).to(self.dtype)))

    def from_hits(self, features: torch.Tensor, table: StemTable) -> torch.Tensor:
        """The same from (K, C) splatted features of the hit cells alone."""
        return self._from_stem(self.sparse_stem(features, table))

    def warm_up(self) -> None:
        """Run once on nothing, all but the stem, of which a calibration chooses one of the two."""
        empty = torch.zeros(1, self.up2.rows, self.up2.columns, len(self.stem.bias), dtype=self.dtype)
        self._from_stem(empty.permute(0, 3, 1, 2))

    def _from_stem(self, x: torch.Tensor) -> torch.Tensor:
        assert self.head is not None, "a network with heads of its own has no logits"
        return self.head(self._features(x))[0].float()

    def _features(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.layer1:
            x = block(x)
        half = x
        for block in self.deeper:
            x = block(x)
        return F.relu_(self.up2(self.up1(x, half)))


def _spatial(
    weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype, stride: int = 1
) -> Convolution | WinogradConvolution:
    """A 3x3 convolution of padding 1 with ReLU, by the method that is faster."""
    outputs, inputs = weight.shape[:2]
    if stride == 1 and WinogradConvolution.pays(inputs, outputs, dtype):
        return WinogradConvolution(weight, bias, "relu")
    return Convolution(weight, bias, dtype, "relu", stride, padding=1)


def _linear(conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """A 1x1 convolution as the (I, O) matrix and the bias of x @ matrix + bias, float32."""
    weight, bias = fold(conv, norm)
    return weight.flatten(1).t().contiguous(), bias
