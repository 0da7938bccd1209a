"""Triton kernel of the first convolution, whose three input channels are too few for a product a tap."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def stem_kernel(
    x,  # (B, rows, columns, 3)
    weight,  # (BLOCK_K, OUTPUTS), row tap * 3 + channel, zero from KERNEL * KERNEL * 3 on; what x becomes
    bias,  # (OUTPUTS,) float32
    out,  # (B, out_rows, out_columns, OUTPUTS)
    pixels,
    rows,
    columns,
    out_rows,
    out_columns,
    OUTPUTS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
    PRECISION: tl.constexpr,  # of the product where the weight is float32
    PDL: tl.constexpr,
):
    """One program makes BLOCK_M pixels of all outputs, through swish."""
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    size = out_rows * out_columns
    image = m // size
    y = ((m % size) // out_columns) * STRIDE - PADDING
    u = ((m % size) % out_columns) * STRIDE - PADDING
    row = y[:, None] + (k // (3 * KERNEL))[None, :]
    column = u[:, None] + ((k // 3) % KERNEL)[None, :]
    mask = (m < pixels)[:, None] & (k < 3 * KERNEL * KERNEL)[None, :]
    mask = mask & (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    n_inside = n < OUTPUTS
    b = tl.load(weight + k[:, None] * OUTPUTS + n[None, :], mask=n_inside[None, :], other=0.0)
    shift = tl.load(bias + n, mask=n_inside, other=0.0)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    a = tl.load(
        x + ((image[:, None] * rows + row) * columns + column) * 3 + (k % 3)[None, :], mask=mask, other=0.0
    )
    sums = tl.dot(a.to(b.dtype), b, input_precision=PRECISION) + shift[None, :]
    sums = sums / (1.0 + tl.exp(-sums))
    tl.store(
        out + m[:, None] * OUTPUTS + n[None, :],
        sums.to(out.dtype.element_ty),
        mask=(m < pixels)[:, None] & n_inside[None, :],
    )
