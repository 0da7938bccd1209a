"""Triton kernel of the last 1x1 convolution, to one channel, after what another library did."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def head_kernel(
    x,  # (pixels, CHANNELS)
    head,  # (CHANNELS + 1,) float32, weights and bias
    logits,  # (pixels,) float32
    pixels,
    CHANNELS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_P: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_P pixels."""
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = tl.arange(0, BLOCK_C)
    share = tl.load(head + c, mask=c < CHANNELS, other=0.0)
    bias = tl.load(head + CHANNELS)
    mask = (p < pixels)[:, None] & (c < CHANNELS)[None, :]
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    value = tl.load(x + p[:, None] * CHANNELS + c[None, :], mask=mask, other=0.0).to(tl.float32)
    tl.store(logits + p, tl.sum(value * share[None, :], axis=1) + bias, mask=p < pixels)
