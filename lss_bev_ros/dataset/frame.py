"""What a data set holds: camera shots, LiDAR scans and annotated keyframes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from ..geometry import Box, Camera, Pose, Rig

LIDAR_NAME = "lidar_top"
"""Frame and topic name of nuScenes' LiDAR."""

_START_OF_IMAGE = b"\xff\xd8"
_END_OF_IMAGE = b"\xff\xd9"
_POINT_BYTES = 20


@dataclass(frozen=True, eq=False)
class CameraShot:
    """One image of one camera. The file is read when asked for, never before.

    Attributes:
        name: camera frame, such as `cam_front`.
        stamp: nanoseconds, time of the data set.
        path: the JPEG file.
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

    def jpeg(self) -> bytes:
        """The file's bytes as they are; DatasetError where it is missing, no JPEG or cut short."""
        data = _read(self.path)
        if not data.startswith(_START_OF_IMAGE):
            raise DatasetError(f"{self.path}: not a JPEG file; download the file again")
        # Some writers pad the file with zeros after the end marker; decoders accept that.
        if not data.endswith(_END_OF_IMAGE) and not data.rstrip(b"\0").endswith(_END_OF_IMAGE):
            raise DatasetError(
                f"{self.path}: truncated JPEG, {len(data)} bytes without an end marker; "
                f"download the file again"
            )
        return data


@dataclass(frozen=True, eq=False)
class LidarScan:
    """One turn of the LiDAR. The file is read when asked for, never before.

    Attributes:
        stamp: nanoseconds, time of the data set, the end of the turn.
        path: the `.pcd.bin` file.
        pose: lidar_top to base_link.
        ego: base_link to map at `stamp`.
        is_key: whether the scan belongs to an annotated keyframe.
    """

    stamp: int
    path: Path
    pose: Pose
    ego: Pose
    is_key: bool
    name: str = LIDAR_NAME

    def points(self) -> np.ndarray:
        """(N, 5) float32: x, y, z in metres in lidar_top, intensity 0 to 255, ring index.

        Raises DatasetError where the file is missing, empty or not a whole number of points.
        """
        data = _read(self.path)
        if not data or len(data) % _POINT_BYTES:
            raise DatasetError(
                f"{self.path}: truncated LiDAR file, {len(data)} bytes are not a whole number of "
                f"{_POINT_BYTES}-byte points; download the file again"
            )
        return np.frombuffer(data, dtype="<f4").reshape(-1, 5).astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class Keyframe:
    """One annotated instant.

    Attributes:
        token: nuScenes sample token.
        scene: name of the scene.
        stamp: nanoseconds, the sample's time, which is that of its LiDAR scan.
        rig: every camera of the car, those without a shot in this frame included.
        cameras: camera name to shot, in the order of Lift-Splat-Shoot; an absent camera is not in it.
        lidar: the scan, None where the data set has none.
        boxes: every annotation, in base_link at the time of the scan.
        ego: base_link to map at the time of the scan (of the camera nearest to `stamp` without a scan).
    """

    token: str
    scene: str
    stamp: int
    rig: Rig
    cameras: Mapping[str, CameraShot]
    lidar: LidarScan | None
    boxes: tuple[Box, ...] = field(default=())
    ego: Pose = field(default_factory=Pose.identity)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: file is missing; unpack all nuScenes archives into the data root"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None
