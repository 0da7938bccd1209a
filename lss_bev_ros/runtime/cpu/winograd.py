"""A 3x3 convolution with a quarter of the multiplications (Winograd 1980; Lavin and Gray 2016, F(4x4, 3x3)).

A tile of 4x4 outputs needs 6x6 inputs. Input tiles and kernels are transformed so that each of the 36 places
of a tile is a matrix product over channels of its own, 36 products for 16 outputs where the plain convolution
has 144. The transforms are small matrix products too. In float32 the result is within 2e-5 of the largest
value; in bfloat16 it would not hold, and processors with bfloat16 instructions have no need of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

TILE = 4
READ = TILE + 2

CHANNELS = 128 * 128
"""Inputs times outputs from which on the saved multiplications outweigh the transforms."""

CHUNK = 24_000_000
"""Bytes of transformed inputs held at once: a cache's worth, and enough rows for the matrix products."""

_INPUT = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
_KERNEL = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
) / torch.tensor(24.0, dtype=torch.float64)
_OUTPUT = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float64,
)
"""B^T, G and A^T of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", section 4.3."""


class WinogradConvolution:
    """A 3x3 convolution of stride 1 and padding 1 in float32, with bias and activation.

    Args:
        weight: (O, I, 3, 3).
        bias: (O,).
        activation: `none` or `relu`.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, activation: str = "none"):
        self.bias, self.activation = bias.float(), activation
        kernels = torch.einsum("ij,ocjk,lk->ilco", _KERNEL, weight.double(), _KERNEL)
        self._outputs, self._inputs = weight.shape[:2]
        self._kernels = kernels.reshape(READ * READ, self._inputs, self._outputs).float().contiguous()
        self._into = torch.kron(_INPUT, _INPUT).float()
        self._out_of = torch.kron(_OUTPUT, _OUTPUT).float()
        self._padded: dict[tuple[int, ...], torch.Tensor] = {}

    @staticmethod
    def pays(inputs: int, outputs: int, dtype: torch.dtype) -> bool:
        """Whether this is faster than a plain convolution: with many channels, in float32."""
        return dtype == torch.float32 and inputs * outputs >= CHANNELS

    def __call__(self, x: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
        """Convolve, add, activate: (B, I, H, W) to (B, O, H, W), both channels last."""
        batch, _, height, width = x.shape
        rows, columns = -(-height // TILE), -(-width // TILE)
        rectify = self.activation == "relu"
        padded = self._pad(x, rows * TILE + 2, columns * TILE + 2)
        out = x.new_empty(batch, rows, TILE, columns, TILE, self._outputs)
        tiles = max(1, CHUNK // (4 * READ * READ * max(self._inputs, self._outputs)))
        images = max(1, tiles // (rows * columns))
        lines = max(1, min(rows, tiles // columns))
        for image in range(0, batch, images):
            for line in range(0, rows, lines):
                into = out[image : image + images, line : line + lines]
                self._convolve(padded, image, line, into, rectify=rectify and plus is None)
        y = out.view(batch, rows * TILE, columns * TILE, -1)[:, :height, :width].permute(0, 3, 1, 2)
        if plus is None:
            return y
        y = y.add_(plus)
        return F.relu_(y) if rectify else y

    def _pad(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """(B, height, width, I) with x and one row and column of zeros before it; kept between calls."""
        shape = (x.shape[0], height, width, self._inputs)
        if shape not in self._padded:
            self._padded = {shape: x.new_zeros(shape)}
        padded = self._padded[shape]
        padded[:, 1 : 1 + x.shape[2], 1 : 1 + x.shape[3]] = x.permute(0, 2, 3, 1)
        return padded

    def _convolve(
        self, padded: torch.Tensor, image: int, line: int, into: torch.Tensor, rectify: bool
    ) -> None:
        """Some lines of tiles of some images, into (b, rows, 4, columns, 4, O)."""
        b, rows, _, columns, _, _ = into.shape
        picture, row, pixel, _ = padded.stride()
        shape = (READ, READ, b, rows, columns, self._inputs)
        strides = (row, pixel, picture, TILE * row, TILE * pixel, 1)
        read = padded.as_strided(shape, strides, image * picture + line * TILE * row)
        tiles = torch.mm(self._into, read.reshape(READ * READ, -1))
        product = torch.bmm(tiles.view(READ * READ, -1, self._inputs), self._kernels)
        made = torch.mm(self._out_of, product.view(READ * READ, -1))
        made.view(-1, self._outputs).add_(self.bias)
        if rectify:
            F.relu_(made)
        made = made.view(TILE, TILE, b, rows, columns, self._outputs)
        into.copy_(made.permute(2, 3, 0, 4, 1, 5))
