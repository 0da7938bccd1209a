"""Triton kernels of the LiDAR encoder: a linear layer a return and a maximum a cell, without any order.

After ReLU no value is below 0, and floats from 0 on are in the order of their bits: so the maximum is one of
integers, which every GPU has as an atomic operation and which is the same in any order.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def pillar_kernel(
    points,  # (room, 5) float32: x, y, z, intensity or NaN, age
    count,  # (1,) int32: rows of them that are returns
    weight,  # (16, CHANNELS) float32: 9 rows in the order of `LidarEncoder.describe`, the bias, zeros
    highest,  # (NX * NY, CHANNELS) int32: bits of a float32 each, 0 before
    x_min,
    y_min,
    z_min,
    z_max,
    resolution,
    NX: tl.constexpr,
    NY: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_P: tl.constexpr,
    DOT: tl.constexpr,  # whether the layer is a product on the matrix units, in three parts of 11 bits
    PDL: tl.constexpr,
):
    """One program takes BLOCK_P returns, and others many programs further on, until all are done."""
    c = tl.arange(0, BLOCK_C)
    own = c < CHANNELS
    if DOT:
        k = tl.arange(0, 16)
        matrix = tl.load(weight + k[:, None] * CHANNELS + c[None, :], mask=own[None, :], other=0.0)
    else:
        w_x = tl.load(weight + c, mask=own, other=0.0)
        w_y = tl.load(weight + CHANNELS + c, mask=own, other=0.0)
        w_right = tl.load(weight + 2 * CHANNELS + c, mask=own, other=0.0)
        w_up = tl.load(weight + 3 * CHANNELS + c, mask=own, other=0.0)
        w_z = tl.load(weight + 4 * CHANNELS + c, mask=own, other=0.0)
        w_intensity = tl.load(weight + 5 * CHANNELS + c, mask=own, other=0.0)
        w_known = tl.load(weight + 6 * CHANNELS + c, mask=own, other=0.0)
        w_age = tl.load(weight + 7 * CHANNELS + c, mask=own, other=0.0)
        w_away = tl.load(weight + 8 * CHANNELS + c, mask=own, other=0.0)
        shift = tl.load(weight + 9 * CHANNELS + c, mask=own, other=0.0)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    total = tl.load(count)
    half = resolution * 0.5
    for start in range(tl.program_id(0) * BLOCK_P, total, tl.num_programs(0) * BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        inside = p < total
        x = tl.load(points + p * 5, mask=inside, other=0.0)
        y = tl.load(points + p * 5 + 1, mask=inside, other=0.0)
        z = tl.load(points + p * 5 + 2, mask=inside, other=0.0)
        intensity = tl.load(points + p * 5 + 3, mask=inside, other=0.0)
        age = tl.load(points + p * 5 + 4, mask=inside, other=0.0)
        row = tl.floor(tl.div_rn(x - x_min, resolution))
        column = tl.floor(tl.div_rn(y - y_min, resolution))
        inside = inside & (row >= 0) & (row < NX) & (column >= 0) & (column < NY)
        inside = inside & (z >= z_min) & (z <= z_max)
        # What is no number, or infinite, is not less than this.
        known = tl.abs(intensity) < 3.4e38
        level = tl.where(known, intensity, 0.0)
        right = (x - (x_min + (row + 0.5) * resolution)) / half
        up = (y - (y_min + (column + 0.5) * resolution)) / half
        away = tl.sqrt(x * x + y * y) * 0.02
        if DOT:
            number = k[None, :]
            told = tl.where(number == 9, 1.0, tl.zeros((BLOCK_P, 16), dtype=tl.float32))
            told = tl.where(number == 0, (x * 0.02)[:, None], told)
            told = tl.where(number == 1, (y * 0.02)[:, None], told)
            told = tl.where(number == 2, right[:, None], told)
            told = tl.where(number == 3, up[:, None], told)
            told = tl.where(number == 4, (z / 3.0)[:, None], told)
            told = tl.where(number == 5, level[:, None], told)
            told = tl.where(number == 6, known.to(tl.float32)[:, None], told)
            told = tl.where(number == 7, age[:, None], told)
            told = tl.where(number == 8, away[:, None], told)
            value = tl.dot(told, matrix, input_precision="tf32x3")
        else:
            value = shift[None, :] + (x * 0.02)[:, None] * w_x[None, :] + (y * 0.02)[:, None] * w_y[None, :]
            value += right[:, None] * w_right[None, :] + up[:, None] * w_up[None, :]
            value += (z / 3.0)[:, None] * w_z[None, :] + level[:, None] * w_intensity[None, :]
            value += known.to(tl.float32)[:, None] * w_known[None, :] + age[:, None] * w_age[None, :]
            value += away[:, None] * w_away[None, :]
        cell = tl.where(inside, row.to(tl.int32) * NY + column.to(tl.int32), 0)
        place = highest + cell[:, None] * CHANNELS + c[None, :]
        mask = inside[:, None] & own[None, :] & (value > 0.0)
        bits = value.to(tl.int32, bitcast=True)
        # An older, lower value may be read, which only costs an operation that changes nothing.
        mask = mask & (bits > tl.load(place, mask=mask, other=0, cache_modifier=".cg"))
        tl.atomic_max(place, bits, mask=mask, sem="relaxed")


@triton.jit
def pillar_map_kernel(
    highest,  # (values,) int32 from `pillar_kernel`; 0 behind it
    out,  # (values,)
    values,
    BLOCK: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program rounds BLOCK values, and empties what it has read for the next cloud."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = index < values
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    bits = tl.load(highest + index, mask=inside, other=0)
    tl.store(out + index, bits.to(tl.float32, bitcast=True).to(out.dtype.element_ty), mask=inside)
    tl.store(highest + index, tl.zeros_like(bits), mask=inside & (bits != 0))
