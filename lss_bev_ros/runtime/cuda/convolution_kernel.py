"""One Triton kernel for every dense convolution: an implicit matrix product with all that follows it fused.

A convolution over channels-last maps is a matrix product whose left factor, (pixels, taps * inputs), is read
straight from the map: each step of the product takes one tap and some of its channels. Sums are kept in
float32; bias, gate, shortcut, activation and, for the last layers, softmax or the 1x1 head happen before
anything is written.

Half precision has 11 bits of mantissa. Where that is too little, a factor is the sum of two halves, high and
low, and the product that of high and high, low and high, high and low; low and low is below float32's own
rounding.
"""

from __future__ import annotations

import triton
import triton.language as tl

NONE, RELU, SWISH = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def convolution_kernel(
    x,  # (B, rows, columns, X_STRIDE) input, the first INPUTS channels are read
    x_low,  # as x
    weight,  # (TAPS * INPUTS, OUTPUTS)
    weight_low,  # as weight
    bias,  # (OUTPUTS,) float32
    out,  # (B, out_rows, out_columns, OUT_STRIDE)
    out_low,  # as out
    shortcut,  # (B, out_rows, out_columns, SHORTCUT_STRIDE), added before the activation
    shortcut_low,  # as shortcut
    gate,  # (B, INPUTS), multiplies the input, which may be float32 where the weight has a low half
    extra,  # float32: depth probabilities, (pixels, SPLIT); logits of the head, (pixels,); or parts of sums
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
    X_LOW: tl.constexpr,  # whether there is a low half
    WEIGHT_LOW: tl.constexpr,
    OUT_LOW: tl.constexpr,
    SHORTCUT_LOW: tl.constexpr,
    PARTS: tl.constexpr,  # programs that share one sum; if not 1, (PARTS, pixels, OUTPUTS) go to `extra`
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    PRECISION: tl.constexpr,  # of the product of float32 inputs
    PDL: tl.constexpr,
):
    """One program makes BLOCK_M pixels of BLOCK_N output channels, or a part of their sums."""
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
    steps: tl.constexpr = KERNEL * KERNEL * blocks_k // PARTS
    first_step = 0
    if PARTS > 1:
        first_step = tl.program_id(1) * steps
    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    for index in tl.range(0, steps, num_stages=STAGES):
        step = first_step + index
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
        row = (tap * INPUTS + c)[:, None] * OUTPUTS
        a = tl.load(x + source[:, None] + c[None, :], mask=a_mask, other=0.0)
        if INPUTS % BLOCK_K != 0 or OUTPUTS % BLOCK_N != 0:
            b = tl.load(weight + row + n[None, :], mask=b_mask, other=0.0)
        else:
            b = tl.load(weight + row + n[None, :])
        if GATED:
            if INPUTS % BLOCK_K != 0:
                scale = tl.load(gate + image * INPUTS + c, mask=c < INPUTS, other=0.0)
            else:
                scale = tl.load(gate + image * INPUTS + c)
            if WEIGHT_LOW:
                scaled = a.to(tl.float32) * scale[None, :]
                a = scaled.to(b.dtype)
                a_low = (scaled - a.to(tl.float32)).to(b.dtype)
            else:
                a = a * scale[None, :]
        # All is loaded before the first product: ptxas 12.8 forgets a register of the third one otherwise.
        if X_LOW:
            a_low = tl.load(x_low + source[:, None] + c[None, :], mask=a_mask, other=0.0)
        if WEIGHT_LOW:
            if INPUTS % BLOCK_K != 0 or OUTPUTS % BLOCK_N != 0:
                b_low = tl.load(weight_low + row + n[None, :], mask=b_mask, other=0.0)
            else:
                b_low = tl.load(weight_low + row + n[None, :])
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
        if X_LOW or (GATED and WEIGHT_LOW):
            sums = tl.dot(a_low, b, sums, input_precision=PRECISION)
        if WEIGHT_LOW:
            sums = tl.dot(a, b_low, sums, input_precision=PRECISION)

    mask = m_inside[:, None] & n_inside[None, :]
    if PARTS > 1:
        target = extra + (tl.program_id(1) * pixels + m)[:, None] * OUTPUTS + n[None, :]
        tl.store(target, sums, mask=mask)
    else:
        sums += tl.load(bias + n, mask=n_inside, other=0.0)[None, :]
        if SHORTCUT_STRIDE > 0:
            before = m[:, None] * SHORTCUT_STRIDE
            sums += tl.load(shortcut + before + n[None, :], mask=mask, other=0.0).to(tl.float32)
            if SHORTCUT_LOW:
                sums += tl.load(shortcut_low + before + n[None, :], mask=mask, other=0.0).to(tl.float32)
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
            high = sums.to(out.dtype.element_ty)
            tl.store(out + m[:, None] * OUT_STRIDE + n[None, :], high, mask=mask)
            if OUT_LOW:
                low = (sums - high.to(tl.float32)).to(out.dtype.element_ty)
                tl.store(out_low + m[:, None] * OUT_STRIDE + n[None, :], low, mask=mask)
