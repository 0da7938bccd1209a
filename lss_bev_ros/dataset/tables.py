"""The tables of nuScenes and of data sets like it (schema: nuscenes-devkit, docs/schema_nuscenes.md).

Only what this package uses is read: twelve tables and a few fields of each. Tables are streamed, tokens
become 16 bytes and numbers columns, so that v1.0-trainval, whose tables are gigabytes of JSON, takes less
than one while it is read. What is damaged is named with its table, record and field. What nothing here needs,
such as map masks or LiDAR labels, may be missing.
"""

from __future__ import annotations

import contextlib
import copy
import re
from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from ..geometry import CAMERA_NAMES
from .records import REMEDY, RecordRows, each_record, load_records, records_at
from .scene_index import CAMERA, LIDAR, SceneIndex, SensorRecord
from .units import MICROSECONDS, nanoseconds, unit_of

_KINDS = {"cam": CAMERA, "camera": CAMERA, "lidar": LIDAR}

_VISIBILITY = {
    "v0-40": 1,
    "v40-60": 2,
    "v60-80": 3,
    "v80-100": 4,  # nuScenes, MAN TruckScenes
    "none": 1,
    "partial": 2,
    "most": 3,
    "full": 4,  # T4
}

_FAR_NS = 60_000_000_000
"""A recording this far from the keyframe that it belongs to is stamped by another clock."""

_UNNAMED = "unnamed"
"""What a scene without a name is called."""

_MAX_INTERVAL = 1.5
"""Seconds between neighbouring annotations of an object from which nuscenes-devkit tells no velocity."""


