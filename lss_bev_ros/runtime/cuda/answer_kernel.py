"""Triton kernels of what heads end with: a 1x1 convolution to planes of a channel each, and plans' scores."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def answer_kernel(
    x,  # (pixels, X_STRIDE), channels X_START on are read
    weight,  # (INPUTS, OUTPUTS)
    weight_low,  # as weight: what half precision rounds away
    bias,  # (OUTPUTS,) float32
    out,  # (OUTPUTS, pixels)
    pixels,
    X_STRIDE: tl.constexpr,
    X_START: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    WEIGHT_LOW: tl.constexpr,
    UNIT: tl.constexpr,  # whether each pixel's answer is a vector of length one
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,  # all outputs where UNIT
    BLOCK_K: tl.constexpr,  # all inputs
    PDL: tl.constexpr,
):
    """One program makes all outputs of BLOCK_M pixels."""
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    k = tl.arange(0, BLOCK_K)
    m_inside = m < pixels
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    a = tl.load(
        x + m[:, None] * X_STRIDE + X_START + k[None, :],
        mask=m_inside[:, None] & (k < INPUTS)[None, :],
        other=0.0,
    )
    for first in tl.static_range(0, OUTPUTS, BLOCK_N):
        n = first + tl.arange(0, BLOCK_N)
        n_inside = n < OUTPUTS
        b_mask = (k < INPUTS)[:, None] & n_inside[None, :]
        place = k[:, None] * OUTPUTS + n[None, :]
        b = tl.load(weight + place, mask=b_mask, other=0.0)
        if WEIGHT_LOW:
            b_low = tl.load(weight_low + place, mask=b_mask, other=0.0)
        value = tl.dot(a, b, input_precision="ieee")
        if WEIGHT_LOW:
            value = tl.dot(a, b_low, value, input_precision="ieee")
        value += tl.load(bias + n, mask=n_inside, other=0.0)[None, :]
        if UNIT:
            length = tl.sqrt(tl.sum(value * value, axis=1))
            value = value / tl.maximum(length, 1e-12)[:, None]
        target = out + n[None, :] * pixels + m[:, None]
        tl.store(target, value.to(out.dtype.element_ty), mask=m_inside[:, None] & n_inside[None, :])


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
