"""What the reader keeps of the tables: a compact index of each scene.

nuscenes-devkit holds every table as Python dictionaries and imports plotting and learning libraries:
more than 250 MB for v1.0-mini and several GB for v1.0-trainval. A replay node or a data loader's worker
cannot afford that. So the devkit runs once, in a process that ends, and leaves one small record a scene.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DatasetError
from ..geometry import CAMERA_NAMES
from .frame import LIDAR_NAME

if TYPE_CHECKING:
    from nuscenes.nuscenes import NuScenes

_TRAILER = struct.Struct("<QQ")


@dataclass(frozen=True, eq=False)
class Calibration:
    """One record of calibrated_sensor.json: where a sensor sits and, for a camera, how it projects.

    Attributes:
        token: nuScenes token.
        name: frame name, lower case.
        translation: (3,) metres, the sensor's origin in base_link.
        rotation: quaternion w x y z, sensor to base_link.
        intrinsics: (3, 3) pixels, empty for the LiDAR.
        size: image width and height, pixels, (0, 0) for the LiDAR.
    """

    token: str
    name: str
    translation: tuple[float, ...]
    rotation: tuple[float, ...]
    intrinsics: tuple[tuple[float, ...], ...]
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class SceneIndex:
    """Everything the reader needs of one scene, by row.

    Attributes:
        name: scene name.
        calibrations: those that occur in the scene.
        stamps: (M,) int64 ns, one a camera shot or LiDAR scan, ascending.
        files: M file names relative to the data root.
        calibration: (M,) int32 rows of `calibrations`.
        sample: (M,) int32 rows of `sample_tokens`.
        is_key: (M,) bool.
        ego: (M, 7) float64, base_link to map: x y z in metres, then quaternion w x y z.
        sample_tokens: S sample tokens, by time.
        sample_stamps: (S,) int64 ns.
        box_sample: (B,) int32 rows of `sample_tokens`, ascending.
        boxes: (B, 13) float64: centre x y z in map, width, length, height, quaternion w x y z box to map,
            velocity x y z in map in m/s (NaN where unknown).
        box_category: B category names.
        box_instance: B instance tokens.
        box_counts: (B, 2) int32: visibility level (0 unknown) and LiDAR points inside.
    """

    name: str
    calibrations: tuple[Calibration, ...]
    stamps: np.ndarray
    files: tuple[str, ...]
    calibration: np.ndarray
    sample: np.ndarray
    is_key: np.ndarray
    ego: np.ndarray
    sample_tokens: tuple[str, ...]
    sample_stamps: np.ndarray
    box_sample: np.ndarray
    boxes: np.ndarray
    box_category: tuple[str, ...]
    box_instance: tuple[str, ...]
    box_counts: np.ndarray


class IndexFile:
    """Scene indices in an anonymous temporary file that is gone when the last holder closes it."""

    def __init__(self, file, places: dict[str, tuple[int, int]]) -> None:
        self._file = file
        self._places = places

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes, in the order of scene.json."""
        return tuple(self._places)

    def load(self, scene: str) -> SceneIndex:
        """Read one scene; KeyError where it is not in the file."""
        offset, size = self._places[scene]
        # pread leaves the file position alone, so threads and forked workers may share the descriptor.
        return pickle.loads(os.pread(self._file.fileno(), size, offset))


def build_index(dataroot: Path, version: str, scenes: Sequence[str] = ()) -> IndexFile:
    """Index scenes (all where none are named) of a data set, in a process of its own.

    Raises DatasetError where a table is missing, broken or inconsistent, or a scene unknown.
    """
    file = tempfile.TemporaryFile(prefix="lss_bev_index_")  # noqa: SIM115 - the IndexFile holds it open
    # The parent's search path, so that an overlay or an uninstalled checkout is found by the child too.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    process = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()", str(dataroot), version, *scenes],
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    if process.returncode:
        file.close()
        raise DatasetError(
            _failure(dataroot / version, process.returncode, process.stderr.decode(errors="replace"))
        )
    size = os.fstat(file.fileno()).st_size
    offset, length = _TRAILER.unpack(os.pread(file.fileno(), _TRAILER.size, size - _TRAILER.size))
    result = pickle.loads(os.pread(file.fileno(), length, offset))
    if isinstance(result, str):
        file.close()
        raise DatasetError(result)
    return IndexFile(file, result)


def _failure(tables: Path, code: int, stderr: str) -> str:
    if code == -9:
        return (
            f"{tables}: the system ended the process that reads the tables, probably for lack of memory; "
            f"free memory, or read v1.0-mini"
        )
    last = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
    return f"{tables}: the process that reads the tables ended with code {code} ({last})"


def main() -> None:
    """Child process: write the index of `argv` (data root, version, scenes) to standard output."""
    import signal

    # Ctrl-C reaches the whole process group; the parent speaks for both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    out = os.fdopen(os.dup(1), "wb")
    # Whatever the devkit or a library prints must not land in the index.
    os.dup2(2, 1)
    dataroot, version, *scenes = sys.argv[1:]
    places: dict[str, tuple[int, int]] = {}
    try:
        for index in index_scenes(Path(dataroot), version, scenes):
            data = pickle.dumps(index, protocol=pickle.HIGHEST_PROTOCOL)
            places[index.name] = (out.tell(), len(data))
            out.write(data)
        result: dict | str = places
    except DatasetError as error:
        result = str(error)
    offset = out.tell()
    data = pickle.dumps(result)
    out.write(data)
    out.write(_TRAILER.pack(offset, len(data)))
    out.close()


