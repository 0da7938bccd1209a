"""LiDAR returns for runtimes that know gathers and maxima over an axis, and no maximum by cell.

ONNX has ScatterElements with a maximum from opset 18, but TensorRT reads it from version 10 alone and through
a plugin, and TensorRT for RTX has no plugins. So the returns of each cell, sorted on the host, are cut into
pillars of PILLAR returns; where a cell has more than one pillar, its pillars are cut into groups of GROUP,
and its groups again into crowds. Whatever is not full repeats one of its own, which no maximum notices. A
cell is then a gather of one pillar, group or crowd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..model.lidar_encoder import described_returns, kept_returns
from ..model.senses import SensesConfig

PILLAR, GROUP = 8, 16
"""Returns a pillar; pillars a group and groups a crowd."""

MOST = PILLAR * GROUP * GROUP
"""Returns that are read of one cell; of more, so many are taken evenly."""

NAMES = ("returns", "pillars", "groups", "crowds", "return_cells")


@dataclass(frozen=True)
class ReturnSizes:
    """How much the tables of one model hold: rows of each."""

    returns: int
    pillars: int
    groups: int
    crowds: int

    @classmethod
    def roomy(cls, returns: int) -> ReturnSizes:
        """Room for usual clouds of so many returns within the grid, three of them a cell or more."""
        return cls(
            returns,
            returns // PILLAR + returns // 3 + 1,
            returns // (2 * PILLAR) + 1,
            returns // (2 * PILLAR * GROUP) + 1,
        )


@dataclass(frozen=True, eq=False)
class ReturnTables:
    """The clouds of a batch; indices are int32.

    Attributes:
        returns: (P, 9) float32, see `described_returns`.
        pillars: (S, PILLAR) rows of `returns`.
        groups: (G, GROUP) rows of `pillars`.
        crowds: (W, GROUP) rows of `groups`.
        return_cells: (B, nx * ny) where each cell is among pillars, groups and crowds, one behind the other;
            behind the last of them all where a cell has no return.
    """

    returns: np.ndarray
    pillars: np.ndarray
    groups: np.ndarray
    crowds: np.ndarray
    return_cells: np.ndarray

    @classmethod
    def build(
        cls, clouds: Sequence[np.ndarray], config: SensesConfig, sizes: ReturnSizes | None = None
    ) -> ReturnTables:
        """Cut the clouds of a batch of samples.

        Args:
            clouds: (N, 5) float32 a sample, as `moment.returns` gives them; may be empty.
            config: of the network.
            sizes: that the model was written with; None for the smallest that hold the clouds. Of a cloud
                that does not fit, as many returns as do are taken evenly.
        """
        share = 1.0
        while True:
            thin = [_evenly(cloud, int(len(cloud) * share)) for cloud in clouds]
            tables = cls._cut(thin, config)
            if sizes is None:
                return tables
            need = tables.sizes
            over = max(
                getattr(need, name) / getattr(sizes, name) for name in ReturnSizes.__dataclass_fields__
            )
            if over <= 1.0:
                return tables._padded(sizes)
            share *= 0.97 / over

    @classmethod
    def _cut(cls, clouds: Sequence[np.ndarray], config: SensesConfig) -> ReturnTables:
        nx, ny = config.model.grid.shape
        points = torch.from_numpy(np.concatenate(clouds)) if clouds else torch.zeros(0, 5)
        sample = torch.repeat_interleave(torch.tensor([len(cloud) for cloud in clouds]))
        kept, places = kept_returns(points, sample, config)
        cell = places.numpy()
        order = np.argsort(cell, kind="stable")
        counts = np.bincount(cell, minlength=len(clouds) * nx * ny)
        hit = np.flatnonzero(counts)
        count = counts[hit]
        if count.max(initial=0) > MOST:
            rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
            many = np.repeat(np.maximum(count, MOST), count)
            order = order[rank * MOST // many != (rank - 1) * MOST // many]
            count = np.minimum(count, MOST)
        chosen = torch.from_numpy(order)
        returns = described_returns(kept[chosen], places[chosen], config).numpy()
        pillars, first, count = _runs(np.cumsum(count) - count, count, PILLAR)
        row = first
        crowded = np.flatnonzero(count > 1)
        groups, first, count = _runs(first[crowded], count[crowded], GROUP)
        row[crowded] = len(pillars) + first
        dense = np.flatnonzero(count > 1)
        crowds, first, _ = _runs(first[dense], count[dense], GROUP)
        row[crowded[dense]] = len(pillars) + len(groups) + first
        cells = np.full(len(clouds) * nx * ny, len(pillars) + len(groups) + len(crowds), np.int32)
        cells[hit] = row
        found = cls(returns, pillars, groups, crowds, cells.reshape(len(clouds), nx * ny))
        # Of each at least one row, which nobody reads: an empty axis is more than some runtimes take.
        return found._padded(ReturnSizes(*(max(1, len(getattr(found, name))) for name in NAMES[:-1])))

    @property
    def sizes(self) -> ReturnSizes:
        """Rows of each table."""
        return ReturnSizes(len(self.returns), len(self.pillars), len(self.groups), len(self.crowds))

    def arrays(self) -> dict[str, np.ndarray]:
        """The tables by name."""
        return {name: getattr(self, name) for name in NAMES}

    def _padded(self, sizes: ReturnSizes) -> ReturnTables:
        """The same in larger tables."""
        before, cells = self.sizes, self.return_cells.astype(np.int64)
        starts = np.cumsum([0, before.pillars, before.groups, before.crowds])
        moved = np.cumsum([0, sizes.pillars, sizes.groups, sizes.crowds]) - starts
        cells = cells + moved[np.searchsorted(starts, cells, side="right") - 1]
        return ReturnTables(
            _longer(self.returns, sizes.returns),
            _longer(self.pillars, sizes.pillars),
            _longer(self.groups, sizes.groups),
            _longer(self.crowds, sizes.crowds),
            cells.astype(np.int32),
        )


def no_returns(config: SensesConfig, sizes: ReturnSizes | None = None, samples: int = 1) -> ReturnTables:
    """Tables of empty clouds, whose map is 0."""
    return ReturnTables.build([np.zeros((0, 5), np.float32)] * samples, config, sizes)


def _longer(table: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([table, np.zeros((rows - len(table), table.shape[1]), table.dtype)])


def _evenly(cloud: np.ndarray, count: int) -> np.ndarray:
    return cloud if count >= len(cloud) else cloud[np.arange(count) * len(cloud) // max(count, 1)]


def _runs(first: np.ndarray, count: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut runs of rows into pieces.

    Args:
        first: (R,) first row of each run.
        count: (R,) its rows, at least one.
        each: rows a piece; the last piece of a run repeats the run's last row.

    Returns:
        (K, each) int32 rows of each piece, and the first piece and the number of pieces of each run.
    """
    pieces = -(-count // each)
    slots = pieces * each
    within = np.arange(int(slots.sum())) - np.repeat(np.cumsum(slots) - slots, slots)
    rows = np.repeat(first, slots) + np.minimum(within, np.repeat(count - 1, slots))
    return rows.astype(np.int32).reshape(-1, each), np.cumsum(pieces) - pieces, pieces
