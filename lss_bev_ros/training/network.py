"""Lift-Splat-Shoot as it is trained: geometry given, mixed precision, depth returned for its loss."""

from __future__ import annotations

import torch
from torch import nn

from ..model import Calibration, LiftSplatShoot, voxel_cells
from ..model.multi_sense import MultiSense
from .splat import splat_batch


class TrainingNetwork(nn.Module):
    """The model's parameters in a form that trains fast; the model itself is what is saved.

    Args:
        model: whose parameters are trained.
        precision: `bf16` or `fp32` for the two encoders; the splat is always float32.
        compile: whether the encoders are compiled, for batches of one size.
    """

    def __init__(self, model: LiftSplatShoot, precision: str, compile: bool = False):
        super().__init__()
        self.model = model
        self._mixed = precision == "bf16"
        self._camera, self._bev = self._encode_cameras, self._encode_bev
        if compile:
            self._camera = torch.compile(self._encode_cameras, dynamic=False)
            self._bev = torch.compile(self._encode_bev, dynamic=False)

    def _encode_cameras(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._mixed):
            return self.model.camencode(images)

    def _encode_bev(self, bev: torch.Tensor) -> torch.Tensor:
        with torch.autocast(bev.device.type, torch.bfloat16, enabled=self._mixed):
            return self.model.bevencode(bev)

    def forward(self, images: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict.

        Args:
            images: (B * N, 3, H, W), normalised.
            cells: (B, N, D, h, w) int64, -1 outside the grid.

        Returns:
            The logits (B, outputs, nx, ny) and the depth distribution (B * N, D, h, w).
        """
        depth, features = self._camera(images.contiguous(memory_format=torch.channels_last))
        bev = splat_batch(depth, features, cells, self.model.config.grid.shape)
        logits = self._bev(bev.contiguous(memory_format=torch.channels_last))
        return logits, depth


@torch.no_grad()
def batch_cells(
    model: LiftSplatShoot | MultiSense, calibration: Calibration, kept: torch.Tensor
) -> torch.Tensor:
    """`LiftSplatShoot.cells`, in one matrix product a camera instead of one a point.

    Args:
        model: for the frustum and the grid.
        calibration: (B, N, ...) cameras.
        kept: (B, N) bool, cameras that take part.

    Returns:
        (B, N, D, h, w) int64, -1 outside the grid and for cameras that do not take part.
    """
    frustum = model.frustum
    config = model.config if isinstance(model, LiftSplatShoot) else model.config.model
    flat = frustum.flatten(0, 2)
    # Unlike `inv`, it does not wait for the device to tell whether there is an inverse.
    undo = torch.linalg.inv_ex(calibration.post_rotations).inverse
    pixels = (flat - calibration.post_translations[..., None, :]) @ undo.transpose(-1, -2)
    depth = pixels[..., 2:] * calibration.depth_unit(config)[..., None, None]
    rays = torch.cat((pixels[..., :2] * depth, depth), -1)
    lift = calibration.rotations @ torch.linalg.inv_ex(calibration.intrinsics).inverse
    points = rays @ lift.transpose(-1, -2) + calibration.translations[..., None, :]
    cells = voxel_cells(points, model.dx, model.bx, model.nx)
    return torch.where(kept[..., None], cells, -1).view(*kept.shape, *frustum.shape[:3])