def index_scenes(dataroot: Path, version: str, scenes: Sequence[str] = ()):
    """Yield the SceneIndex of each scene (all where none are named), loading the devkit in this process."""
    try:
        from .records import REMEDY
        from .tables import open_tables
    except ImportError as error:
        raise DatasetError(
            f"reading nuScenes needs nuscenes-devkit ({error}); pip install 'lss_bev_ros[dataset]'"
        ) from None
    nusc = open_tables(dataroot, version)
    names = [record["name"] for record in nusc.scene]
    unknown = [name for name in scenes if name not in names]
    if unknown:
        raise DatasetError(unknown_scene(dataroot / version, unknown[0], names))
    samples: dict[str, list[dict]] = {}
    for sample in nusc.sample:
        samples.setdefault(sample["scene_token"], []).append(sample)
    shots: dict[str, list[dict]] = {}
    for record in nusc.sample_data:
        if _frame_name(record) is not None:
            shots.setdefault(record["sample_token"], []).append(record)
    for record in nusc.scene:
        if scenes and record["name"] not in scenes:
            continue
        of_scene = sorted(samples.get(record["token"], []), key=lambda sample: sample["timestamp"])
        try:
            yield _index_scene(nusc, record["name"], of_scene, shots)
        except (TypeError, ValueError, LookupError) as error:
            raise DatasetError(
                f"{dataroot / version}: scene {record['name']} holds a value that is no number or no list "
                f"of the right length ({error}); {REMEDY}"
            ) from None


def unknown_scene(tables: Path, scene: str, names: Sequence[str]) -> str:
    """The message for a scene that is not there."""
    shown = ", ".join(names[:10]) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")
    return f"{tables}: no scene {scene!r}; it has {shown or 'none'}"


def _frame_name(record: dict) -> str | None:
    name = record["channel"].lower()
    return name if name == LIDAR_NAME or name in CAMERA_NAMES else None


def _index_scene(nusc: NuScenes, name: str, samples: list[dict], shots: dict[str, list[dict]]) -> SceneIndex:
    rows = sorted(
        ((record, row) for row, sample in enumerate(samples) for record in shots.get(sample["token"], [])),
        key=lambda pair: pair[0]["timestamp"],
    )
    calibrations: dict[str, Calibration] = {}
    calibration = np.empty(len(rows), dtype=np.int32)
    ego = np.empty((len(rows), 7))
    for i, (record, _) in enumerate(rows):
        token = record["calibrated_sensor_token"]
        if token not in calibrations:
            calibrations[token] = _calibration(nusc.get("calibrated_sensor", token), record)
        calibration[i] = list(calibrations).index(token)
        pose = nusc.get("ego_pose", record["ego_pose_token"])
        ego[i] = [*pose["translation"], *pose["rotation"]]
    annotations = [
        (nusc.get("sample_annotation", token), row)
        for row, sample in enumerate(samples)
        for token in sample["anns"]
    ]
    boxes = np.empty((len(annotations), 13))
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, (record, _) in enumerate(annotations):
            velocity = nusc.box_velocity(record["token"])
            boxes[i] = [*record["translation"], *record["size"], *record["rotation"], *velocity]
    boxes[:, 10:][~np.isfinite(boxes[:, 10:])] = np.nan
    return SceneIndex(
        name=name,
        calibrations=tuple(calibrations.values()),
        stamps=np.array([record["timestamp"] for record, _ in rows], dtype=np.int64) * 1000,
        files=tuple(record["filename"] for record, _ in rows),
        calibration=calibration,
        sample=np.array([row for _, row in rows], dtype=np.int32),
        is_key=np.array([bool(record["is_key_frame"]) for record, _ in rows], dtype=bool),
        ego=ego,
        sample_tokens=tuple(sample["token"] for sample in samples),
        sample_stamps=np.array([sample["timestamp"] for sample in samples], dtype=np.int64) * 1000,
        box_sample=np.array([row for _, row in annotations], dtype=np.int32),
        boxes=boxes,
        box_category=tuple(sys.intern(record["category_name"]) for record, _ in annotations),
        box_instance=tuple(record["instance_token"] for record, _ in annotations),
        box_counts=np.array(
            [(_visibility(record), int(record["num_lidar_pts"])) for record, _ in annotations], dtype=np.int32
        ).reshape(-1, 2),
    )


def _calibration(record: dict, shot: dict) -> Calibration:
    return Calibration(
        token=record["token"],
        name=shot["channel"].lower(),
        translation=tuple(float(value) for value in record["translation"]),
        rotation=tuple(float(value) for value in record["rotation"]),
        intrinsics=tuple(tuple(float(value) for value in row) for row in record["camera_intrinsic"]),
        size=(int(shot["width"]), int(shot["height"])),
    )


def _visibility(record: dict) -> int:
    token = str(record["visibility_token"])
    return int(token) if token in {"1", "2", "3", "4"} else 0
