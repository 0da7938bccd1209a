"""The nuScenes reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..errors import DatasetError, GeometryError
from ..geometry import Box, Camera, Lens, Pose, Rig
from ..geometry.category import is_vehicle_category, vehicle_categories
from .frame import FUTURE_STEP, FUTURE_STEPS, CameraShot, Keyframe, LidarScan, TruthFiles
from .index import build_index
from .scene_index import CAMERA, SceneIndex, SensorRecord
from .tables import camera_order, unknown_scene

_SCENES_KEPT = 8
"""Scene indices held in memory at once; each takes about half a megabyte for 20 s with sweeps."""

_GAP_NS = 1_500_000_000
"""Where the car is between two poses farther apart is unknown."""


class NuScenesReader:
    """Reads data sets in nuScenes' format: keyframes and sweeps, every camera, and one LiDAR.

    The tables are read when the reader is made (see `index`); images and point clouds are read only when a
    frame's `encoded()` or `points()` is called, so that one damaged file costs one frame.

    Attributes:
        dataroot: folder that holds `samples`, `sweeps` and the version folder.
        version: such as `v1.0-mini`.
        categories: names of the data set's categories.
        vehicle_categories: those of them that count as vehicles.
    """

    def __init__(
        self,
        dataroot: str | Path,
        version: str = "v1.0-mini",
        scenes: Sequence[str] = (),
        vehicles: Sequence[str] = (),
    ) -> None:
        """Open a data set.

        Args:
            dataroot: folder that holds `samples`, `sweeps` and the version folder.
            version: version folder; "" takes the only one there is.
            scenes: the scenes to open, all where none are named; fewer open faster.
            vehicles: categories that count as vehicles, see `is_vehicle_category`; where none are given,
                their names tell.

        Raises DatasetError where root, version, scene or table is missing, or a table is damaged.
        """
        self.dataroot = Path(dataroot).expanduser()
        self.version = find_version(self.dataroot, version)
        self._index = build_index(self.dataroot, self.version, tuple(scenes))
        self._scene = lru_cache(maxsize=_SCENES_KEPT)(self._index.load)
        self._vehicles = tuple(vehicles)
        self.categories = self._index.categories
        self.vehicle_categories = vehicle_categories(self.categories, self._vehicles)
        if vehicles and self.categories and not self.vehicle_categories:
            raise DatasetError(
                f"{self.dataroot}: no category is among the vehicle categories {', '.join(vehicles)}; "
                f"it has {', '.join(self.categories)}"
            )
        self._cameras: dict[tuple, Camera] = {}
        self._rigs: dict[tuple[int, ...], Rig] = {}
        self._sizes: dict[SensorRecord, tuple[int, int]] = {}
        self._missing: dict[str, str] = {}

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the opened scenes, in the order of scene.json."""
        return self._index.scenes

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of every camera of the opened scenes: nuScenes' six first, others by name."""
        return tuple(sorted(self._index.cameras, key=camera_order))

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of the data set, one line each: what was taken in another way than
        nuScenes has it, why nothing can be scored, and which truth was asked for in vain.
        """
        notices = list(self._index.notices)
        if self.categories and not self.vehicle_categories and any(map(self._has_boxes, self.scenes)):
            notices.append(
                f"no category is a vehicle, so there is nothing to score against; name some of "
                f"{', '.join(self.categories[:30])} by --vehicle-categories or vehicle_categories:="
            )
        return (*(f"{self.dataroot}: {notice}" for notice in notices), *self._missing.values())

    def keyframes(self, scene: str) -> Iterator[Keyframe]:
        """Yield the annotated instants of a scene in time order."""
        index = self._load(scene)
        for row in range(len(index.sample_tokens)):
            yield self._keyframe(index, row)

    def count_keyframes(self, scene: str) -> int:
        """Number of keyframes of a scene."""
        return len(self._load(scene).sample_tokens)

    def annotated(self, scene: str) -> bool:
        """Whether there is anything to score a scene against: v1.0-test has no annotations, and annotations
        without a category of vehicles say nothing of vehicles.
        """
        return self._has_boxes(scene) and bool(self.vehicle_categories)

    def shots(self, scene: str, sweeps: bool) -> list[CameraShot | LidarScan]:
        """All camera shots and LiDAR scans of a scene in time order, only keyframes' without `sweeps`."""
        index = self._load(scene)
        return [self._shot(index, i) for i in range(len(index.stamps)) if sweeps or index.is_key[i]]

    def count_shots(self, scene: str, sweeps: bool) -> int:
        """Number of what `shots` gives."""
        index = self._load(scene)
        return len(index.stamps) if sweeps else int(index.is_key.sum())

    def sweeps(self, scene: str) -> Iterator[Path]:
        """Yield the files of a scene that belong to no keyframe, whether they are there or not."""
        index = self._load(scene)
        return (self.dataroot / index.files[row] for row in np.flatnonzero(~index.is_key))

    def first_rig(self, scene: str) -> Rig:
        """Every camera that the scene has, as first calibrated."""
        index = self._load(scene)
        first = {}
        for i in range(len(index.stamps)):
            calibration = index.calibrations[index.calibration[i]]
            if calibration.kind == CAMERA and calibration.name not in first:
                first[calibration.name] = self._camera(index, i)
        return self._rig(first)

    def _has_boxes(self, scene: str) -> bool:
        return len(self._load(scene).box_sample) > 0

    def _load(self, scene: str) -> SceneIndex:
        try:
            return self._scene(scene)
        except KeyError:
            raise DatasetError(unknown_scene(self.dataroot / self.version, scene, self.scenes)) from None

    def _keyframe(self, index: SceneIndex, row: int) -> Keyframe:
        token, stamp = index.sample_tokens[row], int(index.sample_stamps[row])
        rows = index.key_rows(row)
        # Two recordings of one sensor: the nearer one counts.
        rows = rows[np.argsort(np.abs(index.stamps[rows] - stamp), kind="stable")]
        shots = [self._shot(index, i) for i in rows.tolist()]
        if not shots:
            raise DatasetError(
                f"{self.dataroot / self.version}/sample_data.json: sample {token} of {index.name} has "
                f"no image and no scan with is_key_frame; unpack the metadata again"
            )
        cameras: dict[str, CameraShot] = {}
        for shot in shots:
            if isinstance(shot, CameraShot):
                cameras.setdefault(shot.name, shot)
        lidar = next((shot for shot in shots if isinstance(shot, LidarScan)), None)
        ego = (lidar or shots[0]).ego
        return Keyframe(
            token=token,
            scene=index.name,
            stamp=stamp,
            rig=self._rig_at(index, stamp, {name: shot.camera for name, shot in cameras.items()}),
            cameras={name: cameras[name] for name in sorted(cameras, key=camera_order)},
            lidar=lidar,
            boxes=self._boxes(index, row, ego),
            ego=ego,
            annotated=self.annotated(index.name),
            future=_future(index, stamp, ego),
            truth=TruthFiles(
                self.dataroot / "maps" / "expansion" / f"{index.location}.json" if index.location else None,
                self.dataroot / "gts" / index.name / token,
                self._missing,
            ),
        )

    def _rig_at(self, index: SceneIndex, stamp: int, here: dict[str, Camera]) -> Rig:
        """The cameras of an instant, and those without a shot in it as they are at their nearest."""
        cameras = dict(here)
        for name, rows in index.camera_rows.items():
            if name not in here:
                cameras[name] = self._camera(index, int(rows[_nearest(index.stamps[rows], stamp)]))
        return self._rig(cameras)

    def _rig(self, cameras: dict[str, Camera]) -> Rig:
        # Equal calibrations are one Rig, so that what was computed for it is found again.
        ordered = tuple(cameras[name] for name in sorted(cameras, key=camera_order))
        return self._rigs.setdefault(tuple(map(id, ordered)), Rig(ordered))

    def _shot(self, index: SceneIndex, i: int) -> CameraShot | LidarScan:
        calibration = index.calibrations[index.calibration[i]]
        stamp, path, is_key = int(index.stamps[i]), self.dataroot / index.files[i], bool(index.is_key[i])
        ego = self._pose("ego_pose.json", f"pose of {index.files[i]}", index.ego[i, 3:], index.ego[i, :3])
        if calibration.kind == CAMERA:
            return CameraShot(calibration.name, stamp, path, self._camera(index, i), ego, is_key)
        return LidarScan(stamp, path, self._mounting(calibration), ego, is_key, calibration.name)

    def _boxes(self, index: SceneIndex, row: int, ego: Pose) -> tuple[Box, ...]:
        to_base = ego.inverse()
        first, last = np.searchsorted(index.box_sample, [row, row + 1])
        boxes = []
        sizes = index.boxes[first:last, 3:6]
        for i in first + np.flatnonzero(~((sizes >= 0) & np.isfinite(sizes)).all(axis=1)):
            raise DatasetError(
                f"{self.dataroot / self.version}/sample_annotation.json: box of instance "
                f"{index.box_instance[i]} has size {index.boxes[i, 3:6].tolist()}, which is not three "
                f"lengths in metres; unpack the metadata again"
            )
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
                    vehicle=is_vehicle_category(index.box_category[i], self._vehicles),
                    attribute=index.box_attribute[i],
                    num_radar_pts=int(index.box_counts[i, 2]),
                )
            )
        return tuple(boxes)

    def _camera(self, index: SceneIndex, i: int) -> Camera:
        # Shots of equal calibration share one Camera, whatever its token: a scene has hundreds of shots.
        calibration = index.calibrations[index.calibration[i]]
        width, height = (int(side) for side in index.sizes[i])
        if not (width and height):
            width, height = self._size(calibration, self.dataroot / index.files[i])
        key = (replace(calibration, token=""), width, height)
        if key not in self._cameras:
            pose = self._mounting(calibration)
            try:
                intrinsics = np.array(calibration.intrinsics, dtype=np.float64)
                self._cameras[key] = Camera(
                    calibration.name, intrinsics, width, height, pose, _lens(calibration)
                )
            except (GeometryError, ValueError) as error:
                raise DatasetError(
                    f"{self.dataroot / self.version}/calibrated_sensor.json: record {calibration.token} "
                    f"cannot be a camera ({error}); correct it, or unpack the metadata again"
                ) from None
        return self._cameras[key]

    def _size(self, calibration: SensorRecord, path: Path) -> tuple[int, int]:
        """Width and height of an image whose record does not say; all of one calibration are alike."""
        if calibration not in self._sizes:
            picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
            if picture is None:
                raise DatasetError(
                    f"{self.dataroot / self.version}/sample_data.json: width and height of {path.name} are "
                    f"missing, and the image cannot be read; write them there"
                )
            self._sizes[calibration] = (picture.shape[1], picture.shape[0])
        return self._sizes[calibration]

    def _mounting(self, calibration: SensorRecord) -> Pose:
        return self._pose(
            "calibrated_sensor.json",
            f"record {calibration.token}",
            calibration.rotation,
            calibration.translation,
        )

    def _pose(
        self,
        table: str,
        what: str,
        rotation: Sequence[float] | np.ndarray,
        translation: Sequence[float] | np.ndarray,
    ) -> Pose:
        try:
            return Pose.from_quaternion(rotation, translation)
        except GeometryError as error:
            raise DatasetError(
                f"{self.dataroot / self.version}/{table}: {what} is not a pose ({error}); "
                f"unpack the metadata again"
            ) from None


