"""Triton kernel of the fuser: 3x3 convolutions of all senses that are there into one sum, without a copy.

The senses' maps stay where they are: the sum goes on from one to the next, and what is to be remembered is
written between those of now and the memory.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def fuse_kernel(
    cameras,  # (rows, columns, CHANNELS), as the two others
    lidar,
    memory,
    ages,  # (rows, columns): the memory's, 0 where it does not reach
    camera_weight,  # (9 * CHANNELS, CHANNELS), as the two others
    lidar_weight,
    memory_weight,
    age_weight,  # (9, CHANNELS)
    bias,  # (CHANNELS,) float32
    out,  # (rows, columns, CHANNELS)
    remembered,  # (rows, columns, CHANNELS), written with a memory; without one it is `out`
    rows,
    columns,
    CAMERAS: tl.constexpr,  # whether there is such a sense
    LIDAR: tl.constexpr,
    MEMORY: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_M cells of all channels."""
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.arange(0, BLOCK_N)
    m_inside = m < rows * columns
    row = m // columns
    column = m % columns
    place = m[:, None] * CHANNELS + n[None, :]
    mask = m_inside[:, None] & (n < CHANNELS)[None, :]
    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    sums += tl.load(bias + n, mask=n < CHANNELS, other=0.0)[None, :]
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    if CAMERAS:
        sums = _convolve(
            sums, cameras, camera_weight, m, n, row, column, rows, columns, CHANNELS, BLOCK_K, STAGES
        )
    if LIDAR:
        sums = _convolve(
            sums, lidar, lidar_weight, m, n, row, column, rows, columns, CHANNELS, BLOCK_K, STAGES
        )
    value = sums / (1.0 + tl.exp(-sums))
    if CAMERAS:
        value += tl.load(cameras + place, mask=mask, other=0.0).to(tl.float32)
    if not MEMORY:
        tl.store(out + place, value.to(out.dtype.element_ty), mask=mask)
    else:
        tl.store(remembered + place, value.to(out.dtype.element_ty), mask=mask)
        sums = _convolve(
            sums, memory, memory_weight, m, n, row, column, rows, columns, CHANNELS, BLOCK_K, STAGES
        )
        # The ages are one more input; its nine taps are one step of the product.
        tap = tl.arange(0, 16)
        down = (tap // 3 - 1)[None, :]
        right = (tap % 3 - 1)[None, :]
        there = (row[:, None] + down >= 0) & (row[:, None] + down < rows) & (tap < 9)[None, :]
        there = there & (column[:, None] + right >= 0) & (column[:, None] + right < columns)
        a = tl.load(ages + m[:, None] + down * columns + right, mask=there, other=0.0)
        b_mask = (tap < 9)[:, None] & (n < CHANNELS)[None, :]
        b = tl.load(age_weight + tap[:, None] * CHANNELS + n[None, :], mask=b_mask, other=0.0)
        sums = tl.dot(a, b, sums, input_precision="ieee")
        value = sums / (1.0 + tl.exp(-sums))
        if CAMERAS:
            value += tl.load(cameras + place, mask=mask, other=0.0).to(tl.float32)
        tl.store(out + place, value.to(out.dtype.element_ty), mask=mask)


@triton.jit
def _convolve(
    sums,
    x,
    weight,
    m,
    n,
    row,
    column,
    rows,
    columns,
    CHANNELS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Add a 3x3 convolution of one map."""
    blocks_k: tl.constexpr = (CHANNELS + BLOCK_K - 1) // BLOCK_K
    k = tl.arange(0, BLOCK_K)
    for step in tl.range(0, 9 * blocks_k, num_stages=STAGES):
        tap = step // blocks_k
        c = (step % blocks_k) * BLOCK_K + k
        down = tap // 3 - 1
        right = tap % 3 - 1
        inside = (row + down >= 0) & (row + down < rows) & (column + right >= 0) & (column + right < columns)
        a_mask = inside[:, None]
        if CHANNELS % BLOCK_K != 0:
            a_mask = a_mask & (c < CHANNELS)[None, :]
        source = (m + down * columns + right) * CHANNELS
        a = tl.load(x + source[:, None] + c[None, :], mask=a_mask, other=0.0)
        b_mask = (c < CHANNELS)[:, None] & (n < CHANNELS)[None, :]
        b = tl.load(weight + (tap * CHANNELS + c)[:, None] * CHANNELS + n[None, :], mask=b_mask, other=0.0)
        sums = tl.dot(a, b, sums, input_precision="ieee")
    return sums
