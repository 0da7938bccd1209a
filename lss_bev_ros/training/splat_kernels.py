"""Kernels of the splat on a GPU, forwards and backwards; neither holds the outer product.

A block is a pixel, a thread one of its channels. Neighbouring depth bins mostly lie in one cell, so their
sum is added to the grid once.
"""

from __future__ import annotations

import torch
from numba import cuda, float32

THREADS = 128


@cuda.jit
def lift(depth, features, cells, bev):
    """Add every pixel's features to the cells of its points.

    Args:
        depth: (P, D) float32.
        features: (P, C) float32.
        cells: (P, D) int32, -1 outside the grid.
        bev: (K, C) float32, zeros to begin with.
    """
    pixel, channel = cuda.blockIdx.x, cuda.threadIdx.x
    feature = features[pixel, channel]
    held, total = cells[pixel, 0], float32(0.0)
    for k in range(depth.shape[1]):
        cell = cells[pixel, k]
        if cell != held:
            if held >= 0:
                cuda.atomic.add(bev, (held, channel), total)
            held, total = cell, float32(0.0)
        total += depth[pixel, k] * feature
    if held >= 0:
        cuda.atomic.add(bev, (held, channel), total)


@cuda.jit
def to_features(depth, cells, gradient, result):
    """Gradient of the features (P, C), of that of the grid (K, C)."""
    pixel, channel = cuda.blockIdx.x, cuda.threadIdx.x
    total = float32(0.0)
    for k in range(depth.shape[1]):
        cell = cells[pixel, k]
        if cell >= 0:
            total += depth[pixel, k] * gradient[cell, channel]
    result[pixel, channel] = total


@cuda.jit
def to_depth(features, cells, gradient, result):
    """Gradient of the depth (P, D), of that of the grid (K, C)."""
    at = cuda.grid(1)
    if at >= result.shape[0] * result.shape[1]:
        return
    pixel, k = at // result.shape[1], at % result.shape[1]
    cell = cells[pixel, k]
    total = float32(0.0)
    if cell >= 0:
        for channel in range(features.shape[1]):
            total += features[pixel, channel] * gradient[cell, channel]
    result[pixel, k] = total


class Splat(torch.autograd.Function):
    """(P, D) depth and (P, C) features to (K, C), all float32 and contiguous, by (P, D) int32 cells."""

    @staticmethod
    def forward(ctx, depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor, count: int):
        """Sum the points of each of `count` cells."""
        bev = torch.zeros(count, features.shape[1], device=features.device)
        run(lift, len(features), features.shape[1], depth, features, cells, bev)
        ctx.save_for_backward(depth, features, cells)
        return bev

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        """Gradients of depth and features."""
        depth, features, cells = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_depth, of_features = torch.empty_like(depth), torch.empty_like(features)
        run(to_features, len(features), features.shape[1], depth, cells, gradient, of_features)
        run(to_depth, -(-depth.numel() // THREADS), THREADS, features, cells, gradient, of_depth)
        return of_depth, of_features, None, None


def run(kernel, blocks: int, threads: int, *arguments: torch.Tensor) -> None:
    """Launch a kernel on PyTorch's current stream; under numba's simulator, on the CPU."""
    device = arguments[0].device
    if device.type == "cuda":
        stream = cuda.external_stream(torch.cuda.current_stream(device).cuda_stream)
        kernel[blocks, threads, stream](*(cuda.as_cuda_array(a.detach(), sync=False) for a in arguments))
    else:
        kernel[blocks, threads](*(a.detach().numpy() for a in arguments))
