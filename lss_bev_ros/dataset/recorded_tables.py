"""The tables of a drive that nobody annotated, in the format of nuScenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..geometry import Camera, Pose
from .table_rows import TABLES, TableFile, lens_fields, neighbours, pose_fields, token, write_tables

NO_MAP = "maps/none.png"
"""A map of nothing: nuscenes-devkit opens no data set without one."""


@dataclass(frozen=True, eq=False)
class DriveFile:
    """One file of a sensor.

    Attributes:
        channel: nuScenes channel.
        micros: microseconds since 1970.
        key: microseconds of the keyframe that it belongs to, None for what is between keyframes.
        filename: relative to the data set.
        ego: base_link in the frame that stands still.
        calibration: token that `RecordedTables.calibrated` gave.
        size: (width, height) pixels, zeros for LiDAR.
    """

    channel: str
    micros: int
    key: int | None
    filename: str
    ego: Pose
    calibration: str
    size: tuple[int, int] = (0, 0)

    @property
    def fileformat(self) -> str:
        """As `sample_data` names it."""
        return "pcd" if self.filename.endswith(".pcd.bin") else Path(self.filename).suffix[1:]


@dataclass(frozen=True, eq=False)
class _RecordedScene:
    """A scene whose rows of files are made when they are written.

    Attributes:
        token: of the scene.
        keys: microseconds of its keyframes, ascending.
        samples: their tokens.
        chains: files by channel, ascending in time.
    """

    token: str
    keys: Sequence[int]
    samples: Sequence[str]
    chains: Mapping[str, Sequence[DriveFile]]

    def rows(self) -> Iterator[tuple[dict, dict]]:
        """The rows of `ego_pose` and `sample_data` of each file."""
        rows = {micros: row for row, micros in enumerate(self.keys)}
        keys = np.array(self.keys, np.int64)
        for channel, chain in self.chains.items():
            tokens = [token(self.token, channel, file.micros) for file in chain]
            for place, file in enumerate(chain):
                following = min(int(np.searchsorted(keys, file.micros)), len(keys) - 1)
                pose = {"token": tokens[place], "timestamp": file.micros, **pose_fields(file.ego)}
                data = {
                    "token": tokens[place],
                    "sample_token": self.samples[following if file.key is None else rows[file.key]],
                    "ego_pose_token": tokens[place],
                    "calibrated_sensor_token": file.calibration,
                    "timestamp": file.micros,
                    "fileformat": file.fileformat,
                    "is_key_frame": file.key is not None,
                    "height": file.size[1],
                    "width": file.size[0],
                    "filename": file.filename,
                    **neighbours(tokens, place),
                }
                yield pose, data


class RecordedTables:
    """Collects the rows of a data set and writes them.

    Args:
        name: of the recording, on which all tokens depend.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: dict[str, list[dict]] = {table: [] for table in TABLES}
        self._calibrations: dict[tuple, str] = {}
        self._scenes: list[_RecordedScene] = []

    def calibrated(self, channel: str, sensor: Camera | Pose) -> str:
        """The token of a camera, or of the place of a LiDAR, in a row of its own the first time."""
        camera = sensor if isinstance(sensor, Camera) else None
        pose = sensor if isinstance(sensor, Pose) else sensor.pose
        key = (channel, camera.fingerprint if camera else pose.matrix.tobytes())
        if key not in self._calibrations:
            self._add_sensor(channel, "lidar" if camera is None else "camera")
            number = sum(known == channel for known, _ in self._calibrations)
            self._calibrations[key] = token(self._name, "calibration", channel, number)
            lens = None if camera is None or camera.lens.is_pinhole else camera.lens
            self._rows["calibrated_sensor"].append(
                {
                    "token": self._calibrations[key],
                    "sensor_token": token("sensor", channel),
                    **pose_fields(pose),
                    "camera_intrinsic": [] if camera is None else camera.intrinsics.tolist(),
                    **lens_fields(lens),
                }
            )
        return self._calibrations[key]

    def _add_sensor(self, channel: str, modality: str) -> None:
        row = {"token": token("sensor", channel), "channel": channel, "modality": modality}
        if row not in self._rows["sensor"]:
            self._rows["sensor"].append(row)

    def add_log(self, date: str) -> str:
        """The token of the log that scenes belong to.

        Args:
            date: on which it was recorded, such as 2024-05-01.
        """
        log = token(self._name, "log")
        self._rows["log"].append(
            {"token": log, "logfile": self._name, "vehicle": "", "date_captured": date, "location": ""}
        )
        self._rows["map"].append(
            {
                "category": "semantic_prior",
                "token": token(self._name, "map"),
                "filename": NO_MAP,
                "log_tokens": [log],
            }
        )
        return log

    def add_scene(
        self, name: str, log: str, description: str, keys: Sequence[int], files: Sequence[DriveFile]
    ) -> None:
        """Add one scene.

        Args:
            name: such as scene-0001.
            log: token of `add_log`.
            description: a few words.
            keys: microseconds of its keyframes, ascending.
            files: of all sensors; what is between two keyframes belongs to the later one.
        """
        chains: dict[str, list[DriveFile]] = {}
        for file in sorted(files, key=lambda file: file.micros):
            chains.setdefault(file.channel, []).append(file)
        channels = dict.fromkeys(file.channel for file in files)
        self.add_chains(name, log, description, keys, {channel: chains[channel] for channel in channels})

    def add_chains(
        self,
        name: str,
        log: str,
        description: str,
        keys: Sequence[int],
        chains: Mapping[str, Sequence[DriveFile]],
    ) -> None:
        """Add one scene, as `add_scene`, whose files are asked for when the tables are written.

        Args:
            name: such as scene-0001.
            log: token of `add_log`.
            description: a few words.
            keys: microseconds of its keyframes, ascending.
            chains: files by channel, ascending in time.
        """
        scene = token(self._name, name)
        samples = [token(scene, "sample", micros) for micros in keys]
        self._rows["scene"].append(
            {
                "token": scene,
                "log_token": log,
                "nbr_samples": len(samples),
                "first_sample_token": samples[0],
                "last_sample_token": samples[-1],
                "name": name,
                "description": description,
            }
        )
        for place, micros in enumerate(keys):
            self._rows["sample"].append(
                {
                    "token": samples[place],
                    "timestamp": int(micros),
                    **neighbours(samples, place),
                    "scene_token": scene,
                }
            )
        self._scenes.append(_RecordedScene(scene, keys, samples, chains))

    def write(self, root: Path, version: str) -> None:
        """Write all tables, and the map of nothing, into a data set's folder."""
        (root / version).mkdir(parents=True, exist_ok=True)
        write_tables(root / version, self._rows)
        with TableFile(root / version, "ego_pose") as poses, TableFile(root / version, "sample_data") as data:
            for scene in self._scenes:
                for pose, row in scene.rows():
                    poses.add(pose)
                    data.add(row)
        mask = root / NO_MAP
        mask.parent.mkdir(exist_ok=True)
        mask.write_bytes(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
