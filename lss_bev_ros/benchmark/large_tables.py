"""Tables of a data set as large as nuScenes v1.0-trainval, without its sensor files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

VERSION = "v1.0-trainval"

_CAMERAS = (
    "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT"
)  # fmt: skip
_RADARS = ("RADAR_FRONT", "RADAR_FRONT_LEFT", "RADAR_FRONT_RIGHT", "RADAR_BACK_LEFT", "RADAR_BACK_RIGHT")
_RATES = {"LIDAR_TOP": 20, **dict.fromkeys(_CAMERAS, 12), **dict.fromkeys(_RADARS, 13)}
_CHANNELS = tuple(_RATES)
_CATEGORIES = (
    "vehicle.car", "vehicle.truck", "vehicle.bus.rigid", "vehicle.bicycle", "human.pedestrian.adult",
    "movable_object.barrier", "movable_object.trafficcone",
)  # fmt: skip
_STEP = 500_000
"""Microseconds between keyframes."""


@dataclass(frozen=True)
class TableSizes:
    """How many records there are; by default those of v1.0-trainval."""

    scenes: int = 850
    samples: int = 34_149
    sample_data: int = 2_631_083
    annotations: int = 1_166_187
    instances: int = 64_386

    def scaled(self, scenes: int) -> TableSizes:
        """The same per scene, for fewer scenes."""
        return TableSizes(
            *(-(-count * scenes // self.scenes) for count in (self.scenes, self.samples, self.sample_data)),
            *(-(-count * scenes // self.scenes) for count in (self.annotations, self.instances)),
        )


def write_large_tables(root: Path, sizes: TableSizes | None = None, seed: int = 0) -> Path:
    """Write the tables of a data set that has no sensor files, in the layout of nuScenes' own.

    The numbers are random; counts, fields, tokens and links are as in nuScenes.

    Args:
        root: data root, made where it is not there.
        sizes: how many records; those of v1.0-trainval where None.
        seed: of tokens and numbers.

    Returns:
        The folder of the tables.
    """
    folder = root / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    (root / "maps").mkdir(exist_ok=True)
    (root / "maps" / "mask.png").touch()
    _Writer(folder, sizes or TableSizes(), np.random.default_rng(seed)).write()
    return folder


class _Table:
    """Records of one table, separated as json.dump(indent=0) does it."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._first = file, True
        file.write("[\n")

    def add(self, records: list[str]) -> None:
        if records:
            self._file.write(("" if self._first else ",\n") + ",\n".join(records))
            self._first = False

    def close(self) -> None:
        self._file.write("\n]\n")
        self._file.close()