def _future(index: SceneIndex, stamp: int, ego: Pose) -> np.ndarray:
    """(FUTURE_STEPS, 2) metres: where the car will be in base_link at `stamp`, from its later poses."""
    wanted = stamp + np.round(np.arange(1, FUTURE_STEPS + 1) * FUTURE_STEP * 1e9).astype(np.int64)
    # A drive of hours has millions of poses; those around the future are enough.
    first = max(int(np.searchsorted(index.stamps, stamp)) - 1, 0)
    last = int(np.searchsorted(index.stamps, wanted[-1], side="right")) + 1
    # Nanoseconds since 1970 are too large for float64; those since now are not.
    stamps, times = (
        (index.stamps[first:last] - stamp).astype(np.float64),
        (wanted - stamp).astype(np.float64),
    )
    ego_places = index.ego[first:last]
    places = np.column_stack([np.interp(times, stamps, ego_places[:, axis]) for axis in range(3)])
    after = np.minimum(np.searchsorted(stamps, times), len(stamps) - 1)
    gap = stamps[after] - stamps[np.maximum(after - 1, 0)]
    between = stamps[after] != times
    places[(times > stamps[-1]) | (between & (gap > _GAP_NS))] = np.nan
    return ego.inverse().apply(places)[:, :2]


def _nearest(stamps: np.ndarray, stamp: int) -> int:
    """The row of the stamp, of those ascending, that is nearest; the earlier of two."""
    after = min(int(np.searchsorted(stamps, stamp)), len(stamps) - 1)
    before = int(np.searchsorted(stamps, stamps[max(after - 1, 0)]))
    return before if abs(stamps[before] - stamp) <= abs(stamps[after] - stamp) else after


