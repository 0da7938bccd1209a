"""The frustum of points that every camera is lifted to (paper, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..geometry import Rig
from .config import ModelConfig
from .image_transform import ImageTransform


@dataclass(frozen=True, eq=False)
class Calibration:
    """Cameras as the tensors of the paper, float32, any leading batch dimensions before the N cameras.

    Attributes:
        rotations: (..., N, 3, 3) optical frame to base_link.
        translations: (..., N, 3) metres, the camera in base_link.
        intrinsics: (..., N, 3, 3) pixels of the full image.
        post_rotations: (..., N, 3, 3) full image to network input.
        post_translations: (..., N, 3) full image to network input, pixels.
    """

    rotations: torch.Tensor
    translations: torch.Tensor
    intrinsics: torch.Tensor
    post_rotations: torch.Tensor
    post_translations: torch.Tensor

    def depth_unit(self, config: ModelConfig) -> torch.Tensor:
        """(..., N) float32: metres of a metre in the network's depth bins, see `ModelConfig.focal`."""
        if not config.focal:
            return torch.ones_like(self.intrinsics[..., 0, 0])
        # Of the resize alone: turning and mirroring leave areas as they are.
        (a, b), (c, d) = (self.post_rotations[..., row, :2].unbind(-1) for row in (0, 1))
        scale: torch.Tensor = (a * d - b * c).abs().sqrt()
        return self.intrinsics[..., 0, 0].abs() * scale / config.focal

    @classmethod
    def of_rig(cls, rig: Rig, config: ModelConfig) -> Calibration:
        """The tensors of a rig whose images go through the network's own resize and crop."""
        transforms = [ImageTransform.of_camera(camera, config) for camera in rig.cameras]

        def stack(arrays: list[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.stack(arrays).astype(np.float32))

        return cls(
            stack([camera.pose.rotation for camera in rig.cameras]),
            stack([camera.pose.translation for camera in rig.cameras]),
            stack([camera.intrinsics for camera in rig.cameras]),
            stack([transform.rotation for transform in transforms]),
            stack([transform.translation for transform in transforms]),
        )


def create_frustum(config: ModelConfig) -> torch.Tensor:
    """Make the grid of (u, v, depth) that is the same for every camera.

    Returns:
        (D, h, w, 3) float32: input pixel column, row, and depth in metres. Columns and rows run from 0 to
        the last pixel, so that they stand a little more than the downsampling apart, as published.
    """
    rows, columns = config.feature_shape
    depths = torch.arange(config.depth_bins, dtype=torch.float32) * config.depth_step + config.depth_min
    v = torch.linspace(0, config.image_height - 1, rows)
    u = torch.linspace(0, config.image_width - 1, columns)
    d, v, u = torch.meshgrid(depths, v, u, indexing="ij")
    return torch.stack((u, v, d), dim=-1)


def frustum_points(
    frustum: torch.Tensor, calibration: Calibration, config: ModelConfig | None = None
) -> torch.Tensor:
    """Place the frustum of every camera in base_link.

    Args:
        frustum: (D, h, w, 3) from `create_frustum`.
        calibration: N cameras.
        config: for what a depth means; metres by default.

    Returns:
        (..., N, D, h, w, 3) float32, metres, base_link.
    """
    # Input pixel back to full-image pixel, then to a ray of unit depth, then to base_link.
    offset = calibration.post_translations[..., None, None, None, :]
    undo = torch.linalg.inv(calibration.post_rotations)[..., None, None, None, :, :]
    pixels = (undo @ (frustum - offset).unsqueeze(-1)).squeeze(-1)
    depth = pixels[..., 2:3]
    if config is not None:
        depth = depth * calibration.depth_unit(config)[..., None, None, None, None]
    rays = torch.cat((pixels[..., :2] * depth, depth), dim=-1)
    lift = calibration.rotations @ torch.linalg.inv(calibration.intrinsics)
    points: torch.Tensor = (lift[..., None, None, None, :, :] @ rays.unsqueeze(-1)).squeeze(-1)
    return points + calibration.translations[..., None, None, None, :]
