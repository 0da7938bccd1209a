"""Pillars: LiDAR returns to a BEV feature map (Lang et al., "PointPillars", section 2.1).

One linear layer a return and a maximum a cell. Nothing sparse is convolved, so that every runtime can run it.
"""

from __future__ import annotations

import torch
from torch import nn

from .senses import SensesConfig

POINT_FEATURES = 9


class LidarEncoder(nn.Module):
    """Returns of the last sweeps to (B, C, nx, ny).

    Args:
        config: of the network; the channels are those of the cameras' features.
    """

    def __init__(self, config: SensesConfig):
        super().__init__()
        self.config = config
        self.linear = nn.Linear(POINT_FEATURES, config.model.channels, bias=False)
        self.norm = nn.BatchNorm1d(config.model.channels)

    def forward(self, points: torch.Tensor, sample: torch.Tensor, samples: int) -> torch.Tensor:
        """Encode the clouds of a batch.

        Args:
            points: (P, 5) float32 of all samples: x, y, z in metres, base_link at the frame's stamp;
                intensity 0 to 1, NaN where it is not known; age in seconds, 0 or above.
            sample: (P,) int64, the sample that each return belongs to.
            samples: B.

        Returns:
            (B, C, nx, ny), 0 in cells without a return.
        """
        nx, ny = self.config.model.grid.shape
        points, cells = self.kept(points, sample)
        features = torch.relu(self.norm(self.linear(self.describe(points, cells)))) if len(points) else None
        channels = self.linear.out_features
        bev = points.new_zeros(samples * nx * ny, channels)
        if features is not None:
            index = cells[:, None].expand(-1, channels)
            # After ReLU nothing is below 0, so an empty cell's 0 is the maximum of nothing.
            bev = bev.to(features.dtype).scatter_reduce(0, index, features, "amax", include_self=True)
        return bev.view(samples, nx, ny, channels).permute(0, 3, 1, 2)

    def kept(self, points: torch.Tensor, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `kept_returns`."""
        return kept_returns(points, sample, self.config)

    def describe(self, points: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """See `described_returns`."""
        return described_returns(points, cells, self.config)


def kept_returns(
    points: torch.Tensor, sample: torch.Tensor, config: SensesConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns within the grid's bounds and heights, and the cell of each: (sample * nx + x) * ny + y."""
    grid = config.model.grid
    nx, ny = grid.shape
    x = torch.floor((points[:, 0] - grid.x_min) / grid.resolution)
    y = torch.floor((points[:, 1] - grid.y_min) / grid.resolution)
    z = points[:, 2]
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    inside &= (z >= config.lidar_z_min) & (z <= config.lidar_z_max)
    cells = (sample[inside] * nx + x[inside].long()) * ny + y[inside].long()
    return points[inside], cells


def described_returns(points: torch.Tensor, cells: torch.Tensor, config: SensesConfig) -> torch.Tensor:
    """(P, 9): place over the grid, offset in the cell, height, intensity and whether known, age, range.

    All are of the order of one, so that the layer needs no normalisation before it.
    """
    grid = config.model.grid
    nx, ny = grid.shape
    half = grid.resolution / 2
    row, column = cells // ny % nx, cells % ny
    centre_x = grid.x_min + (row + 0.5) * grid.resolution
    centre_y = grid.y_min + (column + 0.5) * grid.resolution
    x, y, z, intensity, age = points.unbind(1)
    known = intensity.isfinite()
    return torch.stack(
        (
            x / 50,
            y / 50,
            (x - centre_x) / half,
            (y - centre_y) / half,
            z / 3,
            torch.where(known, intensity, 0.0),
            known.to(points.dtype),
            age,
            torch.hypot(x, y) / 50,
        ),
        dim=1,
    )
