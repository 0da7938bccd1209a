"""Lift-Splat-Shoot, from the paper, with the state dict of the official checkpoints."""

from .config import ModelConfig
from .frustum import Calibration, create_frustum, frustum_points
from .image_transform import IMAGE_MEAN, IMAGE_STD, ImageTransform
from .layers import Layer, layers
from .lift_splat import LiftSplatShoot
from .splat import SplatTable, naive_splat, splat, voxel_cells
from .weights import build_model, describe_weights
from .widths import Widths

__all__ = [
    "IMAGE_MEAN",
    "IMAGE_STD",
    "Calibration",
    "ImageTransform",
    "Layer",
    "LiftSplatShoot",
    "ModelConfig",
    "SplatTable",
    "Widths",
    "build_model",
    "create_frustum",
    "describe_weights",
    "frustum_points",
    "layers",
    "naive_splat",
    "splat",
    "voxel_cells",
]
