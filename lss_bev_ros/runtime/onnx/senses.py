"""What the multi-sense network has beside the published one's encoders, as ONNX operators.

LiDAR by `ReturnTables`, memory, the fuser and the heads. Operators carry the names of the modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ...model.heads import EmbeddingHead, OccupancyHead
from ...model.lidar_encoder import POINT_FEATURES, LidarEncoder
from ...model.multi_sense import MultiSense
from ...model.senses import SensesConfig
from ..cpu.convolution import fold
from ..return_tables import GROUP, PILLAR
from .encoders import FP32, channels_first, convolution
from .graph import Graph
from .splat import INT32

FEATURES = "heads.features"
"""Tensor that all heads read, (B, F, nx, ny)."""

NOWHERE = 2.0
"""A place in `warp` that no map reaches: filled with it, nothing is remembered, exactly."""


def return_inputs(
    graph: Graph, config: SensesConfig, batch: int | str, sizes: Mapping[str, int | str]
) -> None:
    """Declare the tables of `ReturnTables` as inputs, of `ReturnSizes` or of free sizes by the same names."""
    nx, ny = config.model.grid.shape
    graph.input("returns", (sizes["returns"], POINT_FEATURES))
    graph.input("pillars", (sizes["pillars"], PILLAR), INT32)
    graph.input("groups", (sizes["groups"], GROUP), INT32)
    graph.input("crowds", (sizes["crowds"], GROUP), INT32)
    graph.input("return_cells", (batch, nx * ny), INT32)


def lidar_encoder(graph: Graph, encoder: LidarEncoder, name: str = "lidarencode") -> None:
    """Write the pillar encoder, whose result is `lidar_bev`, (B, nx, ny, C).

    The maximum is taken before what is added to every return of a channel, and before the rectifier: neither
    changes which return is the largest.
    """
    nx, ny = encoder.config.model.grid.shape
    channels = encoder.linear.out_features
    scale, shift = _affine(encoder.norm)
    weight = (encoder.linear.weight.detach().double() * scale[:, None]).T.float()
    rows = graph.node("MatMul", f"{name}.linear", ["returns", graph.weight(f"{name}.weight", weight)])
    found = []
    for table in ("pillars", "groups", "crowds"):
        gathered = graph.node("Gather", f"{name}.{table}.members", [rows, table], axis=0)
        rows = graph.node("ReduceMax", f"{name}.{table}", [gathered], axes=[1], keepdims=0)
        found.append(rows)
    rows = graph.node("Concat", f"{name}.rows", found, axis=0)
    rows = graph.node("Add", f"{name}.norm", [rows, graph.weight(f"{name}.bias", shift.float())])
    rows = graph.relu(f"{name}.relu", rows)
    nothing = graph.constant(f"{name}.nothing", np.zeros((1, channels), dtype=graph.dtype))
    rows = graph.node("Concat", f"{name}.all", [rows, nothing], axis=0)
    cells = graph.node("Gather", f"{name}.cells", [rows, "return_cells"], axis=0)
    graph.reshape("lidar_bev", cells, [-1, nx, ny, channels])


def memory_inputs(graph: Graph, config: SensesConfig, batch: int | str) -> None:
    """Declare what is remembered: `memory`, where it lies now as `warp`, and its `age` in seconds."""
    nx, ny = config.model.grid.shape
    graph.input("memory", (batch, config.model.channels, nx, ny))
    graph.input("warp", (batch, nx, ny, 2), FP32)
    graph.input("age", (batch,), FP32)


def recalled(graph: Graph, config: SensesConfig, batch: int | str, name: str = "memory") -> str:
    """Write `model.memory.align` and its age: (B, C + 1, nx, ny), all 0 where nothing is remembered.

    Bilinear sampling is one gather of four cells a place and one product with their weights, as the splat
    is: TensorRT's GridSample is reported to be wrong without a word from 10.13 on (docs/jetson.md). In each
    direction a cell weighs 1 - its distance from the place, at least 0. So a place beyond the centre of the
    last cell reads the last two, the one before the last without weight: what lies outside counts as 0.
    """
    nx, ny = config.model.grid.shape
    channels = config.model.channels

    def constant(what: str, value: object, dtype: type = np.float32) -> str:
        return graph.constant(f"{name}.{what}", np.array(value, dtype=dtype))

    far = graph.node("Abs", f"{name}.far", ["warp"])
    far = graph.node("ReduceMax", f"{name}.farther", [far], axes=[3], keepdims=1)
    known = graph.node("LessOrEqual", f"{name}.reached", [far, constant("edge", 1.0)])
    known = graph.to(f"{name}.reach", known, FP32)

    # In cells from the centre of the first one, (B * nx * ny, 2, 1), columns first. Places in half precision
    # would be off by centimetres.
    places = graph.node("Add", f"{name}.from_corner", ["warp", constant("one", 1.0)])
    places = graph.node("Mul", f"{name}.in_cells", [places, constant("halves", [ny / 2, nx / 2])])
    places = graph.node("Sub", f"{name}.from_centre", [places, constant("half", 0.5)])
    places = graph.reshape(f"{name}.places", places, [-1, 2, 1])
    low = graph.to(f"{name}.before", places, INT32)
    low = graph.node("Max", f"{name}.on_map", [low, constant("first", 0, np.int32)])
    low = graph.node("Min", f"{name}.low", [low, constant("last", [[ny - 2], [nx - 2]], np.int32)])
    cells = graph.node(
        "Add", f"{name}.cells", [low, constant("four", [[0, 1, 0, 1], [0, 0, 1, 1]], np.int32)]
    )

    away = graph.node("Sub", f"{name}.offset", [places, graph.to(f"{name}.centres", cells, FP32)])
    away = graph.node("Abs", f"{name}.away", [away])
    near = graph.relu(f"{name}.near", graph.node("Sub", f"{name}.nearness", [f"{name}.one", away]))
    weights = graph.node("ReduceProd", f"{name}.bilinear", [near], axes=[1], keepdims=0)
    there = graph.reshape(f"{name}.there", known, [-1, 1])
    weights = graph.node("Mul", f"{name}.weights", [weights, there])
    weights = graph.cast(f"{name}.weighing", weights, graph.dtype)
    weights = graph.reshape(f"{name}.row", weights, [-1, 1, 4])

    strides = constant("strides", [[1], [ny]], np.int32)
    index = graph.node("Mul", f"{name}.strided", [cells, strides])
    axes = graph.constant(f"{name}.axes", np.array([1], dtype=np.int64))
    index = graph.node("ReduceSum", f"{name}.index", [index, axes], keepdims=0)
    if batch != 1:
        index = _of_each_sample(graph, name, index, batch, nx * ny)

    rows = graph.node("Transpose", f"{name}.channels_last", ["memory"], perm=[0, 2, 3, 1])
    rows = graph.reshape(f"{name}.rows", rows, [-1, channels])
    rows = graph.node("Gather", f"{name}.gathered", [rows, index], axis=0)
    moved = graph.node("MatMul", f"{name}.sampled", [weights, rows])
    moved = graph.reshape(f"{name}.map", moved, [-1, nx, ny, channels])
    moved = channels_first(graph, f"{name}.moved", moved)

    known = graph.reshape(f"{name}.known", known, [-1, 1, nx, ny])
    age = graph.reshape(f"{name}.age", "age", [-1, 1, 1, 1])
    aged = graph.node("Mul", f"{name}.aged", [known, age])
    aged = graph.cast(f"{name}.ages", aged, graph.dtype)
    return graph.node("Concat", f"{name}.joined", [moved, aged], axis=1)


def fuser(graph: Graph, model: MultiSense, senses: Sequence[str], batch: int | str) -> str:
    """Write the fuser of some of a network's senses; the others are as if they sensed nothing.

    Reads `bev`, `lidar_bev`, `memory`, `warp` and `age`, as far as `senses` has them. What is to be
    remembered becomes the tensor `remembered`, (B, C, nx, ny), where memory is among them.

    Returns:
        (B, C, nx, ny), to be given to the BEV encoder.
    """
    maps = {"cameras": "bev", "lidar": "lidar_bev"}
    given = {
        name: channels_first(graph, f"fuse.{name}", maps[name])
        for name in ("cameras", "lidar")
        if name in senses
    }
    fuse = model.fuse
    if fuse is None:
        return given["cameras"]
    weight, bias = fold(fuse.conv, fuse.norm)
    channels = model.config.model.channels
    kept = [
        weight[:, place * channels : (place + 1) * channels]
        for place, name in enumerate(fuse.now)
        if name in given
    ]
    there = [given[name] for name in fuse.now if name in given]
    joined = there[0] if len(there) == 1 else graph.node("Concat", "fuse.joined", there, axis=1)
    now = graph.convolution("fuse.conv", joined, torch.cat(kept, 1), bias, padding=(1, 1))
    own = given.get("cameras")
    if "memory" not in senses:
        return _beside(graph, "fuse", own, now)
    _beside(graph, "remembered", own, now, named=True)
    past = graph.convolution(
        "fuse.recall",
        recalled(graph, model.config, batch),
        fuse.recall.weight.detach(),
        torch.zeros(channels),
        padding=(1, 1),
    )
    return _beside(graph, "fuse", own, graph.node("Add", "fuse.both", [now, past]))


def heads(graph: Graph, model: MultiSense, names: Sequence[str], features: str) -> None:
    """Write heads, each the float32 output of its name."""
    for name in names:
        head = model.heads[name]
        at = f"heads.{name}"
        x = features
        if isinstance(conv := getattr(head, "conv", None), nn.Conv2d):
            x = graph.relu(f"{at}.relu", convolution(graph, f"{at}.conv", x, conv, _norm(head)))
        last = head.last
        assert isinstance(last, nn.Conv2d), last
        x = convolution(graph, f"{at}.last", x, last)
        if isinstance(head, OccupancyHead):
            x = graph.cast(f"{at}.fp32", x, FP32)
            layers, classes = head.shape
            nx, ny = model.config.model.grid.shape
            graph.reshape(name, x, [-1, layers, classes, nx, ny])
        elif isinstance(head, EmbeddingHead):
            x = graph.cast(f"{at}.fp32", x, FP32)
            length = graph.node("ReduceL2", f"{at}.length", [x], axes=[1], keepdims=1)
            least = graph.constant(f"{at}.least", np.array(1e-12, dtype=np.float32))
            length = graph.node("Max", f"{at}.above", [length, least])
            graph.node("Div", name, [x, length])
        else:
            graph.cast(name, x, FP32)


def head_shape(name: str, model: MultiSense, batch: int | str) -> tuple[int | str, ...]:
    """Shape of a head's output."""
    head, grid = model.heads[name], model.config.model.grid.shape
    last = head.last
    assert isinstance(last, nn.Conv2d), last
    channels = head.shape if isinstance(head, OccupancyHead) else (last.out_channels,)
    return (batch, *channels, *grid)


