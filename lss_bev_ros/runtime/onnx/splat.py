"""The splat as standard ONNX operators over `SegmentTables`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...model import ModelConfig
from ..segment_tables import NAMES, POINTS, SegmentTables
from .graph import Graph

INT32 = np.dtype(np.int32)


def table_inputs(graph: Graph, config: ModelConfig, batch: int | str, sizes: Mapping[str, int | str]) -> None:
    """Declare the four tables as inputs, of `SegmentSizes` or of free sizes by the same names."""
    nx, ny = config.grid.shape
    graph.input("points", (sizes["segments"], POINTS), INT32)
    graph.input("pixels", (sizes["segments"], POINTS), INT32)
    graph.input("segments", (sizes["hits"], sizes["width"]), INT32)
    graph.input("cells", (batch, nx * ny), INT32)


def table_constants(graph: Graph, tables: SegmentTables) -> None:
    """Keep the four tables of one calibration in the file."""
    for name in NAMES:
        graph.constant(name, getattr(tables, name))


def splat(graph: Graph, config: ModelConfig) -> None:
    """Write the splat of the tensors `depth` and `features`, whose result is `bev`, (B, nx, ny, C)."""
    nx, ny = config.grid.shape
    nothing = graph.constant("splat.nothing", np.zeros(1, dtype=graph.dtype))
    depth = graph.reshape("splat.depth", "depth", [-1])
    depth = graph.node("Concat", "splat.depths", [depth, nothing], axis=0)
    weights = graph.node("Gather", "splat.weights", [depth, "points"], axis=0)
    rows = graph.reshape("splat.rows", "features", [-1, config.channels])
    rows = graph.node("Gather", "splat.points", [rows, "pixels"], axis=0)
    # One row of weights times the rows of features: weighs and sums without a product in between.
    weights = graph.reshape("splat.row", weights, [-1, 1, POINTS])
    sums = graph.node("MatMul", "splat.segment", [weights, rows])
    sums = graph.reshape("splat.sums", sums, [-1, config.channels])
    sums = graph.node("Gather", "splat.parts", [sums, "segments"], axis=0)
    axes = graph.constant("splat.axes", np.array([1], dtype=np.int64))
    hits = graph.node("ReduceSum", "splat.hits", [sums, axes], keepdims=0)
    cells = graph.node("Gather", "splat.cells", [hits, "cells"], axis=0)
    graph.reshape("bev", cells, [-1, nx, ny, config.channels])
