"""A 3x3 convolution of a bilinearly upsampled map, without the upsampled map.

Upsampling acts on space and each tap of a convolution on channels, so the two commute: the nine taps mix the
channels of the coarse map, and what is then upsampled, shifted by its tap and summed are the mixed maps. The
channel mixing, nearly all of the work, so runs on scale^2 times fewer pixels. What is left is, along each
axis, a sum of at most six weighted neighbours for every output: shift, zero padding and interpolation in one.
PyTorch's `embedding_bag` is that sum, in float32 for bfloat16 inputs too. The result is the same up to
rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .convolution import Convolution

CHUNK = 2_000_000
"""Mixed values held at once, so that they stay in the cache between the steps that make and read them."""


def neighbours(size: int, scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Say which inputs make up each output along one axis: upsampled with aligned corners, then three taps.

    Args:
        size: coarse inputs along the axis.
        scale: outputs an input.

    Returns:
        source: (size * scale, 6) int64, coarse input * 3 + tap; a pair for each tap.
        weight: (size * scale, 6) float64, 0 where the convolution reads its zero padding.
    """
    outputs = size * scale
    # Output i reads upsampled i - 1, i and i + 1, and each of them its two coarse neighbours.
    tap = torch.arange(3)
    read = torch.arange(outputs).unsqueeze(1) + tap - 1
    inside = (read >= 0) & (read < outputs)
    position = read.clamp(0, outputs - 1).double() * ((size - 1) / max(outputs - 1, 1))
    low = position.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = position - low
    source = torch.stack((low * 3 + tap, high * 3 + tap), dim=-1)
    weight = torch.stack((1 - share, share), dim=-1) * inside.unsqueeze(-1)
    return source.flatten(1), weight.flatten(1)


class UpsampledConvolution:
    """Convolves an upsampled map.

    Args:
        weight: (O, I, 3, 3) of the convolution, padding 1.
        bias: (O,) of the convolution.
        rows: of the coarse map.
        columns: of the coarse map.
        scale: of the upsampling (bilinear, aligned corners).
        dtype: precision.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        rows: int,
        columns: int,
        scale: int,
        dtype: torch.dtype,
    ):
        self.rows, self.columns, self.scale = rows, columns, scale
        self.outputs, inputs = weight.shape[:2]
        self.dtype = dtype
        # Mixed channels by horizontal tap, vertical tap, output: a row of the first sum is then contiguous.
        mix = weight.permute(3, 2, 0, 1).reshape(-1, inputs, 1, 1)
        self.mix = Convolution(mix, torch.zeros(len(mix)), dtype)
        self.bias = bias.to(dtype)
        self.step = max(1, CHUNK // (columns * len(mix)))
        self._wide: dict[int, torch.Tensor] = {}
        self._horizontal: dict[int, tuple[torch.Tensor, ...]] = {}
        self._vertical: dict[int, tuple[torch.Tensor, ...]] = {}

    def __call__(self, coarse: torch.Tensor) -> torch.Tensor:
        """(B, I, rows, columns) to (B, O, rows * scale, columns * scale), both channels last."""
        batch, inputs = coarse.shape[:2]
        width = self.columns * self.scale
        lines = coarse.permute(0, 2, 3, 1).reshape(batch * self.rows, self.columns, inputs)
        wide = self._wide_rows(batch)
        for start in range(0, len(lines), self.step):
            read = lines[start : start + self.step]
            into = slice(start * width * 3, (start + len(read)) * width * 3)
            wide[into] = self._widen(read).view(-1, self.outputs)
        tall = self._sum(wide, self._vertical_sum(batch))
        shape = (batch, self.rows * self.scale, width, self.outputs)
        return tall.view(shape).permute(0, 3, 1, 2)

    def _wide_rows(self, batch: int) -> torch.Tensor:
        """Rows for the widened map, kept between calls: fresh memory would cost more than filling it."""
        if batch not in self._wide:
            count = batch * self.rows * self.columns * self.scale * 3
            self._wide[batch] = torch.empty(count + 1, self.outputs, dtype=self.dtype)
            # The bias is one more row, which every output reads once.
            self._wide[batch][-1] = self.bias
        return self._wide[batch]

    def _widen(self, lines: torch.Tensor) -> torch.Tensor:
        """(L, columns, I) rows of the coarse map to (L * columns * scale, 3 * O), vertical taps apart."""
        mixed = self.mix(lines.permute(2, 0, 1).unsqueeze(0))
        table = mixed.permute(0, 2, 3, 1).reshape(-1, 3 * self.outputs)
        return self._sum(table, self._horizontal_sum(len(lines)))

    def _horizontal_sum(self, lines: int) -> tuple[torch.Tensor, ...]:
        """Indices, offsets and weights that widen some rows, each by itself."""
        if lines not in self._horizontal:
            source, weight = neighbours(self.columns, self.scale)
            line = torch.arange(lines).view(-1, 1, 1) * (self.columns * 3)
            self._horizontal[lines] = self._bags((line + source).flatten(0, 1), weight.repeat(lines, 1))
        return self._horizontal[lines]

    def _vertical_sum(self, batch: int) -> tuple[torch.Tensor, ...]:
        """Indices, offsets and weights that lengthen the columns of a batch and add the bias."""
        if batch not in self._vertical:
            width = self.columns * self.scale
            source, weight = neighbours(self.rows, self.scale)
            row, tap = source // 3, source % 3
            sample = torch.arange(batch).view(-1, 1, 1, 1) * self.rows
            column = torch.arange(width).view(-1, 1)
            index = ((sample + row.unsqueeze(1)) * width + column) * 3 + tap.unsqueeze(1)
            index = index.reshape(-1, source.shape[1])
            weight = weight.unsqueeze(1).expand(-1, width, -1).reshape(-1, source.shape[1]).repeat(batch, 1)
            bias = torch.full((len(index), 1), batch * self.rows * width * 3)
            once = weight.new_ones(len(index), 1)
            self._vertical[batch] = self._bags(torch.cat((index, bias), 1), torch.cat((weight, once), 1))
        return self._vertical[batch]

    def _bags(self, index: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Rows to read and their weights, (outputs, n) each, as `embedding_bag` takes them."""
        offsets = torch.arange(len(index)) * index.shape[1]
        return index.flatten().int(), offsets.int(), weight.flatten().to(self.dtype)

    @staticmethod
    def _sum(table: torch.Tensor, bags: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Sum weighted rows of a table."""
        index, offsets, weight = bags
        return F.embedding_bag(index, table, offsets, mode="sum", per_sample_weights=weight)
