"""Data sets: the reader of nuScenes and of what is laid out like it."""

from ..geometry import vehicle_raster
from .frame import LIDAR_NAME, CameraShot, Keyframe, LidarScan
from .nuscenes import NuScenesReader

__all__ = ["LIDAR_NAME", "CameraShot", "Keyframe", "LidarScan", "NuScenesReader", "vehicle_raster"]
