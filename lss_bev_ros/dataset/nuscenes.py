"""The nuScenes reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import DatasetError, GeometryError
from ..geometry import CAMERA_NAMES, Box, Camera, Pose, Rig
from .frame import CameraShot, Keyframe, LidarScan
from .index import Calibration, SceneIndex, build_index, unknown_scene

_SCENES_KEPT = 8
"""Scene indices held in memory at once; each takes about half a megabyte for 20 s with sweeps."""


class NuScenesReader:
    """Reads any nuScenes data set: every version, keyframes and sweeps, cameras and LIDAR_TOP.

    Tables are resolved by nuscenes-devkit when the reader is made (see `index`); images and point clouds
    are read only when a frame's `jpeg()` or `points()` is called, so that one damaged file costs one frame.

    Attributes:
        dataroot: folder that holds `samples`, `sweeps` and the version folder.
        version: such as `v1.0-mini`.
    """

    def __init__(self, dataroot: str | Path, version: str = "v1.0-mini", scenes: Sequence[str] = ()) -> None:
        """Open a data set.

        Args:
            dataroot: folder that holds `samples`, `sweeps` and the version folder.
            version: version folder; "" takes the only one there is.
            scenes: the scenes to open, all where none are named; fewer open faster.

        Raises DatasetError where root, version, scene or table is missing, or a table is damaged.
        """
        self.dataroot = Path(dataroot).expanduser()
        self.version = find_version(self.dataroot, version)
        self._index = build_index(self.dataroot, self.version, tuple(scenes))
        self._scene = lru_cache(maxsize=_SCENES_KEPT)(self._index.load)
        self._cameras: dict[str, Camera] = {}

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the opened scenes, in the order of scene.json."""
        return self._index.scenes

    def keyframes(self, scene: str) -> Iterator[Keyframe]:
        """Yield the annotated instants of a scene in time order."""
        index = self._load(scene)
        rig = self.first_rig(scene)
        for row in range(len(index.sample_tokens)):
            yield self._keyframe(index, row, rig)

    def count_keyframes(self, scene: str) -> int:
        """Number of keyframes of a scene."""
        return len(self._load(scene).sample_tokens)

    def annotated(self, scene: str) -> bool:
        """Whether a scene has annotations; those of v1.0-test have none."""
        return len(self._load(scene).box_sample) > 0

    def shots(self, scene: str, sweeps: bool) -> list[CameraShot | LidarScan]:
        """All camera shots and LiDAR scans of a scene in time order, only keyframes' without `sweeps`."""
        index = self._load(scene)
        return [self._shot(index, i) for i in range(len(index.stamps)) if sweeps or index.is_key[i]]

    def first_rig(self, scene: str) -> Rig:
        """Every camera that the scene has, in the order of Lift-Splat-Shoot, as first calibrated."""
        index = self._load(scene)
        first: dict[str, Calibration] = {}
        for row in index.calibration:
            calibration = index.calibrations[row]
            first.setdefault(calibration.name, calibration)
        return Rig(tuple(self._camera(first[name]) for name in CAMERA_NAMES if name in first))

    def _load(self, scene: str) -> SceneIndex:
        try:
            return self._scene(scene)
        except KeyError:
            raise DatasetError(unknown_scene(self.dataroot / self.version, scene, self.scenes)) from None

    def _keyframe(self, index: SceneIndex, row: int, rig: Rig) -> Keyframe:
        token, stamp = index.sample_tokens[row], int(index.sample_stamps[row])
        shots = [self._shot(index, i) for i in np.flatnonzero((index.sample == row) & index.is_key)]
        if not shots:
            raise DatasetError(
                f"{self.dataroot / self.version}/sample_data.json: sample {token} of {index.name} has "
                f"neither a camera nor LIDAR_TOP; unpack the nuScenes metadata again"
            )
        cameras = {shot.name: shot for shot in shots if isinstance(shot, CameraShot)}
        lidar = next((shot for shot in shots if isinstance(shot, LidarScan)), None)
        ego = (lidar or min(shots, key=lambda shot: abs(shot.stamp - stamp))).ego
        return Keyframe(
            token=token,
            scene=index.name,
            stamp=stamp,
            rig=rig,
            cameras={name: cameras[name] for name in CAMERA_NAMES if name in cameras},
            lidar=lidar,
            boxes=self._boxes(index, row, ego),
            ego=ego,
        )

    def _shot(self, index: SceneIndex, i: int) -> CameraShot | LidarScan:
        calibration = index.calibrations[index.calibration[i]]
        stamp, path, is_key = int(index.stamps[i]), self.dataroot / index.files[i], bool(index.is_key[i])
        ego = self._pose("ego_pose.json", f"pose of {index.files[i]}", index.ego[i, 3:], index.ego[i, :3])
        if calibration.name in CAMERA_NAMES:
            return CameraShot(calibration.name, stamp, path, self._camera(calibration), ego, is_key)
        return LidarScan(stamp, path, self._mounting(calibration), ego, is_key)

    def _boxes(self, index: SceneIndex, row: int, ego: Pose) -> tuple[Box, ...]:
        to_base = ego.inverse()
        first, last = np.searchsorted(index.box_sample, [row, row + 1])
        boxes = []
        for i in range(first, last):
            center, size, rotation, velocity = np.split(index.boxes[i], [3, 6, 10])
            pose = self._pose(
                "sample_annotation.json", f"box of instance {index.box_instance[i]}", rotation, center
            )
            width, length, height = size
            boxes.append(
                Box(
                    pose=to_base @ pose,
                    size=np.array([length, width, height]),
                    category=index.box_category[i],
                    instance=index.box_instance[i],
                    velocity=(to_base.rotation @ velocity)[:2],
                    visibility=int(index.box_counts[i, 0]),
                    num_lidar_pts=int(index.box_counts[i, 1]),
                )
            )
        return tuple(boxes)

    def _camera(self, calibration: Calibration) -> Camera:
        # Shots of one calibration share one Camera: a scene has hundreds of shots a camera.
        key = f"{calibration.token} {calibration.size}"
        if key not in self._cameras:
            pose = self._mounting(calibration)
            try:
                intrinsics = np.array(calibration.intrinsics, dtype=np.float64)
                self._cameras[key] = Camera(calibration.name, intrinsics, *calibration.size, pose)
            except (GeometryError, ValueError) as error:
                raise DatasetError(
                    f"{self.dataroot / self.version}/calibrated_sensor.json: record {calibration.token} "
                    f"cannot be a camera ({error}); unpack the nuScenes metadata again"
                ) from None
        return self._cameras[key]

    def _mounting(self, calibration: Calibration) -> Pose:
        return self._pose(
            "calibrated_sensor.json",
            f"record {calibration.token}",
            calibration.rotation,
            calibration.translation,
        )

    def _pose(self, table: str, what: str, rotation: Sequence[float], translation: Sequence[float]) -> Pose:
        try:
            return Pose.from_quaternion(rotation, translation)
        except GeometryError as error:
            raise DatasetError(
                f"{self.dataroot / self.version}/{table}: {what} is no pose ({error}); "
                f"unpack the nuScenes metadata again"
            ) from None


def find_version(dataroot: Path, version: str) -> str:
    """The name of the version folder; DatasetError where it is not there or "" does not tell which."""
    if not dataroot.is_dir():
        raise DatasetError(
            f"dataroot {dataroot}: no such folder; download nuScenes from "
            f"https://www.nuscenes.org/nuscenes#download or make a data set: `lss-bev synthesize {dataroot}`"
        )
    there = sorted(path.parent.name for path in dataroot.glob("*/sample_data.json"))
    # A version whose very sample_data.json is lost is still that version; the missing table is named later.
    there = there or sorted(path.parent.name for path in dataroot.glob("v*/scene.json"))
    if not there:
        raise DatasetError(
            f"dataroot {dataroot}: not a nuScenes root, it has no folder with tables such as v1.0-mini; "
            f"name the folder that holds samples and v1.0-*"
        )
    if not version and len(there) == 1:
        return there[0]
    if version in there or (version and (dataroot / version / "scene.json").is_file()):
        return version
    if not version:
        raise DatasetError(f"dataroot {dataroot}: has versions {', '.join(there)}; choose one with version")
    raise DatasetError(f"version {version!r}: not in {dataroot}, which has {', '.join(there)}")
