"""Triton kernels of EfficientNet's blocks: the depthwise convolution and the gate of squeeze and excitation.

Squeeze and excitation needs the mean over all pixels before it can scale any of them. The depthwise kernel
therefore ends with its own share of the first, linear layer of the gate: the sums over its pixels times that
layer's weights. The gate kernel adds the shares, always in the same order, and goes on from there.
"""

from __future__ import annotations

import triton
import triton.language as tl

STRIP = tl.constexpr(4)
"""Neighbouring pixels of a row that a program makes together: what they share is loaded once."""


@triton.jit
def depthwise_kernel(
    x,  # (B, rows, columns, CHANNELS)
    weight,  # (KERNEL * KERNEL, CHANNELS) float32
    bias,  # (CHANNELS,) float32
    out,  # (B, out_rows, out_columns, CHANNELS)
    squeeze,  # (CHANNELS, SQUEEZED) float32, the first layer of the gate
    shares,  # (B, programs an image, SQUEEZED) float32
    rows,
    columns,
    out_rows,
    out_columns,
    CHANNELS: tl.constexpr,
    SQUEEZED: tl.constexpr,  # a power of two
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_P strips of BLOCK_C channels of one image, convolved and through swish."""
    blocks_c: tl.constexpr = (CHANNELS + BLOCK_C - 1) // BLOCK_C
    program = tl.program_id(0)
    image = tl.program_id(1)
    p = (program // blocks_c) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = (program % blocks_c) * BLOCK_C + tl.arange(0, BLOCK_C)
    strips = tl.cdiv(out_columns, STRIP)
    out_y = p // strips
    out_u = (p % strips) * STRIP
    c_inside = c < CHANNELS
    y = out_y * STRIDE - PADDING
    u = out_u * STRIDE - PADDING
    base = ((image * rows + y) * columns + u) * CHANNELS
    sums0 = tl.zeros((BLOCK_P, BLOCK_C), dtype=tl.float32)
    sums0 += tl.load(bias + c, mask=c_inside, other=0.0)[None, :]
    sums1 = sums0
    sums2 = sums0
    sums3 = sums0
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for down in tl.static_range(KERNEL):
        row_inside = (out_y < out_rows) & (y + down >= 0) & (y + down < rows)
        line = weight + down * KERNEL * CHANNELS + c
        for right in tl.static_range(3 * STRIDE + KERNEL):
            inside = row_inside & (u + right >= 0) & (u + right < columns)
            place = x + (base + (down * columns + right) * CHANNELS)[:, None] + c[None, :]
            value = tl.load(place, mask=inside[:, None] & c_inside[None, :], other=0.0).to(tl.float32)
            if right < KERNEL:
                sums0 += value * tl.load(line + right * CHANNELS, mask=c_inside, other=0.0)[None, :]
            if right >= STRIDE and right < STRIDE + KERNEL:
                factor = tl.load(line + (right - STRIDE) * CHANNELS, mask=c_inside, other=0.0)
                sums1 += value * factor[None, :]
            if right >= 2 * STRIDE and right < 2 * STRIDE + KERNEL:
                factor = tl.load(line + (right - 2 * STRIDE) * CHANNELS, mask=c_inside, other=0.0)
                sums2 += value * factor[None, :]
            if right >= 3 * STRIDE:
                factor = tl.load(line + (right - 3 * STRIDE) * CHANNELS, mask=c_inside, other=0.0)
                sums3 += value * factor[None, :]
    target = out + (((image * out_rows + out_y) * out_columns + out_u) * CHANNELS)[:, None] + c[None, :]
    total = _store_swish(target, sums0, out_y, out_u, out_rows, out_columns, c_inside)
    total += _store_swish(target + CHANNELS, sums1, out_y, out_u + 1, out_rows, out_columns, c_inside)
    total += _store_swish(target + 2 * CHANNELS, sums2, out_y, out_u + 2, out_rows, out_columns, c_inside)
    total += _store_swish(target + 3 * CHANNELS, sums3, out_y, out_u + 3, out_rows, out_columns, c_inside)
    pixel_sums = tl.sum(total, axis=0)
    s = tl.arange(0, SQUEEZED)
    first = tl.load(squeeze + c[:, None] * SQUEEZED + s[None, :], mask=c_inside[:, None], other=0.0)
    share = tl.sum(pixel_sums[:, None] * first, axis=0)
    tl.store(shares + (image * tl.num_programs(0) + program) * SQUEEZED + s, share)


@triton.jit
def _store_swish(place, sums, y, u, rows, columns, c_inside):
    """Store swish of sums where they are inside the map; the same, 0 outside."""
    mask = ((y < rows) & (u < columns))[:, None] & c_inside[None, :]
    value = sums / (1.0 + tl.exp(-sums))
    tl.store(place, value.to(place.dtype.element_ty), mask=mask)
    return tl.where(mask, value, 0.0)


@triton.jit
def gate_kernel(
    shares,  # (B, count, SQUEEZED) float32, of `depthwise_kernel`
    squeeze_bias,  # (SQUEEZED,) float32
    excite,  # (CHANNELS, SQUEEZED) float32, the second layer of the gate
    excite_bias,  # (CHANNELS,) float32
    gate,  # (B, CHANNELS)
    count,  # shares an image
    pixels,  # of an image
    CHANNELS: tl.constexpr,
    SQUEEZED: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_C channels of one image's gate."""
    c = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    image = tl.program_id(1)
    s = tl.arange(0, SQUEEZED)
    c_inside = c < CHANNELS
    second = tl.load(excite + c[:, None] * SQUEEZED + s[None, :], mask=c_inside[:, None], other=0.0)
    second_bias = tl.load(excite_bias + c, mask=c_inside, other=0.0)
    first_bias = tl.load(squeeze_bias + s)
    sums = tl.zeros((BLOCK_R, SQUEEZED), dtype=tl.float32)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for start in range(0, count, BLOCK_R):
        r = start + tl.arange(0, BLOCK_R)
        place = (image * count + r)[:, None] * SQUEEZED + s[None, :]
        sums += tl.load(shares + place, mask=(r < count)[:, None], other=0.0)
    hidden = tl.sum(sums, axis=0) / pixels + first_bias
    hidden = hidden / (1.0 + tl.exp(-hidden))
    value = tl.sum(second * hidden[None, :], axis=1) + second_bias
    value = 1.0 / (1.0 + tl.exp(-value))
    tl.store(gate + image * CHANNELS + c, value.to(gate.dtype.element_ty), mask=c_inside)