class Tables:
    """The tables of a version.

    Attributes:
        scenes: names of the chosen scenes, in the order of scene.json.
        categories: names of all categories.
        notices: one line each on what was taken in another way than nuScenes has it.
    """

    def __init__(
        self, dataroot: Path, version: str, scenes: Sequence[str] = (), everything: bool = True
    ) -> None:
        """Read everything, or all but the three tables that grow with the sensors' rates and the objects.

        Args:
            dataroot: folder that holds the version folder.
            version: its name.
            scenes: the scenes to keep, all where none are named.
            everything: also `sample_data`, `ego_pose` and `sample_annotation`.

        Raises:
            DatasetError: a scene is unknown, or a table is missing, broken or inconsistent.
        """
        self._root = dataroot / version
        self._rows: dict[str, RecordRows] | None = None
        self.notices: list[str] = []
        self._read_scenes(scenes)
        self._read_samples()
        self._read_sensors()
        self._read_objects()
        if everything:
            self.read_large()

    def read_large(self) -> None:
        """Read what was left out.

        Raises:
            DatasetError: a table is missing, broken or inconsistent.
        """
        self._read_data()
        self._read_poses()
        self._read_annotations()

    @property
    def sample_tokens(self) -> tuple[str, ...]:
        """Tokens of all samples."""
        return self._sample_tokens

    @property
    def sample_scenes(self) -> np.ndarray:
        """(S,) int32 rows of `scenes`, -1 for samples of scenes that were not chosen."""
        return self._sample_scene

    @property
    def sensor_tokens(self) -> tuple[str, ...]:
        """Tokens of all calibrated sensors."""
        return tuple(self._calibration_row)

    @property
    def sensors_used(self) -> np.ndarray:
        """(C,) bool, which of `sensor_tokens` are cameras and LiDARs."""
        return np.array([token in self._calibrations for token in self._calibration_row], dtype=bool)

    @property
    def instance_tokens(self) -> tuple[str, ...]:
        """Tokens of all annotated objects."""
        return tuple(self._instances)

    @property
    def cameras(self) -> set[str]:
        """Names of all cameras that are calibrated."""
        return {entry.name for entry in self._calibrations.values() if entry.kind == CAMERA}

    @property
    def lidars(self) -> set[str]:
        """Channels of all LiDARs that are calibrated."""
        return {entry.channel for entry in self._calibrations.values() if entry.kind == LIDAR}

    def part(
        self, scene: int, sensors: Sequence[str], instances: Sequence[str], rows: dict[str, RecordRows]
    ) -> Tables:
        """What the large tables of one scene need of the others, with where its records are in them.

        Args:
            scene: row of `scenes`.
            sensors: tokens of the calibrated sensors that it uses.
            instances: tokens of its annotated objects.
            rows: table name to the scene's records, for the three large tables.
        """
        part = copy.copy(self)
        samples = np.flatnonzero(self._sample_scene == scene)
        part.scenes, part.notices, part._all = (self.scenes[scene],), [], False
        part._scene_row, part._location = {}, {part.scenes[0]: self._location[part.scenes[0]]}
        part._sample_tokens = tuple(self._sample_tokens[row] for row in samples)
        part._sample_row = {token: row for row, token in enumerate(part._sample_tokens)}
        part._sample_scene, part._sample_stamps = (
            np.zeros(len(samples), np.int32),
            self._sample_stamps[samples],
        )
        part._calibrations = {token: self._calibrations[token] for token in sensors}
        part._calibration_row = {token: row for row, token in enumerate(sensors)}
        part._instances = {token: self._instances[token] for token in instances}
        part._rows = rows
        return part

    def indices(self) -> Iterator[SceneIndex]:
        """The index of each chosen scene, in their order."""
        count, scene_of = len(self.scenes), self._sample_scene
        self._samples_of = grouped(scene_of, count)
        self._data_of = grouped(scene_of[self._data_sample], count)
        self._boxes_of = grouped(scene_of[self._box_sample], count)
        self._row_of = np.empty(len(scene_of), dtype=np.int32)
        lidars: dict[str, set[str]] = {}
        for scene, name in enumerate(self.scenes):
            yield self._index(scene, name, lidars)
        for chosen, others in lidars.items():
            if others or chosen != "LIDAR_TOP":
                rest = f", not {', '.join(sorted(others))}" if others else ""
                self.notices.append(f"LiDAR: {chosen} is used{rest}")

    # -- reading ------------------------------------------------------------------------------------

    def _path(self, table: str) -> Path:
        return self._root / f"{table}.json"

    def _records(self, table: str, needed: set[str], optional: bool = False) -> Iterator[tuple[int, dict]]:
        """Records with their numbers: all of the table, or the rows of a part."""
        if self._rows is None:
            return enumerate(each_record(self._path(table), needed, optional))
        return records_at(self._path(table), self._rows[table], needed)

    def _problem(self, table: str, number: int, text: str) -> DatasetError:
        return DatasetError(f"{self._path(table)}: record {number} {text}; {REMEDY}")

    def _dangling(self, table: str, number: int, field: str, target: str) -> DatasetError:
        for count, record in enumerate(each_record(self._path(table), {field})):
            if count == number:
                return self._problem(
                    table, number, f"has {field} {record[field]!r}, which is not in {target}.json"
                )
        raise AssertionError(f"{table} has no record {number}")

    def _numbers(self, table: str, number: int, record: dict, field: str, count: int) -> list[float]:
        values = record[field]
        try:
            if len(values) == count:
                return [float(value) for value in values]
        except (TypeError, ValueError):
            pass
        raise self._problem(table, number, f"has {field} {values!r}, which is not {count} numbers")

    def _time(self, table: str, number: int, record: dict) -> int | float:
        value = record["timestamp"]
        if isinstance(value, str):  # some writers quote every value
            with contextlib.suppress(ValueError):
                value = int(value) if value.strip().lstrip("-").isdigit() else float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e19:
            return value
        raise self._problem(table, number, f"has timestamp {value!r}, which is not a time")

    def _read_scenes(self, chosen: Sequence[str]) -> None:
        records = load_records(self._path("scene"), {"token", "name"})
        names = scene_names(records)
        given = [(name, _scene_name(record)) for name, record in zip(names, records, strict=True)]
        doubled = [name for name, told in given if told not in ("", name)]
        unnamed = [name for name, told in given if not told]
        for what, renamed in (
            ("names occur twice; the later ones", doubled),
            ("scenes without a name", unnamed),
        ):
            if renamed:
                self.notices.append(
                    f"scene.json: {what} are called {', '.join(renamed[:5])}"
                    + (", ..." if len(renamed) > 5 else "")
                )
        for name in chosen:
            if name not in names:
                raise DatasetError(unknown_scene(self._root, name, names))
        self.scenes = tuple(name for name in names if not chosen or name in chosen)
        rows = {name: row for row, name in enumerate(self.scenes)}
        self._scene_row = {
            str(record["token"]): rows.get(name, -1) for name, record in zip(names, records, strict=True)
        }
        places = {
            str(record["token"]): str(record.get("location") or "")
            for record in load_records(self._path("log"), {"token"}, optional=True)
        }
        self._location = {
            name: places.get(str(record.get("log_token")), "")
            for name, record in zip(names, records, strict=True)
        }
        self._all = len(self.scenes) == len(names)

    def _read_samples(self) -> None:
        self._sample_row: dict[str, int] = {}
        scene, stamps = array("i"), []
        for number, record in enumerate(
            each_record(self._path("sample"), {"token", "timestamp", "scene_token"})
        ):
            row = self._scene_row.get(str(record["scene_token"]))
            if row is None:
                raise self._dangling("sample", number, "scene_token", "scene")
            self._sample_row[str(record["token"])] = len(scene)
            scene.append(row)
            stamps.append(self._time("sample", number, record))
        self._sample_scene = np.array(scene, dtype=np.int32)
        self._sample_tokens = tuple(self._sample_row)
        raw = np.array(stamps, dtype=np.float64)
        runs = [np.diff(np.sort(raw[self._sample_scene == row])) for row in np.unique(self._sample_scene)]
        steps = np.concatenate(runs) if runs else np.empty(0)
        unit = unit_of(raw, float(np.median(steps)) if len(steps) else np.nan)
        self._note_unit("sample", unit)
        self._sample_stamps = nanoseconds(stamps, unit)

    def _note_unit(self, table: str, unit: str) -> None:
        if unit != MICROSECONDS:
            self.notices.append(
                f"{table}.json: time stamps are {unit}, not microseconds; they are read as such"
            )

    def _read_sensors(self) -> None:
        sensors = {}
        for record in load_records(self._path("sensor"), {"token", "channel", "modality"}):
            sensors[str(record["token"])] = (str(record["channel"]), sensor_kind(record))
        channels = [channel for channel, kind in sensors.values() if kind == CAMERA]
        frames = frame_names(channels)
        self._calibrations: dict[str, SensorRecord] = {}
        self._calibration_row: dict[str, int] = {}
        table = "calibrated_sensor"
        for number, record in enumerate(
            each_record(self._path(table), {"token", "sensor_token", "translation", "rotation"})
        ):
            token = str(record["token"])
            if str(record["sensor_token"]) not in sensors:
                raise self._dangling(table, number, "sensor_token", "sensor")
            channel, kind = sensors[str(record["sensor_token"])]
            self._calibration_row[token] = len(self._calibration_row)
            if kind is None:
                continue  # a radar or the like
            if kind == CAMERA and "camera_intrinsic" not in record:
                raise self._problem(table, number, "lacks the field 'camera_intrinsic'")
            intrinsics = record.get("camera_intrinsic") if kind == CAMERA else None
            try:
                matrix = tuple(tuple(float(value) for value in row) for row in intrinsics or ())
                distortion = tuple(float(value) for value in _field(record, "distortion", list) or ())
            except (TypeError, ValueError) as error:
                raise self._problem(table, number, f"is not a camera calibration ({error})") from None
            self._calibrations[token] = SensorRecord(
                token=token,
                name=frames[channel] if kind == CAMERA else frame_name(channel),
                kind=kind,
                channel=channel,
                translation=tuple(self._numbers(table, number, record, "translation", 3)),
                rotation=tuple(self._numbers(table, number, record, "rotation", 4)),
                intrinsics=matrix,
                distortion=distortion if kind == CAMERA else (),
                distortion_model=_field(record, "distortion", str) or "",
            )

    def _read_data(self) -> None:
        table = "sample_data"
        needed = {"sample_token", "ego_pose_token", "calibrated_sensor_token"}
        needed |= {"timestamp", "is_key_frame", "filename"}
        used = {token: self._calibration_row[token] for token in self._calibrations}
        number_of, sample, calibration, size = array("q"), array("i"), array("i"), array("i")
        key, ego, files, ends = bytearray(), bytearray(), bytearray(), array("q", [0])
        stamps: list[int | float] = []
        for number, record in self._records(table, needed):
            row = self._sample_row.get(str(record["sample_token"]))
            if row is None:
                raise self._dangling(table, number, "sample_token", "sample")
            place = used.get(str(record["calibrated_sensor_token"]))
            if place is None:
                if str(record["calibrated_sensor_token"]) not in self._calibration_row:
                    raise self._dangling(table, number, "calibrated_sensor_token", "calibrated_sensor")
                continue
            if self._sample_scene[row] < 0 or record.get("is_valid") is False:  # the latter is T4's
                continue
            stamps.append(self._time(table, number, record))
            number_of.append(number)
            sample.append(row)
            calibration.append(place)
            size.extend((self._size(record, "width"), self._size(record, "height")))
            key.append(self._flag(table, number, record, "is_key_frame"))
            ego += digest(str(record["ego_pose_token"]))
            if not isinstance(record["filename"], str):
                raise self._problem(
                    table, number, f"has filename {record['filename']!r}, which is not a string"
                )
            files += record["filename"].replace("\\", "/").encode()
            ends.append(len(files))
        self._data_number = np.array(number_of, dtype=np.int64)
        self._data_sample = np.array(sample, dtype=np.int32)
        self._data_calibration = np.array(calibration, dtype=np.int32)
        self._data_size = np.array(size, dtype=np.int32).reshape(-1, 2)
        self._data_key = np.frombuffer(key, np.bool_)
        self._data_ego = np.frombuffer(ego, "S16")
        self._files, self._file_ends = files, np.array(ends, dtype=np.int64)
        self._data_stamps = self._data_times(stamps)

    @staticmethod
    def _size(record: dict, field: str) -> int:
        value = record.get(field)
        return int(value) if isinstance(value, (int, float)) and 0 < value < 1 << 30 else 0

    def _flag(self, table: str, number: int, record: dict, field: str) -> bool:
        value = record[field]
        known = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
        if known is None:
            raise self._problem(table, number, f"has {field} {value!r}, which is neither true nor false")
        return known

    def _data_times(self, stamps: list[int | float]) -> np.ndarray:
        """Nanoseconds of sample_data.json: in the unit that brings recordings nearest to their keyframes."""
        raw = np.array(stamps, dtype=np.float64)
        if not len(raw):
            return np.empty(0, dtype=np.int64)
        wanted = self._sample_stamps[self._data_sample].astype(np.float64)
        distance = {
            unit: float(np.median(np.abs(raw * scale - wanted)))
            for unit, scale in (
                (MICROSECONDS, 1e3),
                ("nanoseconds", 1.0),
                ("milliseconds", 1e6),
                ("seconds", 1e9),
            )
        }
        unit = min(distance, key=distance.__getitem__)
        if distance[unit] > _FAR_NS:
            raise DatasetError(
                f"{self._path('sample_data')}: time stamps lie {distance[unit] / 1e9:.0f} s from those of "
                f"their keyframes in sample.json; write both in microseconds of one clock"
            )
        self._note_unit("sample_data", unit)
        return nanoseconds(stamps, unit)

    def _read_poses(self) -> None:
        table = "ego_pose"
        wanted = None if self._all else set(self._data_ego.tolist())
        tokens, values = bytearray(), array("d")
        for number, record in self._records(table, {"token", "translation", "rotation"}):
            token = digest(str(record["token"]))
            # numpy's strings have no zeros at their end
            if wanted is not None and token.rstrip(b"\0") not in wanted:
                continue
            tokens += token
            values.extend(self._numbers(table, number, record, "translation", 3))
            values.extend(self._numbers(table, number, record, "rotation", 4))
        place = _find(np.frombuffer(tokens, "S16"), self._data_ego)
        lost = np.flatnonzero(place < 0)
        if len(lost):
            number = int(self._data_number[lost[0]])
            raise self._dangling("sample_data", number, "ego_pose_token", "ego_pose")
        self._ego = np.frombuffer(values, dtype=np.float64).reshape(-1, 7)
        self._data_pose = place

    def _read_objects(self) -> None:
        names = {
            str(record["token"]): str(record["name"])
            for record in load_records(self._path("category"), {"token", "name"}, optional=True)
        }
        self.categories: tuple[str, ...] = tuple(dict.fromkeys(names.values()))
        self._instances: dict[str, str] = {}
        for number, record in enumerate(
            each_record(self._path("instance"), {"token", "category_token"}, optional=True)
        ):
            if str(record["category_token"]) not in names:
                raise self._dangling("instance", number, "category_token", "category")
            self._instances[str(record["token"])] = names[str(record["category_token"])]
        self._attributes = {
            str(record["token"]): str(record["name"])
            for record in load_records(self._path("attribute"), {"token", "name"}, optional=True)
        }
        self._levels = {
            str(record["token"]): _VISIBILITY.get(str(record.get("level", "")), _numbered(record["token"]))
            for record in load_records(self._path("visibility"), {"token"}, optional=True)
        }

    def _read_annotations(self) -> None:
        table, instances, levels = "sample_annotation", self._instances, self._levels
        needed = {
            "token",
            "sample_token",
            "instance_token",
            "translation",
            "size",
            "rotation",
            "prev",
            "next",
        }
        sample, counts, numbers = array("i"), array("i"), array("d")
        tokens, before, after = bytearray(), bytearray(), bytearray()
        self._box_instance: list[str] = []
        self._box_category: list[str] = []
        self._box_attribute: list[str] = []
        for number, record in self._records(table, needed, optional=True):
            row = self._sample_row.get(str(record["sample_token"]))
            if row is None:
                raise self._dangling(table, number, "sample_token", "sample")
            instance = str(record["instance_token"])
            if instance not in instances:
                raise self._dangling(table, number, "instance_token", "instance")
            sample.append(row)
            self._box_instance.append(instance)
            self._box_category.append(instances[instance])
            given = record.get("attribute_tokens")
            named = (self._attributes.get(str(each), "") for each in given) if isinstance(given, list) else ()
            self._box_attribute.append(next(filter(None, named), ""))
            for field, count in (("translation", 3), ("size", 3), ("rotation", 4)):
                numbers.extend(self._numbers(table, number, record, field, count))
            tokens += digest(str(record["token"]))
            before += digest(str(record.get("prev") or ""))
            after += digest(str(record.get("next") or ""))
            visibility = record.get("visibility_token")
            counts.append(levels.get(str(visibility), _numbered(visibility)))
            counts.append(_counted(record.get("num_lidar_pts"), -1))
            counts.append(_counted(record.get("num_radar_pts"), 0))
        self._box_sample = np.array(sample, dtype=np.int32)
        self._box_counts = np.array(counts, dtype=np.int32).reshape(-1, 3)
        self._boxes = np.empty((len(sample), 13))
        self._boxes[:, :10] = np.frombuffer(numbers, dtype=np.float64).reshape(-1, 10)
        del numbers
        known = np.frombuffer(tokens, "S16")
        neighbours = []
        for field, tokens_of in (("prev", before), ("next", after)):
            asked = np.frombuffer(tokens_of, "S16")
            place = _find(known, asked)
            lost = np.flatnonzero((place < 0) & (asked != _NOTHING))
            if len(lost):
                raise self._dangling(table, int(lost[0]), field, table)
            neighbours.append(place)
        self._boxes[:, 10:] = self._velocities(self._boxes[:, :3], *neighbours)

    def _velocities(self, centers: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """(B, 3) m/s in map, NaN where unknown: as nuscenes-devkit's `NuScenes.box_velocity`."""
        itself = np.arange(len(centers))
        first, last = np.where(before < 0, itself, before), np.where(after < 0, itself, after)
        # seconds as the devkit computes them, for the same last digits
        seconds = 1e-6 * (self._sample_stamps / 1000)[self._box_sample] if len(centers) else np.empty(0)
        elapsed = seconds[last] - seconds[first]
        longest = np.where((before >= 0) & (after >= 0), 2 * _MAX_INTERVAL, _MAX_INTERVAL)
        with np.errstate(divide="ignore", invalid="ignore"):
            velocity = (centers[last] - centers[first]) / elapsed[:, None]
        velocity[(first == last) | (elapsed > longest)] = np.nan
        velocity[~np.isfinite(velocity)] = np.nan
        return velocity

    # -- one scene ----------------------------------------------------------------------------------

    def _index(self, scene: int, name: str, lidars: dict[str, set[str]]) -> SceneIndex:
        samples = self._samples_of[scene]
        samples = samples[np.argsort(self._sample_stamps[samples], kind="stable")]
        row_of = self._row_of
        row_of[samples] = np.arange(len(samples))
        rows = self._data_of[scene]
        by_place = {self._calibration_row[token]: entry for token, entry in self._calibrations.items()}
        present = [by_place[place] for place in np.unique(self._data_calibration[rows])]
        lidar = choose_lidar([entry.channel for entry in present if entry.kind == LIDAR])
        if lidar is not None:
            others = {e.channel for e in present if e.kind == LIDAR and e.channel != lidar}
            lidars.setdefault(lidar, set()).update(others)
        kept = [place for place, entry in by_place.items() if entry.kind == CAMERA or entry.channel == lidar]
        rows = rows[np.isin(self._data_calibration[rows], kept)]
        rows = rows[np.argsort(self._data_stamps[rows], kind="stable")]
        places, calibration = np.unique(self._data_calibration[rows], return_inverse=True)

        boxes = self._boxes_of[scene]
        boxes = boxes[np.argsort(row_of[self._box_sample[boxes]], kind="stable")]
        ends = self._file_ends
        return SceneIndex(
            name=name,
            calibrations=tuple(by_place[place] for place in places),
            stamps=self._data_stamps[rows],
            files=tuple(self._files[ends[row] : ends[row + 1]].decode() for row in rows),
            sizes=self._data_size[rows],
            calibration=calibration.astype(np.int32).reshape(-1),
            sample=row_of[self._data_sample[rows]],
            is_key=self._data_key[rows],
            ego=self._ego[self._data_pose[rows]],
            sample_tokens=tuple(self._sample_tokens[row] for row in samples),
            sample_stamps=self._sample_stamps[samples],
            box_sample=row_of[self._box_sample[boxes]],
            boxes=self._boxes[boxes],
            box_category=tuple(self._box_category[row] for row in boxes),
            box_instance=tuple(self._box_instance[row] for row in boxes),
            box_counts=self._box_counts[boxes],
            box_attribute=tuple(self._box_attribute[row] for row in boxes),
            location=self._location[name],
        )


def digest(token: str) -> bytes:
    """16 bytes of a token: nuScenes' own, of 32 hexadecimal digits, as they are, others hashed."""
    if len(token) == 32:
        try:
            return bytes.fromhex(token)
        except ValueError:
            pass
    return blake2b(token.encode(), digest_size=16).digest()


def grouped(keys: np.ndarray, count: int) -> list[np.ndarray]:
    """Rows of `keys` that are 0, those that are 1, and so on below `count`."""
    order = np.argsort(keys, kind="stable")
    bounds = np.searchsorted(keys[order], np.arange(count + 1))
    return [order[bounds[n] : bounds[n + 1]] for n in range(count)]


_NOTHING = np.frombuffer(digest(""), "S16")[0]


def _find(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Rows of `known` that hold what is `asked`, -1 where none does."""
    if not len(known):
        return np.full(len(asked), -1, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)]
    return np.where(known[place] == asked, place, -1)


def _field(record: dict, word: str, kind: type):
    """The value of a kind whose field has `word` in its name, such as T4's `camera_distortion`."""
    return next((value for name, value in record.items() if word in name and isinstance(value, kind)), None)


def _counted(points: object, unknown: int) -> int:
    if isinstance(points, (int, float)) and abs(points) < 1 << 31:  # which is false of NaN
        return max(unknown, int(points))
    return unknown


def _numbered(token: object) -> int:
    return int(str(token)) if str(token) in ("1", "2", "3", "4") else 0


def sensor_kind(record: dict) -> str | None:
    """What a record of sensor.json is: `camera`, `lidar` or None for anything else."""
    return _KINDS.get(str(record["modality"]).lower())


def frame_name(channel: str) -> str:
    """A channel as frame and topic name: `CAM_FRONT` is cam_front."""
    name = re.sub(r"[^a-z0-9_]+", "_", channel.lower()).strip("_")
    name = re.sub(r"__+", "_", name)
    return name if name[:1].isalpha() else f"sensor_{name}".rstrip("_")


def frame_names(channels: Sequence[str]) -> dict[str, str]:
    """Names of camera channels, no two alike."""
    names: dict[str, str] = {}
    for channel in dict.fromkeys(channels):
        names[channel] = _free(frame_name(channel), names.values())
    return names


def camera_order(name: str) -> tuple[int, str]:
    """Sorts cameras: the six of nuScenes in the order of Lift-Splat-Shoot, then others by name."""
    return (CAMERA_NAMES.index(name), "") if name in CAMERA_NAMES else (len(CAMERA_NAMES), name)


def choose_lidar(channels: Sequence[str]) -> str | None:
    """The channel of the LiDAR that is used: LIDAR_TOP, else one of all joined, else the topmost by name."""

    def rank(channel: str) -> tuple[bool, bool, bool, str]:
        name = channel.upper()
        return (name != "LIDAR_TOP", "CONCAT" not in name, "TOP" not in name, name)

    return min(channels, key=rank, default=None)


def scene_names(records: Sequence[dict]) -> tuple[str, ...]:
    """Names of the records of scene.json; one that occurred before gets a number behind it."""
    names: dict[str, None] = {}
    given = {_scene_name(record) for record in records}
    for record in records:
        name = _scene_name(record) or _UNNAMED
        names[name if name not in names else _free(name, {*names, *given})] = None
    return tuple(names)


def _scene_name(record: dict) -> str:
    """Empty where it has none."""
    name = "" if record["name"] is None else str(record["name"])
    return name if name.strip() else ""


def _free(name: str, taken) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def unknown_scene(tables: Path, scene: str, names: Sequence[str]) -> str:
    """The message for a scene that is not there."""
    shown = ", ".join(names[:10]) + (f", ... ({len(names)} in total)" if len(names) > 10 else "")
    return f"{tables}: no scene {scene!r}; it has {shown or 'none'}"
