"""The splat of a batch, differentiable."""

from __future__ import annotations

import torch


def splat_batch(
    depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    """Sum each sample's lifted features into its grid.

    `model.naive_splat` finds the points inside the grid first, which waits for the device; here points
    outside go to a row that is thrown away. On CUDA the kernels of the runtime do it, and
    their gradients, the same on every run.

    Args:
        depth: (B * N, D, h, w) probabilities.
        features: (B * N, C, h, w).
        cells: (B, N, D, h, w) int64, -1 outside the grid.
        shape: (nx, ny) cells.

    Returns:
        (B, C, nx, ny) float32.
    """
    batch, channels = cells.shape[0], features.shape[1]
    size = shape[0] * shape[1]
    first = torch.arange(batch, device=cells.device).view(-1, 1, 1, 1, 1) * size
    if cells.is_cuda:
        from ..runtime.cuda.splat import splat_points

        index = torch.where(cells >= 0, cells + first, -1).permute(0, 1, 3, 4, 2)
        bev = splat_points(
            depth.float().permute(0, 2, 3, 1).reshape(-1, depth.shape[1]).contiguous(),
            features.float().permute(0, 2, 3, 1).reshape(-1, channels).contiguous(),
            index.reshape(-1, depth.shape[1]).int().contiguous(),
            batch * size,
        )
        return bev.view(batch, *shape, channels).permute(0, 3, 1, 2)
    index = torch.where(cells >= 0, cells + first, batch * size).flatten()
    points = depth.float().unsqueeze(-1) * features.float().permute(0, 2, 3, 1).unsqueeze(1)
    bev = points.new_zeros(batch * size + 1, channels).index_add(0, index, points.reshape(-1, channels))
    return bev[:-1].view(batch, *shape, channels).permute(0, 3, 1, 2)
