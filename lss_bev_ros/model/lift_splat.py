"""Lift-Splat-Shoot as published (Philion and Fidler, ECCV 2020): the network whose checkpoints are loaded.

This is the plain form: geometry every call, outer product materialised, differentiable. Inference uses
the same parameters through `lss_bev_ros.runtime`.
"""

from __future__ import annotations

import torch
from torch import nn

from .bev_encoder import BevEncoder
from .camera_encoder import CameraEncoder
from .config import ModelConfig
from .frustum import Calibration, create_frustum, frustum_points
from .splat import naive_splat, voxel_cells, voxel_layout


class LiftSplatShoot(nn.Module):
    """Cameras in, vehicle logits over the BEV grid out.

    `dx`, `bx`, `nx` and `frustum` follow from the configuration and are part of the official state dict.
    """

    dx: torch.Tensor
    bx: torch.Tensor
    nx: torch.Tensor
    frustum: torch.Tensor

    def __init__(self, config: ModelConfig | None = None):
        super().__init__()
        self.config = config or ModelConfig()
        for name, constant in self.constants(self.config).items():
            self.register_buffer(name, constant)
        self.camencode = CameraEncoder(self.config)
        self.bevencode = BevEncoder(self.config)

    @staticmethod
    def constants(config: ModelConfig) -> dict[str, torch.Tensor]:
        """The part of the state dict that follows from the configuration, by name."""
        dx, bx, nx = voxel_layout(config)
        return {"dx": dx, "bx": bx, "nx": nx, "frustum": create_frustum(config)}

    def forward(self, images: torch.Tensor, calibration: Calibration) -> torch.Tensor:
        """Predict the BEV grid.

        Args:
            images: (B, N, 3, H, W) float32, normalised.
            calibration: of the B x N cameras, (B, N, ...) tensors.

        Returns:
            (B, outputs, nx, ny) float32 logits, indexed [x, y].
        """
        depth, features = self.camencode(images.flatten(0, 1))
        cells = self.cells(calibration)
        logits: torch.Tensor = self.bevencode(self.voxel_pooling(depth, features, cells))
        return logits

    def cells(self, calibration: Calibration) -> torch.Tensor:
        """(B, N, D, h, w) int64: the BEV cell of every frustum point, -1 outside the grid."""
        points = frustum_points(self.frustum, calibration, self.config)
        return voxel_cells(points, self.dx, self.bx, self.nx)

    def voxel_pooling(self, depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Sum the lifted features of each sample's cameras.

        Args:
            depth: (B * N, D, h, w) probabilities.
            features: (B * N, C, h, w).
            cells: (B, N, D, h, w) int64 from `cells`.

        Returns:
            (B, C, nx, ny).
        """
        batch = cells.shape[0]
        nx, ny = self.config.grid.shape
        # The samples lie one above the other in x, so that one pooling serves the batch.
        sample = torch.arange(batch, device=cells.device).view(-1, 1, 1, 1, 1) * (nx * ny)
        stacked = torch.where(cells >= 0, cells + sample, cells).flatten(0, 1)
        bev = naive_splat(depth, features, stacked, (batch * nx, ny))
        return bev.view(batch, nx, ny, -1).permute(0, 3, 1, 2)
