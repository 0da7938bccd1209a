"""Triton kernels of Pillow's resize, in Pillow's own integer arithmetic, so that not one level differs.

Pillow resizes 8-bit images in two passes, rows first, each with weights of 22 fractional bits, and rounds to
8 bits after each (src/libImaging/Resample.c).
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def resize_rows_kernel(
    image,  # (images, rows, columns, 3) uint8
    starts,  # (out_columns,) int32, first column that an output column reads
    weights,  # (out_columns, TAPS) int32
    out,  # (images, out_rows, out_columns, 3) uint8
    first_row,  # of the image that becomes row 0
    rows,
    columns,
    out_rows,
    out_columns,
    TAPS: tl.constexpr,
    BITS: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """One program makes BLOCK_V values (columns * 3) of BLOCK_R rows."""
    r = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    v = tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    camera = tl.program_id(2)
    u = v // 3
    inside = u < out_columns
    start = tl.load(starts + u, mask=inside, other=0)
    line = (camera * rows + first_row + r) * columns
    sums = tl.full((BLOCK_R, BLOCK_V), 1 << (BITS - 1), dtype=tl.int32)
    mask = (r < out_rows)[:, None] & inside[None, :]
    for tap in range(TAPS):
        weight = tl.load(weights + u * TAPS + tap, mask=inside, other=0)
        # Behind the last tap of an edge's filter the weight is 0, whatever is read.
        column = tl.minimum(start + tap, columns - 1)
        value = tl.load(image + (line[:, None] + column[None, :]) * 3 + (v % 3)[None, :], mask=mask, other=0)
        sums += value.to(tl.int32) * weight[None, :]
    level = tl.minimum(tl.maximum(sums >> BITS, 0), 255)
    target = (camera * out_rows + r)[:, None] * (out_columns * 3) + v[None, :]
    tl.store(out + target, level.to(tl.uint8), mask=mask)


@triton.jit
def resize_columns_kernel(
    image,  # (images, rows, columns, 3) uint8, of `resize_rows_kernel`
    starts,  # (out_rows,) int32, first row that an output row reads
    weights,  # (out_rows, TAPS) int32
    scale,  # (3,) float32
    shift,  # (3,) float32
    out,  # (images, out_rows, columns, 3), level * scale + shift
    rows,
    columns,
    out_rows,
    TAPS: tl.constexpr,
    BITS: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """One program makes BLOCK_V values (columns * 3) of one row."""
    y = tl.program_id(0)
    v = tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    camera = tl.program_id(2)
    mask = v < columns * 3
    start = tl.load(starts + y)
    sums = tl.full((BLOCK_V,), 1 << (BITS - 1), dtype=tl.int32)
    for tap in range(TAPS):
        weight = tl.load(weights + y * TAPS + tap)
        row = camera * rows + tl.minimum(start + tap, rows - 1)
        sums += tl.load(image + row * (columns * 3) + v, mask=mask, other=0).to(tl.int32) * weight
    level = tl.minimum(tl.maximum(sums >> BITS, 0), 255).to(tl.float32)
    value = level * tl.load(scale + v % 3) + tl.load(shift + v % 3)
    tl.store(out + (camera * out_rows + y) * (columns * 3) + v, value.to(out.dtype.element_ty), mask=mask)
