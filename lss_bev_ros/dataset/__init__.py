"""Data sets: the reader of nuScenes and of what is laid out like it.

`nuscenes` is the reader, `frame` what it gives, `timeline` the order in which a replay wants it. Below it,
`tables` and `records` read the tables, `large_table` and `scene_parts` those that are too large to be parsed
whole, `index` and `scene_index` keep what was found; `lidar_file` and `data_file` read what tables name,
`street_map` and `voxels` the truth that is kept beside them. `contents` looks at a root without opening it.
"""

from ..geometry import vehicle_raster
from .frame import LIDAR_NAME, CameraShot, Keyframe, LidarScan
from .nuscenes import NuScenesReader
from .voxels import Voxels

__all__ = ["LIDAR_NAME", "CameraShot", "Keyframe", "LidarScan", "NuScenesReader", "Voxels", "vehicle_raster"]
