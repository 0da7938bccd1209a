"""What a data set holds: camera shots, LiDAR scans and annotated keyframes with all their truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DatasetError, PictureError
from ..geometry import BevGrid, Box, Camera, Pose, Rig
from ..images import inspect
from .data_file import read_file
from .lidar_file import read_points
from .street_map import StreetMap, read_street_map
from .voxels import Voxels, read_voxels

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


FUTURE_STEPS, FUTURE_STEP = 6, 0.5
"""Places of `Keyframe.future`: so many, so many seconds apart."""


def unknown_future() -> np.ndarray:
    """(FUTURE_STEPS, 2) float64 of NaN."""
    return np.full((FUTURE_STEPS, 2), np.nan)


@dataclass(frozen=True, eq=False)
class TruthFiles:
    """Where a data set keeps what it knows of an instant besides boxes.

    Attributes:
        street_map: the map expansion of the scene's location; None where its name is unknown.
        voxels: folder of the sample's occupancy labels.
        missing: gets one line for each kind that was asked for and is not there.
    """

    street_map: Path | None = None
    voxels: Path | None = None
    missing: dict[str, str] = field(default_factory=dict)


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
        future: (FUTURE_STEPS, 2) float64 metres: where the car will be every `FUTURE_STEP` seconds from now
            on, in base_link now; NaN where the scene has ended by then.
        truth: where more is kept; it is read when asked for, never before.
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
    future: np.ndarray = field(default_factory=unknown_future)
    truth: TruthFiles = field(default_factory=TruthFiles)

    def map_raster(self, grid: BevGrid | None = None) -> dict[str, np.ndarray] | None:
        """The street around the car, of the data set's map expansion.

        Args:
            grid: cells, base_link; by default those of Lift-Splat-Shoot.

        Returns:
            By the names of `STREET_AREAS` and `LINES` of `geometry.classes`, (nx, ny) bool, indexed
            [x, y]; None where the data set has no map of the place, which the reader's `notices`
            say from then on.

        Raises:
            DatasetError: the map is damaged.
        """
        street_map = self._street_map()
        return None if street_map is None else street_map.raster(self.ego, grid or BevGrid())

    def map_lines(self, grid: BevGrid | None = None) -> dict[str, tuple[np.ndarray, ...]] | None:
        """The lines of `map_raster` themselves.

        Args:
            grid: as there; what lies outside is cut off.

        Returns:
            By the names of `LINES`, polylines (N, 2) float64, metres, base_link; None as there.

        Raises:
            DatasetError: the map is damaged.
        """
        street_map = self._street_map()
        return None if street_map is None else street_map.lines(self.ego, grid or BevGrid())

    def _street_map(self) -> StreetMap | None:
        path = self.truth.street_map
        if path is not None and path.is_file():
            return read_street_map(path)
        where = f"{path}: no such map" if path else "log.json names no location"
        self.truth.missing["map"] = (
            f"{where}, so there is no truth of roads; unpack nuScenes' map expansion (v1.3) into maps"
        )
        return None

    def voxels(self, grid: BevGrid | None = None) -> Voxels | None:
        """What fills the space around the car, of the data set's occupancy labels.

        Args:
            grid: cells of the plane, base_link; by default those of Lift-Splat-Shoot.

        Returns:
            None where the data set has no labels of this sample, which the reader's `notices` say from then
            on.

        Raises:
            DatasetError: the labels are damaged.
        """
        folder = self.truth.voxels
        found = None if folder is None else read_voxels(folder, grid or BevGrid())
        if found is None:
            self.truth.missing["voxels"] = (
                f"{folder.parents[1] if folder else 'gts'}: no labels of some samples, so there is no truth "
                f"of voxels there; unpack the labels of Occ3D-nuScenes as gts"
            )
        return found
