"""The BEV encoder's 7x7 stem over the cells that the splat hits, about 15 % of the grid.

A convolution is a sum over its inputs, so an empty cell adds nothing. Each hit cell is multiplied by those of
the 49 taps that meet an output: at stride 2 these are 9, 12 or 16, by the parity of its row and column. The
products are rows of one table, and every output is the sum of its rows. Which rows those are depends on the
calibration alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ...model import SplatTable

KERNEL, STRIDE, PADDING = 7, 2, 3
DENSEST = 0.5
"""Share of hit cells from which on the plain convolution is cheaper."""

_TAPS = {
    parity: [(kx, ky) for kx in range(1 - parity // 2, KERNEL, 2) for ky in range(1 - parity % 2, KERNEL, 2)]
    for parity in range(4)
}
"""Taps that a cell meets, by its parity: 2 * (row % 2) + column % 2."""


@dataclass(frozen=True, eq=False)
class StemTable:
    """Which products make up each output, for one calibration.

    Attributes:
        shape: (nx / 2, ny / 2) outputs.
        order: (K,) int64, the hit cells sorted by parity, as places among the splat table's `cells`.
        counts: hit cells of each parity.
        rows: (R,) int32, the products of every output, one output after the other.
        offsets: (outputs + 1,) int32: where they start.
    """

    shape: tuple[int, int]
    order: torch.Tensor
    counts: tuple[int, ...]
    rows: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def build(cls, table: SplatTable) -> StemTable | None:
        """Find the products of every output, or None where too many cells are hit for this to pay."""
        nx, ny = table.shape
        hit = len(table.cells)
        if hit > DENSEST * nx * ny or nx % STRIDE or ny % STRIDE:
            return None
        row, column = table.cells // ny, table.cells % ny
        parity = 2 * (row % 2) + column % 2
        order = torch.argsort(parity, stable=True)
        counts = torch.bincount(parity, minlength=4)
        taps = torch.tensor([len(_TAPS[p]) for p in range(4)])
        # A cell's first product; its others follow, tap by tap.
        first = torch.cumsum(F.pad(taps[parity[order]], (1, 0)), 0)[:-1]
        places = torch.full((nx + 2 * PADDING, ny + 2 * PADDING), -(KERNEL**2), dtype=torch.int32)
        places[row[order] + PADDING, column[order] + PADDING] = first.int()
        read = places.unfold(0, KERNEL, STRIDE).unfold(1, KERNEL, STRIDE) + _tap_numbers()
        inside = (read >= 0).flatten(0, 1).flatten(1)
        offsets = F.pad(inside.sum(1).cumsum(0), (1, 0))
        rows = read.reshape(inside.shape)[inside]
        return cls((nx // STRIDE, ny // STRIDE), order, tuple(counts.tolist()), rows, offsets.int())


class SparseStem:
    """The stem with its ReLU.

    Args:
        weight: (O, I, 7, 7).
        bias: (O,).
        dtype: precision.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype):
        self._dtype = dtype
        self._outputs = weight.shape[0]
        self._bias = bias.to(dtype)
        self._weights = [
            torch.cat([weight[:, :, kx, ky].t() for kx, ky in _TAPS[parity]], dim=1).to(dtype).contiguous()
            for parity in range(4)
        ]
        self._products = torch.empty(0, dtype=dtype)

    def __call__(self, features: torch.Tensor, table: StemTable) -> torch.Tensor:
        """Convolve.

        Args:
            features: (K, I) float32, of the hit cells in rising order.
            table: of the same calibration.

        Returns:
            (1, O, nx / 2, ny / 2), channels last.
        """
        features = features[table.order].to(self._dtype)
        count = sum(n * len(_TAPS[parity]) for parity, n in enumerate(table.counts))
        # Kept between calls: fresh memory would cost more than filling it.
        if self._products.numel() < count * self._outputs:
            self._products = torch.empty(count * self._outputs, dtype=self._dtype)
        products = self._products[: count * self._outputs]
        cell = start = 0
        for parity, n in enumerate(table.counts):
            width = len(_TAPS[parity]) * self._outputs
            into = products[start : start + n * width].view(n, width)
            torch.mm(features[cell : cell + n], self._weights[parity], out=into)
            cell, start = cell + n, start + n * width
        sums = F.embedding_bag(
            table.rows, products.view(-1, self._outputs), table.offsets, mode="sum", include_last_offset=True
        )
        return F.relu_(sums.add_(self._bias)).view(1, *table.shape, -1).permute(0, 3, 1, 2)


def _tap_numbers() -> torch.Tensor:
    """(7, 7) int32: a tap's place among those of the parity that meets it."""
    numbers = torch.zeros(KERNEL, KERNEL, dtype=torch.int32)
    for taps in _TAPS.values():
        for number, (kx, ky) in enumerate(taps):
            numbers[kx, ky] = number
    return numbers
