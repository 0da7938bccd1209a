"""Triton kernel from logits to the values of nav_msgs/OccupancyGrid."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def occupancy_kernel(
    logits,  # (cells, STRIDE) float32, the first is read
    visible,  # (cells,) uint8
    thresholds,  # (128,) float32 rising: the logit from which a percentage is reached, then infinity
    out,  # (cells,) int8
    cells,
    STRIDE: tl.constexpr,
    BLOCK: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK cells by counting the thresholds that each logit reaches, in seven halvings."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < cells
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    logit = tl.load(logits + i * STRIDE, mask=mask, other=0.0)
    reached = tl.zeros((BLOCK,), dtype=tl.int32)
    for halving in tl.static_range(7):
        step = 64 >> halving
        reached = tl.where(logit >= tl.load(thresholds + reached + step - 1), reached + step, reached)
    # NaN is not below infinity either.
    known = (tl.load(visible + i, mask=mask, other=0) != 0) & (tl.abs(logit) < float("inf"))
    tl.store(out + i, tl.where(known, reached, -1).to(tl.int8), mask=mask)