def _lens(calibration: SensorRecord) -> Lens:
    """The lens that a record describes.

    T4 has OpenCV's coefficients without a name: 4 or 5 are plumb_bob, 8 and more rational_polynomial.
    """
    model = calibration.distortion_model or ("plumb_bob" if any(calibration.distortion) else "pinhole")
    return Lens(model, calibration.distortion)


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
    if not there and (dataroot / "sample_data.json").is_file():
        raise DatasetError(
            f"dataroot {dataroot}: is the folder of the tables; give the folder that contains "
            f"it, {dataroot.parent}"
        )
    below = next(iter(sorted(dataroot.glob("*/*/sample_data.json"))), None)
    if not there and below is not None:
        raise DatasetError(
            f"dataroot {dataroot}: not a nuScenes root, but {below.parents[1]} inside it is one; use that"
        )
    if not there:
        raise DatasetError(
            f"dataroot {dataroot}: not a nuScenes root, it has no folder with tables such as v1.0-mini; "
            f"give the folder that contains samples and v1.0-*"
        )
    if not version and len(there) == 1:
        return there[0]
    if version in there or (version and (dataroot / version / "scene.json").is_file()):
        return version
    if not version:
        raise DatasetError(f"dataroot {dataroot}: has versions {', '.join(there)}; choose one with version")
    raise DatasetError(f"version {version!r}: not in {dataroot}, which has {', '.join(there)}")
