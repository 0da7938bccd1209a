"""Occupied voxels as a point cloud."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from ..answers.voxels import COLORS, OccupiedVoxels
from . import header, to_array

VOXEL_DTYPE = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "class_id"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "u1"],
        "offsets": [0, 4, 8, 12, 16],
        "itemsize": 20,
    }
)
"""Layout of one voxel."""

_FIELDS = (
    ("x", 0, PointField.FLOAT32),
    ("y", 4, PointField.FLOAT32),
    ("z", 8, PointField.FLOAT32),
    ("rgb", 12, PointField.FLOAT32),  # as PCL and RViz have it: the bits of 0x00RRGGBB
    ("class_id", 16, PointField.UINT8),
)


def voxel_cloud(voxels: OccupiedVoxels, stamp: int, frame: str = "base_link") -> PointCloud2:
    """Middles of the occupied voxels, with `class_id` (named by a LabelInfo) and a colour for RViz."""
    packed = np.zeros(len(voxels), VOXEL_DTYPE)
    for column, name in enumerate("xyz"):
        packed[name] = voxels.centers[:, column]
    red, green, blue = COLORS[voxels.classes].astype(np.uint32).T
    packed["rgb"] = red << 16 | green << 8 | blue
    packed["class_id"] = voxels.classes
    return PointCloud2(
        header=header(stamp, frame),
        height=1,
        width=len(voxels),
        fields=[PointField(name=name, offset=at, datatype=kind, count=1) for name, at, kind in _FIELDS],
        is_bigendian=False,
        point_step=VOXEL_DTYPE.itemsize,
        row_step=VOXEL_DTYPE.itemsize * len(voxels),
        data=to_array(packed, "B"),
        is_dense=True,
    )
