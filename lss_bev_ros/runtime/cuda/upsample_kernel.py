"""Triton kernel of bilinear upsampling with aligned corners, straight into a wider map."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def upsample_kernel(
    x,  # (B, rows, columns, CHANNELS)
    x_low,  # as x: what half precision rounds away
    out,  # (B, out_rows, out_columns, OUT_STRIDE), channels OUT_START on are written
    out_low,  # as out
    pixels,  # B * out_rows * out_columns
    rows,
    columns,
    out_rows,
    out_columns,
    row_step,  # (rows - 1) / (out_rows - 1), float32
    column_step,
    CHANNELS: tl.constexpr,
    OUT_STRIDE: tl.constexpr,
    OUT_START: tl.constexpr,
    X_LOW: tl.constexpr,  # whether there is a low half
    OUT_LOW: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_P pixels of BLOCK_C channels."""
    blocks_c: tl.constexpr = (CHANNELS + BLOCK_C - 1) // BLOCK_C
    program = tl.program_id(0)
    p = (program // blocks_c) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = (program % blocks_c) * BLOCK_C + tl.arange(0, BLOCK_C)
    size = out_rows * out_columns
    image = p // size
    y = ((p % size) // out_columns).to(tl.float32) * row_step
    u = ((p % size) % out_columns).to(tl.float32) * column_step
    top = tl.minimum(y.to(tl.int32), rows - 1)
    left = tl.minimum(u.to(tl.int32), columns - 1)
    low = (y - top.to(tl.float32))[:, None]
    right = (u - left.to(tl.float32))[:, None]
    down = tl.where(top < rows - 1, columns * CHANNELS, 0)[:, None]
    across = tl.where(left < columns - 1, CHANNELS, 0)[:, None]
    mask = (p < pixels)[:, None] & (c < CHANNELS)[None, :]
    first = (((image * rows + top) * columns + left) * CHANNELS)[:, None]
    place = x + first + c[None, :]
    place_low = x_low + first + c[None, :]
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    a = _load(place, place_low, mask, X_LOW)
    b = _load(place + across, place_low + across, mask, X_LOW)
    d = _load(place + down, place_low + down, mask, X_LOW)
    e = _load(place + down + across, place_low + down + across, mask, X_LOW)
    value = (a * (1 - right) + b * right) * (1 - low) + (d * (1 - right) + e * right) * low
    target = p[:, None] * OUT_STRIDE + OUT_START + c[None, :]
    high = value.to(out.dtype.element_ty)
    tl.store(out + target, high, mask=mask)
    if OUT_LOW:
        tl.store(out_low + target, (value - high.to(tl.float32)).to(out.dtype.element_ty), mask=mask)


@triton.jit
def _load(place, place_low, mask, LOW: tl.constexpr):
    """Values in float32, of one half or of two."""
    value = tl.load(place, mask=mask, other=0.0).to(tl.float32)
    if LOW:
        value += tl.load(place_low, mask=mask, other=0.0).to(tl.float32)
    return value
