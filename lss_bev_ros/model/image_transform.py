"""From a camera's full image to the network's input: what LSS calls post_rots and post_trans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry import Camera
from .config import ModelConfig

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of RGB in 0..1, which the trunk was trained with."""


@dataclass(frozen=True)
class ImageTransform:
    """A resize and a crop: input pixel = scale * image pixel - (left, top).

    Attributes:
        scale: input pixels a full-image pixel.
        resized_width, resized_height: size after the resize, pixels.
        left, top: first column and row that the crop keeps, pixels of the resized image.
        width, height: size of the network's input, pixels.
    """

    scale: float
    resized_width: int
    resized_height: int
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(
        cls, image_width: int, image_height: int, config: ModelConfig, horizon: float | None = None
    ) -> ImageTransform:
        """The transform that LSS evaluates with, for any full image size.

        The image is scaled so that it just covers the input, centred, and its rows are taken from
        `bottom_cut` above the bottom. 1600x900 becomes 352x198, rows 48 to 176. With `ModelConfig.horizon`
        they are taken so that the horizon lies on its row, as far as the image reaches.

        Args:
            image_width: pixels.
            image_height: pixels.
            config: of the network.
            horizon: row of the full image that comes onto `config.horizon`, pixels; None where none does.
        """
        width, height = config.image_width, config.image_height
        scale = max(height / image_height, width / image_width)
        # A product such as 1600 * 0.22 may fall a rounding error short of the whole number it stands for.
        resized_width = max(width, int(image_width * scale + 1e-6))
        resized_height = max(height, int(image_height * scale + 1e-6))
        top = int((1.0 - config.bottom_cut) * resized_height + 1e-6) - height
        if horizon is not None:
            top = round(horizon * scale - config.horizon)
        return cls(
            scale=scale,
            resized_width=resized_width,
            resized_height=resized_height,
            left=(resized_width - width) // 2,
            top=min(max(top, 0), resized_height - height),
            width=width,
            height=height,
        )

    @classmethod
    def of_camera(cls, camera: Camera, config: ModelConfig) -> ImageTransform:
        """The transform for images of `camera`."""
        horizon = horizon_row(camera) if config.horizon else None
        return cls.of(camera.width, camera.height, config, horizon)

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3) float64: LSS's post_rots, full-image pixel to input pixel."""
        return np.diag([self.scale, self.scale, 1.0])

    @property
    def translation(self) -> np.ndarray:
        """(3,) float64: LSS's post_trans, pixels."""
        return np.array([-self.left, -self.top, 0.0])


UPRIGHT = 0.5
"""Sine of the angle between a camera's rows and the ground's plane at least: less is no view of a horizon."""


def horizon_row(camera: Camera) -> float | None:
    """The row, pixels of the straight image, on which a level ray of its middle column lies.

    Returns:
        None where the camera looks up, down or is mounted on its side, so that rows tell no heights.
    """
    if -camera.pose.rotation[2, 1] < UPRIGHT:
        return None
    return float(level_row(camera.pose.rotation, camera.intrinsics))


def level_row(rotation: Any, intrinsics: Any) -> Any:
    """The row on which a level ray of the middle column lies, of cameras that are `UPRIGHT`.

    Args:
        rotation: (..., 3, 3), optical frame to base_link, arrays or tensors.
        intrinsics: (..., 3, 3) pixels.

    Returns:
        (...) pixels.
    """
    slope = rotation[..., 2, 2] / -rotation[..., 2, 1]
    return intrinsics[..., 1, 2] + intrinsics[..., 1, 1] * slope
