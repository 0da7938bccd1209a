"""A 3x3 convolution of a bilinearly upsampled map, without the upsampled map.

Upsampling acts on space and each tap of a convolution on channels, so the two commute: the nine taps mix the
channels of the coarse map, and what is then upsampled, shifted by its tap and summed are the mixed maps. The
channel mixing, nearly all of the work, so runs on scale^2 times fewer pixels. Shift, zero padding and
interpolation together are one banded matrix an axis, applied as small matrix products.
The result is the same up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

BAND = 40
"""Output rows or columns a band of the interpolation matrix covers; bands skip most of its zeros."""

CHUNK = 2_000_000
"""Mixed values held at once, so that they stay in the cache between the products that make and read them."""


@dataclass(frozen=True, eq=False)
class Band:
    """Some rows of an axis's interpolation matrix and the inputs that they read.

    Attributes:
        start, stop: outputs.
        first, last: coarse inputs, `last` excluded.
        matrix: (stop - start, (last - first) * 3), columns ordered by input, then tap.
    """

    start: int
    stop: int
    first: int
    last: int
    matrix: torch.Tensor


def interpolation_bands(size: int, scale: int, dtype: torch.dtype) -> list[Band]:
    """Make the matrix that upsamples an axis with aligned corners and shifts it by each of three taps.

    Args:
        size: coarse inputs along the axis.
        scale: outputs an input.
        dtype: of the matrices.
    """
    outputs = size * scale
    position = torch.arange(outputs, dtype=torch.float64) * ((size - 1) / max(outputs - 1, 1))
    low = position.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = position - low
    row = torch.arange(outputs)
    upsample = torch.zeros(outputs, size, dtype=torch.float64)
    upsample[row, low] += 1 - share
    upsample[row, high] += share
    taps = torch.zeros(outputs, size, 3, dtype=torch.float64)
    # Output i reads upsampled i - 1, i and i + 1; beyond the ends lies the convolution's zero padding.
    taps[1:, :, 0] = upsample[:-1]
    taps[:, :, 1] = upsample
    taps[:-1, :, 2] = upsample[1:]
    bands = []
    for start in range(0, outputs, BAND):
        stop = min(start + BAND, outputs)
        read = taps[start:stop].abs().sum((0, 2)).nonzero()
        first, last = int(read[0]), int(read[-1]) + 1
        matrix = taps[start:stop, first:last].reshape(stop - start, -1).to(dtype)
        bands.append(Band(start, stop, first, last, matrix))
    return bands


class UpsampledConvolution:
    """Adds the convolution of an upsampled map to what is there.

    Args:
        weight: (O, I, 3, 3) of the convolution, padding 1.
        rows, columns: size of the coarse map.
        scale: of the upsampling (bilinear, aligned corners).
        dtype: precision.
    """

    def __init__(self, weight: torch.Tensor, rows: int, columns: int, scale: int, dtype: torch.dtype):
        self.rows, self.columns, self.scale = rows, columns, scale
        self.outputs, inputs = weight.shape[:2]
        # Columns by horizontal tap, vertical tap, output channel: then every later product reads and
        # writes in place.
        self.mix = weight.permute(1, 3, 2, 0).reshape(inputs, -1).to(dtype).contiguous()
        self.vertical = interpolation_bands(rows, scale, dtype)
        self.horizontal = interpolation_bands(columns, scale, dtype)

    def add_to(self, result: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """Add in place.

        Args:
            result: (B, O, rows * scale, columns * scale), channels last.
            coarse: (B, I, rows, columns), channels last.

        Returns:
            `result`.
        """
        batch, inputs = coarse.shape[:2]
        width = self.columns * self.scale
        pixels = coarse.permute(0, 2, 3, 1).reshape(batch * self.rows, self.columns, inputs)
        wide = pixels.new_empty(batch * self.rows, 3, width, self.outputs)
        step = max(1, CHUNK // (self.columns * self.mix.shape[1]))
        for start in range(0, len(pixels), step):
            self._widen(pixels[start : start + step], wide[start : start + step])
        wide = wide.view(batch, self.rows * 3, width * self.outputs)
        lines = result.permute(0, 2, 3, 1).reshape(batch, self.rows * self.scale, width * self.outputs)
        for sample in range(batch):
            for band in self.vertical:
                read = wide[sample, 3 * band.first : 3 * band.last]
                lines[sample, band.start : band.stop].addmm_(band.matrix, read)
        return result

    def _widen(self, rows: torch.Tensor, wide: torch.Tensor) -> None:
        """Mix the channels of some rows and upsample them along the row.

        Args:
            rows: (R, columns, I).
            wide: (R, 3, columns * scale, O) to write to, by vertical tap.
        """
        mixed = (rows.flatten(0, 1) @ self.mix).view(len(rows), self.columns * 3, 3, self.outputs)
        for tap in range(3):
            for band in self.horizontal:
                read = mixed[:, 3 * band.first : 3 * band.last, tap]
                matrix = band.matrix.expand(len(rows), -1, -1)
                torch.bmm(matrix, read, out=wide[:, tap, band.start : band.stop])
