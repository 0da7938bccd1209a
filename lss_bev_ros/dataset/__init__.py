"""Data sets: the nuScenes reader, and under `synthetic` a world to write one of."""

from .frame import LIDAR_NAME, CameraShot, Keyframe, LidarScan
from .nuscenes import NuScenesReader
from .raster import vehicle_raster

__all__ = ["LIDAR_NAME", "CameraShot", "Keyframe", "LidarScan", "NuScenesReader", "vehicle_raster"]
