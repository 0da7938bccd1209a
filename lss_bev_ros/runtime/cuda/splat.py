"""The splat on a GPU: Triton's kernels or the same in CUDA C++, forward and backward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import resources
from typing import Any

import torch
import torch.nn.functional as F

THREADS = 256
BLOCKS = 4096
"""Of the CUDA C++ kernels, which go on until all cells or points are done."""


def has_triton() -> bool:
    """Whether Triton is installed."""
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


class TritonSplat:
    """The kernels of `splat_kernel.py`."""

    def forward(
        self,
        depth: torch.Tensor,
        features: torch.Tensor,
        weights: torch.Tensor,
        cells: torch.Tensor,
        starts: torch.Tensor,
        count: torch.Tensor,
        bev: torch.Tensor,
    ) -> None:
        """Sum into the hit cells of `bev`; `splat_kernel` says what the arguments are."""
        from .splat_kernel import splat_kernel
        from .tiles import power_of_two

        channels = features.shape[-1]
        splat_kernel[(max(1, min(len(cells), BLOCKS * 2)),)](
            depth, features, weights, cells, starts, count, bev,
            CHANNELS=channels, BINS=depth.shape[-1], BLOCK_C=power_of_two(channels), BLOCK_P=16, PDL=False,
            num_warps=1,
        )  # fmt: skip

    def backward(
        self, gradient: torch.Tensor, depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of depth and features; `splat_gradient_kernel` says what the arguments are."""
        from .splat_kernel import splat_gradient_kernel
        from .tiles import power_of_two

        channels, bins = features.shape[-1], depth.shape[-1]
        to_depth, to_features = torch.empty_like(depth), torch.empty_like(features)
        splat_gradient_kernel[(len(features),)](
            gradient, depth, features, cells, to_depth, to_features,
            CHANNELS=channels, BINS=bins, BLOCK_C=power_of_two(channels), BLOCK_D=16, num_warps=1,
        )  # fmt: skip
        return to_depth, to_features


class SourceSplat:
    """The kernels of `splat.cu`, compiled for one type of feature.

    Args:
        dtype: float16 or float32.
    """

    def __init__(self, dtype: torch.dtype):
        from .nvrtc import CompiledSource

        options = ["-DVALUE_HALF"] if dtype == torch.float16 else []
        source = CompiledSource(splat_source(), "splat.cu", options)
        self._forward = source.kernel("splat")
        self._to_features = source.kernel("splat_feature_gradient")
        self._to_depth = source.kernel("splat_depth_gradient")

    def forward(
        self,
        depth: torch.Tensor,
        features: torch.Tensor,
        weights: torch.Tensor,
        cells: torch.Tensor,
        starts: torch.Tensor,
        count: torch.Tensor,
        bev: torch.Tensor,
    ) -> None:
        """See `TritonSplat.forward`."""
        channels = features.shape[-1]
        wide = min(128, -(-channels // 32) * 32)
        block = (wide, max(1, THREADS // wide))
        self._forward(
            BLOCKS, block, depth, features, weights, cells, starts, count, bev, channels, depth.shape[-1]
        )

    def backward(
        self, gradient: torch.Tensor, depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `TritonSplat.backward`."""
        (pixels, channels), bins = features.shape, depth.shape[-1]
        to_depth, to_features = torch.empty_like(depth), torch.empty_like(features)
        wide = min(128, -(-channels // 32) * 32)
        block = (wide, max(1, THREADS // wide))
        self._to_features(BLOCKS, block, gradient, depth, cells, to_features, pixels, channels, bins)
        self._to_depth(BLOCKS, (THREADS, 1), gradient, features, cells, to_depth, pixels, channels, bins)
        return to_depth, to_features


def splat_source() -> str:
    """The text of `splat.cu`."""
    return resources.files(__package__).joinpath("splat.cu").read_text(encoding="utf-8")


@functools.cache
def splat_kernels(dtype: torch.dtype, triton: bool | None = None) -> TritonSplat | SourceSplat:
    """The kernels for features of a type: Triton's where it is installed, unless told which.

    Raises:
        RuntimeBackendError: CUDA C++ cannot be compiled here.
    """
    return TritonSplat() if (has_triton() if triton is None else triton) else SourceSplat(dtype)


class SplatFunction(torch.autograd.Function):
    """The splat with its gradient, for `splat_points`."""

    @staticmethod
    def forward(
        ctx: Any,
        depth: torch.Tensor,
        features: torch.Tensor,
        cells: torch.Tensor,
        size: int,
        triton: bool | None,
    ) -> torch.Tensor:
        """See `splat_points`."""
        table = sort_points(cells, size)
        bev = features.new_zeros(size, features.shape[1])
        splat_kernels(features.dtype, triton).forward(depth, features, *table, bev)
        ctx.save_for_backward(depth, features, cells)
        ctx.triton = triton
        return bev

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of depth and features."""
        depth, features, cells = ctx.saved_tensors
        kernels = splat_kernels(features.dtype, ctx.triton)
        to_depth, to_features = kernels.backward(
            gradient.to(features.dtype).contiguous(), depth, features, cells
        )
        return to_depth, to_features, None, None, None


def splat_points(
    depth: torch.Tensor,
    features: torch.Tensor,
    cells: torch.Tensor,
    size: int,
    triton: bool | None = None,
) -> torch.Tensor:
    """Sum lifted features into cells, differentiable in depth and features, the same on every run.

    Args:
        depth: (pixels, D) float32, contiguous, on a GPU.
        features: (pixels, C) float16 or float32, contiguous.
        cells: (pixels, D) int32, the cell of every point; -1 for those that count nowhere. For a batch,
            number the cells of all samples through.
        size: number of cells.
        triton: whether to use Triton's kernels; None where it is installed.

    Returns:
        (size, C) in the features' precision; cells that no point hits are 0.
    """
    apply: Callable[..., torch.Tensor] = SplatFunction.apply
    bev = apply(depth, features, cells, size, triton)
    return bev


def sort_points(
    cells: torch.Tensor, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Order points by cell without waiting for the device, so every cell counts as hit.

    Args:
        cells: (pixels, D) int32, -1 outside.
        size: number of cells.

    Returns:
        What the kernels call weights, cells, starts and count, int32.
    """
    flat = cells.reshape(-1)
    key = torch.where(flat >= 0, flat, size)
    weights = torch.argsort(key, stable=True).int()
    counts = torch.zeros(size + 1, dtype=torch.int64, device=cells.device)
    counts.index_add_(0, key.long(), torch.ones_like(key, dtype=torch.int64))
    starts = F.pad(counts[:size].cumsum(0), (1, 0)).int()
    every = torch.arange(size, dtype=torch.int32, device=cells.device)
    return weights, every, starts, torch.full((1,), size, dtype=torch.int32, device=cells.device)
