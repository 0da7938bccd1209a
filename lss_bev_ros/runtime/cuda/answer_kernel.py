"""Triton kernels of what heads end with: 1x1 convolutions to planes of a channel each, and plans' scores."""

from __future__ import annotations

import triton
import triton.language as tl

NUMBERS = tl.constexpr(7)


@triton.jit
def answers_kernel(
    features,  # (pixels, FEATURES)
    hidden,  # (pixels, HIDDEN)
    table,  # (heads, NUMBERS) int32, see below
    weight,  # (BLOCK_K, COLUMNS): every head's columns, zeros up to a multiple of BLOCK_N
    weight_low,  # as weight: what half precision rounds away
    bias,  # (COLUMNS,) float32
    planes,  # (planes, pixels) float32
    voxels,  # (planes, pixels)
    pixels,
    FEATURES: tl.constexpr,
    HIDDEN: tl.constexpr,
    COLUMNS: tl.constexpr,
    WEIGHT_LOW: tl.constexpr,  # whether there is one; voxels do without
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes all outputs of one head for BLOCK_M pixels."""
    blocks = tl.cdiv(pixels, BLOCK_M)
    row = table + (tl.program_id(0) // blocks) * NUMBERS
    inner = tl.load(row) > 0  # whether the head reads hidden channels
    start = tl.multiple_of(tl.load(row + 1), 16)  # the first of them
    inputs = tl.load(row + 2)  # how many
    outputs = tl.load(row + 3)
    place = tl.load(row + 4)  # of the first plane
    column = tl.multiple_of(tl.load(row + 5), 16)  # the first of the weight
    kind = tl.load(row + 6)  # 0, 1 for vectors of length one, 2 for voxels
    m = (tl.program_id(0) % blocks) * BLOCK_M + tl.arange(0, BLOCK_M)
    k = tl.arange(0, BLOCK_K)
    m_inside = m < pixels
    mask = m_inside[:, None] & (k < inputs)[None, :]
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    if inner:
        a = tl.load(hidden + m[:, None] * HIDDEN + start + k[None, :], mask=mask, other=0.0)
    else:
        a = tl.load(features + m[:, None] * FEATURES + start + k[None, :], mask=mask, other=0.0)
    for first in tl.range(0, outputs, BLOCK_N, num_stages=STAGES):
        n = first + tl.arange(0, BLOCK_N)
        source = k[:, None] * COLUMNS + column + n[None, :]
        b = tl.load(weight + source)
        value = tl.dot(a, b, input_precision="ieee")
        if WEIGHT_LOW:  # noqa: SIM102 (this one is decided when the kernel is compiled)
            if kind < 2:
                b_low = tl.load(weight_low + source)
                value = tl.dot(a, b_low, value, input_precision="ieee")
        value += tl.load(bias + column + n)[None, :]
        target = (place + n)[None, :] * pixels + m[:, None]
        wanted = m_inside[:, None] & (n < outputs)[None, :]
        if kind == 2:
            tl.store(voxels + target, value.to(voxels.dtype.element_ty), mask=wanted)
        else:
            if kind == 1:
                length = tl.sqrt(tl.sum(value * value, axis=1))
                value = value / tl.maximum(length, 1e-12)[:, None]
            tl.store(planes + target, value, mask=wanted)


@triton.jit
def plan_kernel(
    cost,  # (cells,) float32
    cells,  # (templates, STEPS) int32: where each template passes
    ways,  # (templates, STEPS, 2) float32 metres
    prices,  # (STEPS, 2) float32: of a metre ahead and beside
    ahead,  # (1 + STEPS * 2,) float32: whether it is known where the car would be if it went on, and where
    scores,  # (templates,) float32
    templates,
    STEPS: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_T: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program scores BLOCK_T templates, as `PlanHead.scores` does."""
    t = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)
    s = tl.arange(0, BLOCK_S)
    mask = (t < templates)[:, None] & (s < STEPS)[None, :]
    place = t[:, None] * STEPS + s[None, :]
    cell = tl.load(cells + place, mask=mask, other=0)
    along = tl.load(ways + place * 2, mask=mask, other=0.0)
    across = tl.load(ways + place * 2 + 1, mask=mask, other=0.0)
    price_along = tl.load(prices + s * 2, mask=s < STEPS, other=0.0)
    price_across = tl.load(prices + s * 2 + 1, mask=s < STEPS, other=0.0)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    known = tl.load(ahead) > 0
    x = tl.load(ahead + 1 + s * 2, mask=s < STEPS, other=0.0)
    y = tl.load(ahead + 2 + s * 2, mask=s < STEPS, other=0.0)
    apart = tl.abs(along - x[None, :]) * price_along[None, :]
    apart += tl.abs(across - y[None, :]) * price_across[None, :]
    value = tl.load(cost + cell, mask=mask, other=0.0) + tl.where(known, apart, 0.0)
    tl.store(scores + t, -tl.sum(tl.where(mask, value, 0.0), axis=1), mask=t < templates)