class _Writer:
    def __init__(self, folder: Path, sizes: TableSizes, rng: np.random.Generator) -> None:
        self._folder, self._sizes, self._rng = folder, sizes, rng

    def write(self) -> None:
        sizes = self._sizes
        log, mask = self._tokens(2)
        categories, sensors = self._tokens(len(_CATEGORIES)), self._tokens(len(_CHANNELS))
        (attribute,) = self._tokens(1)
        self._small("log", [{"token": log, "logfile": "n0", "vehicle": "n0", "location": "nowhere"}])
        self._small("map", [{"token": mask, "log_tokens": [log], "filename": "maps/mask.png"}])
        self._small("attribute", [{"token": attribute, "name": "vehicle.moving", "description": ""}])
        self._small("visibility", [{"token": str(n), "level": "", "description": ""} for n in range(1, 5)])
        self._small(
            "category",
            [
                {"token": t, "name": n, "description": ""}
                for t, n in zip(categories, _CATEGORIES, strict=True)
            ],
        )
        self._small(
            "sensor",
            [
                {"token": t, "channel": c, "modality": c.split("_")[0].lower().replace("cam", "camera")}
                for t, c in zip(sensors, _CHANNELS, strict=True)
            ],
        )
        self._tables = {
            name: _Table((self._folder / f"{name}.json").open("w", encoding="utf-8"))
            for name in ("ego_pose", "sample_data", "sample", "sample_annotation", "instance")
        }
        scenes, calibrations = [], []
        counts = [
            _shares(total, sizes.scenes)
            for total in (sizes.samples, sizes.sample_data, sizes.annotations, sizes.instances)
        ]
        for number, (samples, data, boxes, things) in enumerate(zip(*counts, strict=True)):
            (scene,) = self._tokens(1)
            used = self._tokens(len(_CHANNELS))
            calibrations += [
                self._calibration(token, sensor, channel)
                for token, sensor, channel in zip(used, sensors, _CHANNELS, strict=True)
            ]
            start = 1_532_402_927_000_000 + number * 100_000_000
            tokens = self._tokens(samples)
            self._chain("sample", tokens, [
                f'"timestamp": {start + n * _STEP},\n"scene_token": "{scene}"' for n in range(samples)
            ])  # fmt: skip
            self._add_data(data, start, tokens, used)
            self._add_boxes(boxes, things, tokens, categories, attribute)
            scenes.append(
                {
                    "token": scene, "log_token": log, "nbr_samples": samples,
                    "name": f"scene-{number + 1:04}", "description": "",
                    "first_sample_token": tokens[0], "last_sample_token": tokens[-1],
                }
            )  # fmt: skip
        for table in self._tables.values():
            table.close()
        self._small("scene", scenes)
        self._small("calibrated_sensor", calibrations)

    def _add_data(self, count: int, start: int, samples: list[str], calibrations: list[str]) -> None:
        """Keyframes of every sensor, and as many sweeps as their rates have it."""
        rates = np.array(list(_RATES.values()), dtype=float)
        bounds = np.round(np.concatenate([[0.0], np.cumsum(rates) / rates.sum()]) * count).astype(int)
        for channel, calibration, number in zip(_CHANNELS, calibrations, np.diff(bounds), strict=True):
            number = int(number)
            keys = set(np.round(np.linspace(0, number - 1, len(samples))).astype(int).tolist())
            camera, lidar = channel.startswith("CAM"), channel.startswith("LIDAR")
            form = "jpg" if camera else "pcd"
            suffix = "jpg" if camera else "pcd.bin" if lidar else "pcd"
            height, width = (900, 1600) if camera else (0, 0)
            step = (len(samples) - 1) * _STEP // max(1, number - 1)
            tokens, poses = self._tokens(number), self._tokens(number)
            numbers = self._rng.uniform(-1, 1, (number, 7)).tolist()
            self._tables["ego_pose"].add([
                f'{{\n"token": "{poses[n]}",\n"timestamp": {start + n * step},\n'
                f'"rotation": [\n{w},\n{x},\n{y},\n{z}\n],\n'
                f'"translation": [\n{1000 + 500 * i},\n{1000 + 500 * j},\n0.0\n]\n}}'
                for n, (w, x, y, z, i, j, _) in enumerate(numbers)
            ])  # fmt: skip
            self._chain("sample_data", tokens, [
                f'"sample_token": "{samples[min(len(samples) - 1, -(-n * step // _STEP))]}",\n'
                f'"ego_pose_token": "{poses[n]}",\n"calibrated_sensor_token": "{calibration}",\n'
                f'"timestamp": {start + n * step},\n"fileformat": "{form}",\n'
                f'"is_key_frame": {"true" if n in keys else "false"},\n'
                f'"height": {height},\n"width": {width},\n'
                f'"filename": "{"samples" if n in keys else "sweeps"}/{channel}/'
                f'n015-2018-07-24-11-22-45+0800__{channel}__{start + n * step}.{suffix}"'
                for n in range(number)
            ])  # fmt: skip

    def _add_boxes(
        self, count: int, things: int, samples: list[str], categories: list[str], attribute: str
    ) -> None:
        """Every object in as many keyframes as the others, from a random one on."""
        instances, records = self._tokens(things), []
        for thing, (instance, number) in enumerate(zip(instances, _shares(count, things), strict=True)):
            number = min(number, len(samples)) if thing + 1 < things else number
            tokens = self._tokens(number)
            first = int(self._rng.integers(0, max(1, len(samples) - number + 1)))
            numbers = self._rng.uniform(-1, 1, (number, 9)).tolist()
            self._chain("sample_annotation", tokens, [
                f'"sample_token": "{samples[(first + n) % len(samples)]}",\n"instance_token": "{instance}",\n'
                f'"visibility_token": "{1 + n % 4}",\n"attribute_tokens": [\n"{attribute}"\n],\n'
                f'"translation": [\n{1000 + 500 * i},\n{1000 + 500 * j},\n{k}\n],\n'
                f'"size": [\n{1.5 + a},\n{3.5 + b},\n1.7\n],\n"rotation": [\n{w},\n0.0,\n0.0,\n{z}\n],\n'
                f'"num_lidar_pts": {n},\n"num_radar_pts": 0'
                for n, (i, j, k, a, b, w, z, _, _) in enumerate(numbers)
            ])  # fmt: skip
            records.append(
                f'{{\n"token": "{instance}",\n"category_token": "{categories[thing % len(categories)]}",\n'
                f'"nbr_annotations": {number},\n"first_annotation_token": "{tokens[0]}",\n'
                f'"last_annotation_token": "{tokens[-1]}"\n}}'
            )
        self._tables["instance"].add(records)

    def _chain(self, table: str, tokens: list[str], fields: list[str]) -> None:
        """Records that know the one before and the one after."""
        linked = ["", *tokens, ""]
        self._tables[table].add([
            f'{{\n"token": "{token}",\n{text},\n"prev": "{linked[n]}",\n"next": "{linked[n + 2]}"\n}}'
            for n, (token, text) in enumerate(zip(tokens, fields, strict=True))
        ])  # fmt: skip

    def _calibration(self, token: str, sensor: str, channel: str) -> dict:
        camera = channel.startswith("CAM")
        return {
            "token": token, "sensor_token": sensor,
            "translation": [1.0, 0.0, 1.5], "rotation": [1.0, 0.0, 0.0, 0.0],
            "camera_intrinsic": [[1266.4, 0.0, 816.3], [0, 1266.4, 491.5], [0, 0, 1]] if camera else [],
        }  # fmt: skip

    def _tokens(self, count: int) -> list[str]:
        digits = self._rng.bytes(16 * count).hex()
        return [digits[n : n + 32] for n in range(0, len(digits), 32)]

    def _small(self, name: str, records: list[dict]) -> None:
        (self._folder / f"{name}.json").write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")


def _shares(total: int, parts: int) -> list[int]:
    """`total` in parts that differ by one at most."""
    return np.diff(np.round(np.linspace(0, total, parts + 1)).astype(int)).tolist()
