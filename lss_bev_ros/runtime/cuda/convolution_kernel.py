"""One Triton kernel for every dense convolution: an implicit matrix product with all that follows it fused.

A convolution over channels-last maps is a matrix product whose left factor, (pixels, taps * inputs), is read
straight from the map: each step of the product takes one tap and some of its channels. Sums are kept in
float32; bias, gate, shortcut, activation and, for the last layers, softmax or the 1x1 head happen before
anything is written.
"""

from __future__ import annotations

import triton
import triton.language as tl

NONE, RELU, SWISH = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def convolution_kernel(
    x,  # (B, rows, columns, X_STRIDE) input, the first INPUTS channels are read
    weight,  # (TAPS * INPUTS, OUTPUTS)
    bias,  # (OUTPUTS,) float32
    out,  # (B, out_rows, out_columns, OUT_STRIDE)
    shortcut,  # (B, out_rows, out_columns, SHORTCUT_STRIDE), added before the activation
    gate,  # (B, INPUTS), multiplies the input
    extra,  # float32: depth probabilities, (pixels, SPLIT); or logits of the head, (pixels,)
    head,  # (OUTPUTS + 1,) float32: weights and bias of the 1x1 head
    pixels,  # B * out_rows * out_columns
    rows,
    columns,
    out_rows,
    out_columns,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    X_STRIDE: tl.constexpr,
    OUT_STRIDE: tl.constexpr,
    SHORTCUT_STRIDE: tl.constexpr,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    ACTIVATION: tl.constexpr,
    GATED: tl.constexpr,
    SPLIT: tl.constexpr,  # channels before this one go through softmax into `extra`; 0 for none
    HEAD: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    PRECISION: tl.constexpr,  # of the product of float32 inputs
    PDL: tl.constexpr,
):
    """One program makes BLOCK_M pixels of BLOCK_N output channels."""
    blocks_n: tl.constexpr = (OUTPUTS + BLOCK_N - 1) // BLOCK_N
    program = tl.program_id(0)
    n = (program % blocks_n) * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    n_inside = n < OUTPUTS
    size = out_rows * out_columns
    if GATED:
        # One image a program, so that its gate is one vector.
        blocks_m = tl.cdiv(size, BLOCK_M)
        image = program // (blocks_n * blocks_m)
        place = ((program // blocks_n) % blocks_m) * BLOCK_M + tl.arange(0, BLOCK_M)
        m = image * size + place
        m_inside = place < size
    else:
        m = (program // blocks_n) * BLOCK_M + tl.arange(0, BLOCK_M)
        m_inside = m < pixels
        image = m // size
        place = m % size
    if KERNEL == 1 and STRIDE == 1:
        base = m * X_STRIDE
        y = m * 0
        column = m * 0
    else:
        y = (place // out_columns) * STRIDE - PADDING
        column = (place % out_columns) * STRIDE - PADDING
        base = ((image * rows + y) * columns + column) * X_STRIDE

    blocks_k: tl.constexpr = (INPUTS + BLOCK_K - 1) // BLOCK_K
    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for step in tl.range(0, KERNEL * KERNEL * blocks_k, num_stages=STAGES):
        tap = step // blocks_k
        c = (step % blocks_k) * BLOCK_K + k
        if KERNEL == 1:
            inside = m_inside
            source = base
        else:
            down = tap // KERNEL
            right = tap % KERNEL
            inside = m_inside & (y + down >= 0) & (y + down < rows)
            inside = inside & (column + right >= 0) & (column + right < columns)
            source = base + (down * columns + right) * X_STRIDE
        a_mask = inside[:, None]
        b_mask = n_inside[None, :]
        if INPUTS % BLOCK_K != 0:
            a_mask = a_mask & (c < INPUTS)[None, :]
            b_mask = b_mask & (c < INPUTS)[:, None]
        a = tl.load(x + source[:, None] + c[None, :], mask=a_mask, other=0.0)
        if INPUTS % BLOCK_K != 0 or OUTPUTS % BLOCK_N != 0:
            b = tl.load(weight + (tap * INPUTS + c)[:, None] * OUTPUTS + n[None, :], mask=b_mask, other=0.0)
        else:
            b = tl.load(weight + (tap * INPUTS + c)[:, None] * OUTPUTS + n[None, :])
        if GATED:
            if INPUTS % BLOCK_K != 0:
                scale = tl.load(gate + image * INPUTS + c, mask=c < INPUTS, other=0.0)
            else:
                scale = tl.load(gate + image * INPUTS + c)
            a = a * scale[None, :]
        sums = tl.dot(a, b, sums, input_precision=PRECISION)

    sums += tl.load(bias + n, mask=n_inside, other=0.0)[None, :]
    mask = m_inside[:, None] & n_inside[None, :]
    if SHORTCUT_STRIDE > 0:
        sums += tl.load(shortcut + m[:, None] * SHORTCUT_STRIDE + n[None, :], mask=mask, other=0.0).to(
            tl.float32
        )
    if ACTIVATION == RELU:
        sums = tl.maximum(sums, 0.0)
    elif ACTIVATION == SWISH:
        sums = sums / (1.0 + tl.exp(-sums))

    if SPLIT > 0:
        # Every program holds all channels of its pixels.
        is_depth = (n < SPLIT)[None, :]
        logits = tl.where(is_depth, sums, float("-inf"))
        shares = tl.exp(logits - tl.max(logits, axis=1)[:, None])
        shares = shares / tl.sum(shares, axis=1)[:, None]
        tl.store(extra + m[:, None] * SPLIT + n[None, :], shares, mask=m_inside[:, None] & is_depth)
        feature = out + m[:, None] * OUT_STRIDE + (n - SPLIT)[None, :]
        tl.store(feature, sums.to(out.dtype.element_ty), mask=mask & (n >= SPLIT)[None, :])
    elif HEAD:
        share = tl.load(head + n, mask=n_inside, other=0.0)
        logit = tl.sum(sums * share[None, :], axis=1) + tl.load(head + OUTPUTS)
        tl.store(extra + m, logit, mask=m_inside)
    else:
        tl.store(out + m[:, None] * OUT_STRIDE + n[None, :], sums.to(out.dtype.element_ty), mask=mask)
