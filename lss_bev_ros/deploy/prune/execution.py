"""A part as it runs on a device: folded for the CPU engine, a recorded graph in half precision on a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ...geometry import BevGrid
from ...geometry.example_rig import nuscenes_like_rig
from ...model import ModelConfig, Widths
from ...model.bev_encoder import BasicBlock
from ...model.efficientnet import MBConvBlock
from ...model.memory_format import channels_last
from ...model.upsampling import Up, convolution_at
from ...runtime.calibration_tables import CalibrationTables
from ...runtime.cpu.convolution import Convolution, fold
from ...runtime.cpu.engine import DTYPES
from ...runtime.cpu.folded_network import FoldedBlock, FoldedResidual, FoldedUp
from ...runtime.cpu.sparse_stem import KERNEL, SparseStem, StemTable
from ...runtime.cpu.upsampled_convolution import UpsampledConvolution
from .parts import NetworkPart

Run = Callable[[], object]


def executable(part: NetworkPart, widths: Widths, config: ModelConfig, device: str, precision: str) -> Run:
    """Build a part and its inputs; calling the result runs it once."""
    module = part.make(widths).eval().requires_grad_(False)
    dtype = DTYPES[precision] if device == "cpu" else torch.float16
    inputs = [
        torch.rand(shape, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
        for shape in part.inputs(widths)
    ]
    if device == "cpu":
        run = _folded(module, inputs, dtype)
        return lambda: run(*inputs)
    module = channels_last(module.to(device, dtype))
    return _recorded(module, inputs)


def _folded(module: nn.Module, inputs: list[torch.Tensor], dtype: torch.dtype) -> Callable[..., object]:
    """The part as `runtime.folded_network` runs it."""
    if isinstance(module, MBConvBlock):
        return FoldedBlock(module, torch.zeros(inputs[0].shape[1]), dtype)
    if isinstance(module, BasicBlock):
        return FoldedResidual(module, dtype)
    if isinstance(module, Up):
        _, coarse, rows, columns = inputs[0].shape
        return FoldedUp(module, coarse, rows, columns, dtype)
    assert isinstance(module, nn.Sequential)
    if isinstance(module[0], nn.Upsample):
        _, _, rows, columns = inputs[0].shape
        weight, bias = fold(*convolution_at(module, 1))
        wide = UpsampledConvolution(weight, bias, rows, columns, 2, dtype)
        last = module[4]
        assert isinstance(last, nn.Conv2d)
        head = Convolution.of(last, None, dtype)
        return lambda x: head(torch.relu_(wide(x)))
    first = module[0]
    assert isinstance(first, nn.Conv2d)
    if len(module) == 1:
        return Convolution.of(first, None, dtype)
    if first.kernel_size[0] == KERNEL:
        return _sparse_stem(module, inputs[0], dtype)
    activation = "swish" if isinstance(module[2], nn.SiLU) else "relu"
    return Convolution.of(*convolution_at(module, 0), dtype, activation)


def _sparse_stem(module: nn.Sequential, bev: torch.Tensor, dtype: torch.dtype) -> Callable[..., object]:
    """The BEV stem over the cells that a usual rig hits."""
    config = ModelConfig(grid=BevGrid(), channels=bev.shape[1])
    table = CalibrationTables.of_rig(nuscenes_like_rig(), config).splat
    stem_table = StemTable.build(table)
    if stem_table is None or tuple(bev.shape[2:]) != config.grid.shape:
        return Convolution.of(*convolution_at(module, 0), dtype, "relu")
    stem = SparseStem(*fold(*convolution_at(module, 0)), dtype)
    features = torch.rand(len(table.cells), bev.shape[1])
    return lambda _: stem(features, stem_table)


def _recorded(module: nn.Module, inputs: list[torch.Tensor]) -> Run:
    """The part as a CUDA graph, so that no launch is waited for."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            module(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        module(*inputs)
    return graph.replay