def _of_each_sample(graph: Graph, name: str, index: str, batch: int | str, size: int) -> str:
    """Indices (B * size, 4) within each sample's map, as indices within all maps, one after another.

    So one plain gather serves all samples: those with a batch of their own were wrong in TensorRT before
    (NVIDIA/TensorRT issue 2299).
    """
    if isinstance(batch, int):
        starts = graph.constant(f"{name}.starts", size * np.arange(batch, dtype=np.int32).reshape(-1, 1))
    else:
        count = graph.node("Shape", f"{name}.shape", ["age"])
        end = graph.reshape(f"{name}.samples", count, [])
        zero = graph.constant(f"{name}.zero", np.array(0, dtype=np.int64))
        step = graph.constant(f"{name}.step", np.array(1, dtype=np.int64))
        each = graph.to(f"{name}.each", graph.node("Range", f"{name}.range", [zero, end, step]), INT32)
        each = graph.reshape(f"{name}.sample", each, [-1, 1])
        starts = graph.node(
            "Mul", f"{name}.starts", [each, graph.constant(f"{name}.size", np.array(size, dtype=np.int32))]
        )
    index = graph.reshape(f"{name}.by_sample", index, [-1, 4 * size])
    index = graph.node("Add", f"{name}.in_all", [index, starts])
    return graph.reshape(f"{name}.all", index, [-1, 4])


def _beside(graph: Graph, name: str, own: str | None, x: str, named: bool = False) -> str:
    """The cameras' own map, where there are cameras, plus swish of what the senses say together."""
    if own is None:
        return graph.swish(name if named else f"{name}.swish", x)
    return graph.node("Add", name if named else f"{name}.sum", [own, graph.swish(f"{name}.swish", x)])


def _norm(head: nn.Module) -> nn.BatchNorm2d:
    norm = head.norm
    assert isinstance(norm, nn.BatchNorm2d), norm
    return norm


def _affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift, float64, of a normalisation in evaluation mode."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None, "it keeps statistics"
    assert variance is not None, "it keeps statistics"
    scale = norm.weight.detach().double() / torch.sqrt(variance.double() + norm.eps)
    return scale, norm.bias.detach().double() - mean.double() * scale
