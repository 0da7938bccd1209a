"""Frames, cameras, grids and boxes: the vocabulary that every other layer speaks."""

from .box import Box
from .grid import BevGrid
from .lens import Lens
from .pose import Pose
from .raster import vehicle_raster
from .rig import CAMERA_NAMES, Camera, Rig, check_intrinsics
from .transform_tree import TransformTree

__all__ = [
    "CAMERA_NAMES",
    "BevGrid",
    "Box",
    "Camera",
    "Lens",
    "Pose",
    "Rig",
    "TransformTree",
    "check_intrinsics",
    "vehicle_raster",
]
