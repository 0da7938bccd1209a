"""Triton kernels of Pillow's resize and OpenCV's lookup, in their own integers: not one level differs.

Pillow resizes 8-bit images in two passes, rows first, each with weights of 22 fractional bits, and rounds to
8 bits after each (src/libImaging/Resample.c). OpenCV's bilinear remap of a fixed-point map has 5 fractional
bits along each axis and rounds once (modules/imgproc/src/imgwarp.cpp).
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def straighten_kernel(
    image,  # (images, rows, columns, 3) uint8
    sources,  # (cameras,) int32, the image of each; None where they follow each other
    places,  # (cameras, samples) int32, 65536 * row + column of the image
    fractions,  # (cameras, samples) int16, 32 * rest of the row + rest of the column, in 1/32 of a pixel
    out,  # (cameras, samples, 3) uint8
    rows,
    columns,
    samples,
    BLOCK: tl.constexpr,
):
    """One program looks up BLOCK samples of one camera."""
    s = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    camera = tl.program_id(1)
    source = camera
    if sources is not None:
        source = tl.load(sources + camera)
    mask = s < samples
    place = tl.load(places + camera * samples + s, mask=mask, other=0)
    fraction = tl.load(fractions + camera * samples + s, mask=mask, other=0).to(tl.int32)
    x, y = place & 0xFFFF, place >> 16
    right, down = fraction & 31, fraction >> 5
    # Behind the last column and row the fraction is 0, whatever is read.
    next_column = tl.where(x < columns - 1, 3, 0)
    next_row = tl.where(y < rows - 1, columns * 3, 0)
    here = image + ((source * rows + y) * columns + x) * 3
    target = out + (camera * samples + s) * 3
    for colour in tl.static_range(3):
        above = tl.load(here + colour).to(tl.int32)
        above_right = tl.load(here + next_column + colour).to(tl.int32)
        below = tl.load(here + next_row + colour).to(tl.int32)
        below_right = tl.load(here + next_row + next_column + colour).to(tl.int32)
        upper = above * 32 + (above_right - above) * right
        lower = below * 32 + (below_right - below) * right
        level = (upper * 32 + (lower - upper) * down + 512) >> 10
        tl.store(target + colour, level.to(tl.uint8), mask=mask)


@triton.jit
def resize_rows_kernel(
    image,  # (images, rows, columns, 3) uint8
    sources,  # (cameras,) int32, the image of each; None where they follow each other
    starts,  # (out_columns,) int32, first column that an output column reads
    weights,  # (out_columns, TAPS) int32
    out,  # (cameras, out_rows, out_columns, 3) uint8
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
    source = camera
    if sources is not None:
        source = tl.load(sources + camera)
    start = tl.load(starts + u, mask=inside, other=0)
    line = (source * rows + first_row + r) * columns
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
    image,  # (cameras, rows, columns, 3) uint8, of `resize_rows_kernel`
    starts,  # (out_rows,) int32, first row that an output row reads
    weights,  # (out_rows, TAPS) int32
    scale,  # (3,) float32
    shift,  # (3,) float32
    targets,  # (cameras,) int32, the place of each in `out`; None where they follow each other
    out,  # (places, out_rows, columns, 3), level * scale + shift
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
    target = camera
    if targets is not None:
        target = tl.load(targets + camera)
    mask = v < columns * 3
    start = tl.load(starts + y)
    sums = tl.full((BLOCK_V,), 1 << (BITS - 1), dtype=tl.int32)
    for tap in range(TAPS):
        weight = tl.load(weights + y * TAPS + tap)
        row = camera * rows + tl.minimum(start + tap, rows - 1)
        sums += tl.load(image + row * (columns * 3) + v, mask=mask, other=0).to(tl.int32) * weight
    level = tl.minimum(tl.maximum(sums >> BITS, 0), 255).to(tl.float32)
    value = level * tl.load(scale + v % 3) + tl.load(shift + v % 3)
    tl.store(out + (target * out_rows + y) * (columns * 3) + v, value.to(out.dtype.element_ty), mask=mask)
