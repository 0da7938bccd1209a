"""The splat as gathers and sums alone, for runtimes that have no sum by cell.

ONNX has ScatterND with a sum, but TensorRT reads it without (onnx-tensorrt issue 957: 8.6 drops the sum
silently, 10 refuses). So the points of each cell, sorted by `SplatTable`, are cut into segments of POINTS
points, the last one filled up with points of no weight. A cell is then the sum of a few segments, and the
grid a gather of the cells that are hit. The eight feature rows of an image column fall into one cell nearly
always, so one segment a cell and camera is the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import RuntimeBackendError
from ..model import ModelConfig, SplatTable

POINTS = 8
"""Points a segment."""

NAMES = ("points", "pixels", "segments", "cells")


@dataclass(frozen=True)
class SegmentSizes:
    """How much the tables of one model hold.

    Attributes:
        segments: rows of `points` and `pixels`.
        hits: rows of `segments`.
        width: columns of `segments`.
    """

    segments: int
    hits: int
    width: int

    @classmethod
    def roomy(cls, config: ModelConfig, cameras: int) -> SegmentSizes:
        """Room for any usual rig: each image column and depth bin spread over two cells on average."""
        rows, columns = config.feature_shape
        stacks = cameras * config.depth_bins * columns
        segments = 2 * stacks * -(-rows // POINTS)
        nx, ny = config.grid.shape
        return cls(segments + 1, min(segments, nx * ny) + 1, 16)


@dataclass(frozen=True, eq=False)
class SegmentTables:
    """A `SplatTable` as segments. All arrays are int32, which every TensorRT indexes with.

    The last segment has no weight and the last hit only that segment, so that what is empty sums to 0.

    Attributes:
        points: (S, POINTS) places in the flattened depth (pixels, D) with one 0 appended to it.
        pixels: (S, POINTS) rows of the feature matrix (pixels, C).
        segments: (H, M) the segments of each hit cell.
        cells: (B, nx * ny) the hit of each cell of the grid.
    """

    points: np.ndarray
    pixels: np.ndarray
    segments: np.ndarray
    cells: np.ndarray

    @classmethod
    def build(
        cls, tables: Sequence[SplatTable], pixels: int, bins: int, sizes: SegmentSizes | None = None
    ) -> SegmentTables:
        """Cut the points of a batch of samples into segments.

        Args:
            tables: one a sample.
            pixels: of one sample, all its cameras together.
            bins: depth bins D.
            sizes: that the model was written with; None for the smallest that hold the tables.

        Raises:
            RuntimeBackendError: the points do not fit the sizes.
        """
        counts = np.stack([table.offsets.diff().numpy() for table in tables])
        places = np.concatenate([t.weights.numpy() + i * pixels * bins for i, t in enumerate(tables)])
        count = counts.reshape(-1)
        hit = np.flatnonzero(count)
        count = count[hit]
        each = -(-count // POINTS)
        need = SegmentSizes(int(each.sum()) + 1, len(hit) + 1, max(1, int(each.max(initial=0))))
        sizes = sizes or need
        for name in ("segments", "hits", "width"):
            if getattr(need, name) > getattr(sizes, name):
                raise RuntimeBackendError(
                    f"the rig needs splat tables of {getattr(need, name)} {name}, but the model was exported "
                    f"or built for {getattr(sizes, name)}: export it again with `--dynamic tables`, and "
                    f"where an engine is built of it, with a `--shape` of the tables that is large enough"
                )
        # Point i of a hit goes to place i of the hit's run of segments.
        first = np.cumsum(each) - each
        within = np.arange(len(places)) - np.repeat(np.cumsum(count) - count, count)
        points = np.full((sizes.segments, POINTS), len(tables) * pixels * bins, dtype=np.int32)
        points.reshape(-1)[np.repeat(first * POINTS, count) + within] = places
        owner = np.full(points.shape, 0, dtype=np.int32)
        owner.reshape(-1)[np.repeat(first * POINTS, count) + within] = places // bins
        segments = np.full((sizes.hits, sizes.width), sizes.segments - 1, dtype=np.int32)
        rank = np.arange(int(each.sum())) - np.repeat(first, each)
        segments[np.repeat(np.arange(len(hit)), each), rank] = np.arange(int(each.sum()))
        cells = np.full(counts.shape, sizes.hits - 1, dtype=np.int32)
        cells.reshape(-1)[hit] = np.arange(len(hit))
        return cls(points, owner, segments, cells)

    def arrays(self) -> dict[str, np.ndarray]:
        """The tables by name."""
        return {name: getattr(self, name) for name in NAMES}
