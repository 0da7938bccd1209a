"""What a data set holds: camera shots, LiDAR scans and annotated keyframes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DatasetError, PictureError
from ..geometry import Box, Camera, Pose, Rig
from ..images import inspect
from .data_file import read_file
from .lidar_file import read_points

LIDAR_NAME = "lidar_top"
"""Frame and topic name of nuScenes' LiDAR."""


@dataclass(frozen=True, eq=False)
class CameraShot:
    """One image of one camera. The file is read when asked for, never before.

    Attributes:
        name: camera frame, such as `cam_front`.
        stamp: nanoseconds, time of the data set.
        path: the image file.
        camera: calibration; its pose takes the optical frame to base_link.
        ego: base_link to map at `stamp`.
        is_key: whether the shot belongs to an annotated keyframe.
    """

    name: str
    stamp: int
    path: Path
    camera: Camera
    ego: Pose
    is_key: bool

    def encoded(self) -> bytes:
        """The file's bytes as they are: JPEG, PNG or WebP.

        Raises DatasetError where it is missing, cut short or no such image.
        """
        data = read_file(self.path)
        try:
            inspect(data)
        except PictureError as error:
            raise DatasetError(f"{self.path}: {error}") from None
        return data

    def jpeg(self) -> bytes:
        """`encoded`, under its name from when all images were JPEG."""
        return self.encoded()


@dataclass(frozen=True, eq=False)
class LidarScan:
    """One turn of the LiDAR. The file is read when asked for, never before.

    Attributes:
        stamp: nanoseconds, time of the data set, the end of the turn.
        path: the file, see `lidar_file`.
        pose: the LiDAR to base_link.
        ego: base_link to map at `stamp`.
        is_key: whether the scan belongs to an annotated keyframe.
        name: frame of the LiDAR, such as `lidar_top`.
    """

    stamp: int
    path: Path
    pose: Pose
    ego: Pose
    is_key: bool
    name: str = LIDAR_NAME

    def points(self) -> np.ndarray:
        """(N, 5) float32: x, y, z in metres in the LiDAR's frame, intensity and ring index as recorded.

        Points without a return may be NaN, the ring is -1 where nobody recorded it. Raises DatasetError where
        the file is missing, empty, cut short or not of a layout that can be told for certain.
        """
        return read_points(self.path)


@dataclass(frozen=True, eq=False)
class Keyframe:
    """One annotated instant.

    Attributes:
        token: nuScenes sample token.
        scene: name of the scene.
        stamp: nanoseconds, the sample's time, which is that of its LiDAR scan.
        rig: every camera of the scene as calibrated for this instant; one without a shot in this frame as it
            was for its shot nearest in time. Equal calibrations are the identical Rig.
        cameras: camera name to shot, in the rig's order; an absent camera is not in it.
        lidar: the scan, None where the data set has none.
        boxes: every annotation, in base_link at the time of the scan.
        ego: base_link to map at the time of the scan (of the camera nearest to `stamp` without a scan).
        annotated: whether there is anything to score against: the scene has annotations, and the data set a
            category of vehicles. Otherwise an empty raster says nothing.
    """

    token: str
    scene: str
    stamp: int
    rig: Rig
    cameras: Mapping[str, CameraShot]
    lidar: LidarScan | None
    boxes: tuple[Box, ...] = field(default=())
    ego: Pose = field(default_factory=Pose.identity)
    annotated: bool = True
