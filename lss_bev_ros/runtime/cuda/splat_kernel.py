"""Triton kernels of the splat and of its gradient: a program a cell, or a pixel, so that none needs atomics.

`splat.cu` holds the same in CUDA C++.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def splat_kernel(
    depth,  # (pixels, BINS) probabilities
    features,  # (pixels, CHANNELS)
    weights,  # (points,) int32: pixel * BINS + bin, by cell
    cells,  # (*count,) int32: cells that are hit
    starts,  # (*count + 1,) int32: where each cell's points start
    count,  # (1,) int32: cells that are hit
    bev,  # (cells, CHANNELS), zero where nothing hits
    CHANNELS: tl.constexpr,
    BINS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_P: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program sums one cell, and another that many programs further on, until all are done."""
    c = tl.arange(0, BLOCK_C)
    hit = tl.load(count)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for row in range(tl.program_id(0), hit, tl.num_programs(0)):
        first = tl.load(starts + row)
        last = tl.load(starts + row + 1)
        cell = tl.load(cells + row).to(tl.int64)
        sums = tl.zeros((BLOCK_P, BLOCK_C), dtype=tl.float32)
        for start in range(first, last, BLOCK_P):
            p = start + tl.arange(0, BLOCK_P)
            inside = p < last
            place = tl.load(weights + p, mask=inside, other=0)
            share = tl.load(depth + place, mask=inside, other=0.0).to(tl.float32)
            mask = inside[:, None] & (c < CHANNELS)[None, :]
            source = features + (place // BINS)[:, None] * CHANNELS + c[None, :]
            sums += share[:, None] * tl.load(source, mask=mask, other=0.0).to(tl.float32)
        total = tl.sum(sums, axis=0)
        tl.store(bev + cell * CHANNELS + c, total.to(bev.dtype.element_ty), mask=c < CHANNELS)


@triton.jit
def splat_gradient_kernel(
    gradient,  # (cells, CHANNELS) of the BEV
    depth,  # (pixels, BINS)
    features,  # (pixels, CHANNELS)
    cells,  # (pixels, BINS) int32: the cell of every point, -1 outside the grid
    depth_gradient,  # (pixels, BINS)
    feature_gradient,  # (pixels, CHANNELS)
    CHANNELS: tl.constexpr,
    BINS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """One program makes the gradients of one pixel."""
    pixel = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK_C)
    c_inside = c < CHANNELS
    feature = tl.load(features + pixel * CHANNELS + c, mask=c_inside, other=0.0).to(tl.float32)
    sums = tl.zeros((BLOCK_D, BLOCK_C), dtype=tl.float32)
    for start in range(0, BINS, BLOCK_D):
        d = start + tl.arange(0, BLOCK_D)
        cell = tl.load(cells + pixel * BINS + d, mask=d < BINS, other=-1).to(tl.int64)
        mask = (cell >= 0)[:, None] & c_inside[None, :]
        rows = tl.load(gradient + cell[:, None] * CHANNELS + c[None, :], mask=mask, other=0.0).to(tl.float32)
        share = tl.load(depth + pixel * BINS + d, mask=d < BINS, other=0.0).to(tl.float32)
        sums += share[:, None] * rows
        value = tl.sum(rows * feature[None, :], axis=1)
        tl.store(depth_gradient + pixel * BINS + d, value.to(depth_gradient.dtype.element_ty), mask=d < BINS)
    total = tl.sum(sums, axis=0)
    tl.store(
        feature_gradient + pixel * CHANNELS + c, total.to(feature_gradient.dtype.element_ty), mask=c_inside
    )
