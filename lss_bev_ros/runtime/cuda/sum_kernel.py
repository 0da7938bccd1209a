"""Triton kernel that adds up the parts of a convolution's sums that several programs made, in one order."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def sum_kernel(
    parts,  # (PARTS, values) float32, values = pixels * OUTPUTS
    bias,  # (OUTPUTS,) float32
    out,  # (pixels, OUT_STRIDE)
    out_low,  # as out: what half precision rounds away
    shortcut,  # (pixels, SHORTCUT_STRIDE), added before the activation
    shortcut_low,  # as shortcut
    values,
    OUTPUTS: tl.constexpr,
    OUT_STRIDE: tl.constexpr,
    SHORTCUT_STRIDE: tl.constexpr,
    RELU: tl.constexpr,
    OUT_LOW: tl.constexpr,  # whether there is a low half
    SHORTCUT_LOW: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK values."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < values
    n = index % OUTPUTS
    m = index // OUTPUTS
    sums = tl.load(bias + n)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for part in tl.static_range(PARTS):
        sums += tl.load(parts + part * values + index, mask=mask, other=0.0)
    if SHORTCUT_STRIDE > 0:
        place = m * SHORTCUT_STRIDE + n
        sums += tl.load(shortcut + place, mask=mask, other=0.0).to(tl.float32)
        if SHORTCUT_LOW:
            sums += tl.load(shortcut_low + place, mask=mask, other=0.0).to(tl.float32)
    if RELU:
        sums = tl.maximum(sums, 0.0)
    place = m * OUT_STRIDE + n
    high = sums.to(out.dtype.element_ty)
    tl.store(out + place, high, mask=mask)
    if OUT_LOW:
        tl.store(out_low + place, (sums - high.to(tl.float32)).to(out.dtype.element_ty), mask=mask)
