"""Pictures of frames and grids. `sheet` needs Pillow, which comes with the dataset extra; `bev` does not."""

from .bev import bev_image, bev_pixels, lidar_image, truth_image

__all__ = ["bev_image", "bev_pixels", "lidar_image", "truth_image"]
