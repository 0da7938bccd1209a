"""Triton kernel that moves a remembered map to where the car is now: what `model.memory.align` does."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def align_kernel(
    memory,  # (NX, NY, CHANNELS)
    motion,  # (5,) float32: cosine and sine of the car's turn, its way along x and y, age in seconds
    out,  # (NX, NY, CHANNELS), 0 where the memory does not reach
    ages,  # (NX, NY): the age where it reaches, else 0
    x_min,
    y_min,
    resolution,
    NX: tl.constexpr,
    NY: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_P: tl.constexpr,
    PDL: tl.constexpr,
):
    """One program makes BLOCK_P cells."""
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = tl.arange(0, BLOCK_C)
    inside = p < NX * NY
    x = x_min + ((p // NY).to(tl.float32) + 0.5) * resolution
    y = y_min + ((p % NY).to(tl.float32) + 0.5) * resolution
    if PDL:
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    cos = tl.load(motion)
    sin = tl.load(motion + 1)
    along = (cos * x - sin * y + tl.load(motion + 2) - x_min) / resolution
    across = (sin * x + cos * y + tl.load(motion + 3) - y_min) / resolution
    reached = inside & (along >= 0) & (along <= NX) & (across >= 0) & (across <= NY)
    age = tl.where(reached, tl.load(motion + 4), 0.0)
    tl.store(ages + p, age.to(ages.dtype.element_ty), mask=inside)
    top = tl.floor(along - 0.5)
    left = tl.floor(across - 0.5)
    low = along - 0.5 - top
    right = across - 0.5 - left
    row = tl.where(reached, top.to(tl.int32), 0)
    column = tl.where(reached, left.to(tl.int32), 0)
    own = (c < CHANNELS)[None, :]
    place = memory + ((row * NY + column) * CHANNELS)[:, None] + c[None, :]
    upper = reached & (row >= 0)
    lower = reached & (row < NX - 1)
    first = column >= 0
    second = column < NY - 1
    a = tl.load(place, mask=(upper & first)[:, None] & own, other=0.0).to(tl.float32)
    b = tl.load(place + CHANNELS, mask=(upper & second)[:, None] & own, other=0.0).to(tl.float32)
    d = tl.load(place + NY * CHANNELS, mask=(lower & first)[:, None] & own, other=0.0).to(tl.float32)
    e = tl.load(place + (NY + 1) * CHANNELS, mask=(lower & second)[:, None] & own, other=0.0).to(tl.float32)
    low = low[:, None]
    right = right[:, None]
    value = (a * (1 - right) + b * right) * (1 - low) + (d * (1 - right) + e * right) * low
    tl.store(
        out + p[:, None] * CHANNELS + c[None, :], value.to(out.dtype.element_ty), mask=inside[:, None] & own
    )
