"""A bag of one's own car as a data set in nuScenes' format, without annotations."""

from __future__ import annotations

import bisect
import datetime
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import cv2
import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from pipros.bag import Bag

from .. import images, messages
from ..dataset.keyframes import keyframes, nearest, spans
from ..dataset.recorded_tables import DriveFile, RecordedTables
from ..errors import GeometryError, PictureError, RosError
from ..files import replacing, write_json
from ..geometry import Pose
from ..nodes.doctor_source import header_stamp
from .car import Car, RecordedMounting, Warn, decoded
from .remainder import remainder
from .sensors import CameraTopics, Sensors, find_sensors
from .trail import Trail

LIDAR = "LIDAR_TOP"
"""Channel of the scans: what nuscenes-devkit asks for by name."""

REPORT = "import.json"
"""What was made of what, in the data set's folder."""

_BACK = 1_000_000_000
"""Nanoseconds by which a stamp may go back on a network that loses the order. Beyond, a clock was set."""

_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WebP": "webp"}


@dataclass(frozen=True)
class ImportOptions:
    """How a bag is read.

    Attributes:
        namespace: of the car, where there are several; None for the only one.
        cameras: name of a camera to the topic of its images; by default every camera with a camera_info.
        lidar: topic of the clouds; by default the only one.
        odometry: topic of nav_msgs/Odometry; by default transforms are taken, then the only one.
        base_frame: of the car; by default base_link.
        fixed_frame: the frame that stands still; by default odom, or map.
        tolerance: seconds between a keyframe and its images, at most.
        gap: seconds without a scan after which another scene begins.
        sweeps: whether what is between keyframes is kept.
        rectified: whether images are rectified, see `messages.read_camera_info`.
        camera_frames: how camera frames are read, see there.
        version: name of the folder with the tables.
    """

    namespace: str | None = None
    cameras: Mapping[str, str] = field(default_factory=dict)
    lidar: str = ""
    odometry: str = ""
    base_frame: str = ""
    fixed_frame: str = ""
    tolerance: float = 0.1
    gap: float = 1.0
    sweeps: bool = True
    rectified: bool | None = None
    camera_frames: str = "auto"
    version: str = "v1.0-mini"

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 0.25:
            raise RosError(
                f"tolerance {self.tolerance} must be above 0 and below 0.25 s, half a keyframe's time"
            )
        if not self.gap > 0:
            raise RosError(f"gap {self.gap} must be above 0 s")
        if not self.version.startswith("v") or "/" in self.version:
            raise RosError(f"version must be a folder name such as v1.0-mini, not {self.version!r}")


@dataclass
class Imported:
    """What was made.

    Attributes:
        root: the data set.
        scenes: name to its number of keyframes.
        seconds: from the first keyframe to the last of each scene, together.
        images: how many.
        scans: how many.
        cameras: name to the topic of its images.
        way: what told where the car is.
        notes: what was chosen, and what is wrong, one line each.
        left_out: why and how often a recording was left out.
    """

    root: Path
    scenes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    images: int = 0
    scans: int = 0
    cameras: dict[str, str] = field(default_factory=dict)
    way: str = ""
    notes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def report(self, bag: Path) -> dict[str, object]:
        """As JSON has it."""
        told = {name: value for name, value in vars(self).items() if name != "root"}
        return {"bag": str(bag), **told, "left_out": dict(self.left_out)}


def import_bag(
    path: Path,
    out: Path,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Make a data set of a bag: whole, or not at all.

    Keyframes are scans half a second apart, each with the image of every camera that is nearest in time;
    what is between is kept as sweeps. JPEG, PNG and WebP stay as they are, raw images become PNG. A camera's
    lens is kept in its calibration, so that whoever reads the data set straightens its images as the node
    does.

    Args:
        path: bag folder, .mcap or .db3 file.
        out: folder to make.
        options: how it is read.
        progress: told how many of how many messages are written.

    Raises:
        RosError: `out` is there already; the bag lacks what is needed, or its times make no sense; the disk
            is full.
        PiprosError: no bag, or a damaged one.
    """
    options = options or ImportOptions()
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RosError(f"{out} already exists; import to another folder or remove it")
    with Bag(path) as bag:
        with remainder(bag):
            sensors = find_sensors(bag, options.namespace, options.cameras, options.lidar, options.odometry)
            made = Imported(out, notes=[*sensors.notes])
            told = Warn(made.notes.append)
            made.notes += [f"the bag was not ended by its recorder: {path}"] * (not bag.complete)
            drive = _Drive(bag, sensors, options, told)
            made.way = drive.trail.source
            plan = drive.plan(made)
        with replacing(out, RosError, "free the space or choose another folder") as partial:
            _Writer(partial, bag, sensors, options, drive, plan, made).write(progress)
            made.notes += [f"lost: {line}" for line in bag.lost]
            write_json(partial / REPORT, made.report(path), RosError)
    return made


@dataclass(frozen=True)
class _Use:
    """What becomes of one message: scene, nanoseconds, and microseconds of the keyframe that it is of."""

    scene: int
    stamp: int
    key: int | None

    @property
    def micros(self) -> int:
        return _micros(self.stamp)


class _Uses:
    """What becomes of the messages of a topic: a few bytes for each, since a day of driving has millions.

    Args:
        stamps: of all of them, in the order of the bag.
    """

    def __init__(self, stamps: np.ndarray) -> None:
        self._stamps = stamps
        self._scenes = np.full(len(stamps), -1, np.int32)
        self._keys = np.full(len(stamps), -1, np.int64)

    @property
    def count(self) -> int:
        """Messages that are used."""
        return int((self._scenes >= 0).sum())

    @property
    def keys(self) -> int:
        """Messages that belong to a keyframe."""
        return int((self._keys >= 0).sum())

    def keep(self, rows: np.ndarray, scene: int) -> None:
        """Use messages in a scene, unless they are used in one before."""
        self._scenes[rows[self._scenes[rows] < 0]] = scene

    def keep_keys(self, rows: np.ndarray, scene: int, keys: np.ndarray) -> None:
        """Use messages for keyframes of a scene."""
        self._scenes[rows], self._keys[rows] = scene, keys

    def of(self, row: int) -> _Use | None:
        """What becomes of the message of a number."""
        if row >= len(self._scenes) or self._scenes[row] < 0:
            return None
        key = int(self._keys[row])
        return _Use(int(self._scenes[row]), int(self._stamps[row]), key if key >= 0 else None)


@dataclass(eq=False)
class _Plan:
    """What becomes of all messages.

    Attributes:
        uses: topic to what becomes of its messages.
        keys: microseconds of the keyframes of each scene.
    """

    uses: dict[str, _Uses] = field(default_factory=dict)
    keys: list[list[int]] = field(default_factory=list)


class _Drive:
    """What a first look at a bag tells: every time, every calibration, and the way of the car."""

    def __init__(self, bag: Bag, sensors: Sensors, options: ImportOptions, warn: Warn) -> None:
        self._bag, self._sensors, self._options, self._warn = bag, sensors, options, warn
        self.infos: dict[str, list[tuple[int, Any]]] = {}
        self.stamps = self._read()
        car = Car(sensors.namespace, sensors.transforms)
        self.mounting = RecordedMounting(
            bag, car, warn, options.base_frame, options.rectified, options.camera_frames
        )
        self._check_placed()
        self.trail = Trail(bag, sensors, self.mounting, warn, options.fixed_frame, bool(options.odometry))

    def _read(self) -> dict[str, np.ndarray]:
        """Stamps of images and scans by topic, in the order of the bag; calibrations where they change."""
        timed = {camera.image for camera in self._sensors.cameras} | {self._sensors.lidar}
        infos = {camera.info for camera in self._sensors.cameras}
        stamps, received = ({topic: array("q") for topic in timed} for _ in range(2))
        known: dict[str, bytes] = {}
        for topic, time, data in self._bag.messages({*timed, *infos}):
            if topic in timed:
                stamps[topic].append(header_stamp(data))
                received[topic].append(time)
            elif known.get(topic) != data[12:]:
                known[topic] = data[12:]
                try:
                    message = deserialize_message(data, CameraInfo)
                except Exception as error:  # each ROS has an error of its own for it
                    self._warn(f"a message of {topic} cannot be decoded: {error}")
                else:
                    stamp = messages.from_stamp(message.header.stamp) or time
                    self.infos.setdefault(topic, []).append((stamp, message))
        for each in self.infos.values():
            each.sort(key=lambda info: info[0])
        return {topic: self._checked(topic, stamps[topic], received[topic]) for topic in timed}

    def _checked(self, topic: str, stamps: array[int], received: array[int]) -> np.ndarray:
        """Stamps as they are used.

        Raises:
            RosError: a clock was set while they were given.
        """
        found, came = np.array(stamps, np.int64), np.array(received, np.int64)
        if (found == 0).any():
            self._warn(
                f"{topic}: stamps are 0, so the times at which the bag received it are taken: set the driver "
                f"to stamp its messages"
            )
            found = came if (found == 0).mean() > 0.5 else np.where(found == 0, came, found)
        back = np.diff(found)
        if len(back) and back.min() < -_BACK:
            row = int(back.argmin())
            seconds = (received[row + 1] - self._bag.start) / 1e9
            raise RosError(
                f"bag {self._bag.path}: stamps of {topic} go back by {-back[row] / 1e9:.1f} s, "
                f"{seconds:.1f} s after its start: a clock was set while it was recorded, or it was played "
                f"twice; cut the bag there (ros2 bag convert) and import the parts"
            )
        if (back < 0).any():
            self._warn(f"{topic}: {int((back < 0).sum())} messages came out of order and are put in order")
        return found

    def _check_placed(self) -> None:
        """Leave out cameras without a place, and refuse where none has one, or the LiDAR has none."""
        start = int(min((each.min() for each in self.stamps.values() if len(each)), default=0))
        placed = []
        for camera in self._sensors.cameras:
            info = self.info(camera, start)
            if self.mounting.camera(camera.name, info, start) is not None:
                placed.append(camera)
        if not placed:
            why = self._warn.lines[-1] if self._warn.lines else "it has no camera_info"
            raise RosError(f"bag {self._bag.path}: no camera can be placed on the car; {why}")
        self.cameras = tuple(placed)
        frame = next(
            (message.header.frame_id for _, message in decoded(self._bag, [self._sensors.lidar], self._warn)),
            "",
        )
        if self.mounting.pose(frame, start, self._sensors.lidar) is None:
            raise RosError(
                f"bag {self._bag.path}: the LiDAR cannot be placed on the car; {self._warn.lines[-1]}"
            )

    def info(self, camera: CameraTopics, stamp: int) -> Any:
        """The calibration that holds at a stamp; None where there is none."""
        known = self.infos.get(camera.info, [])
        place = bisect.bisect_right(known, stamp, key=lambda each: each[0])
        return known[max(place - 1, 0)][1] if known else None

    def plan(self, made: Imported) -> _Plan:
        """Decide what becomes of each message; what is left out is counted.

        Raises:
            RosError: there is no keyframe.
        """
        options, plan = self._options, _Plan()
        lidar = self._sensors.lidar
        scans = self._usable(lidar, made)
        shots = {camera: self._usable(camera.image, made) for camera in self.cameras}
        stamps = self.stamps[lidar][scans]
        jumps = self.trail.jumps(stamps)
        for row in jumps:
            self._warn(
                f"the car's pose jumps {(stamps[row] - stamps[0]) / 1e9:.1f} s after the first scan, so "
                f"another scene begins there: a continuous frame (REP 105, odom) does not jump"
            )
        reach = round(options.tolerance * 1e9)
        plan.uses = {topic: _Uses(self.stamps[topic]) for topic in (lidar, *(each.image for each in shots))}
        times = {camera: self.stamps[camera.image][rows] for camera, rows in shots.items()}
        for span in spans(stamps, round(options.gap * 1e9), jumps):
            of_scene = stamps[span]
            keys = keyframes(of_scene)
            near = {
                camera: slice(*np.searchsorted(each, (of_scene[0] - reach, of_scene[-1] + reach + 1)))
                for camera, each in times.items()
            }
            chosen = {camera: nearest(times[camera][near[camera]], of_scene[keys], reach) for camera in shots}
            seen = np.stack([rows >= 0 for rows in chosen.values()]).any(0)
            if not seen.any():
                made.left_out[f"{lidar}: no image within {options.tolerance:g} s of a scan"] += len(of_scene)
                continue
            scene = len(plan.keys)
            micros = _micros(of_scene[keys])
            plan.keys.append(micros[seen].tolist())
            plan.uses[lidar].keep_keys(scans[span][keys[seen]], scene, micros[seen])
            if options.sweeps:
                plan.uses[lidar].keep(scans[span], scene)
            for camera, rows in shots.items():
                mine, uses, found = rows[near[camera]], plan.uses[camera.image], chosen[camera]
                uses.keep_keys(mine[found[found >= 0]], scene, micros[found >= 0])
                if options.sweeps:
                    uses.keep(mine, scene)
        self._check(plan, shots, made)
        return plan

    def _usable(self, topic: str, made: Imported) -> np.ndarray:
        """Numbers of the messages of a topic whose place and time are known, in the order of their stamps."""
        stamps = self.stamps[topic]
        order = np.argsort(stamps, kind="stable")
        fresh = np.diff(stamps[order] // 1000, prepend=-1) > 0
        if not fresh.all():
            made.left_out[f"{topic}: the same stamp as the message before"] += int((~fresh).sum())
        order = order[fresh]
        known = self.trail.known(stamps[order])
        if not known.all():
            made.left_out[f"{topic}: nothing tells where the car was then"] += int((~known).sum())
        return order[known]

    def _check(self, plan: _Plan, shots: Mapping[CameraTopics, np.ndarray], made: Imported) -> None:
        total = sum(map(len, plan.keys))
        for camera, rows in shots.items():
            keys = plan.uses[camera.image].keys
            if keys >= total or not total:
                continue
            stamps = self.stamps[camera.image]
            seconds = (stamps.max() - stamps.min()) / 1e9 if len(stamps) > 1 else 0.0
            rate = f"{(len(stamps) - 1) / seconds:.1f} Hz" if seconds else "one image"
            if not keys and len(rows):
                some = stamps[:: max(1, len(stamps) // 64)]
                apart = np.abs(self.stamps[self._sensors.lidar][:, None] - some).min()
                self._warn(
                    f"{camera.name}: none of its {len(rows)} images is within {self._options.tolerance:g} s "
                    f"of a scan, the nearest is {apart / 1e9:.3g} s away: synchronise its clock (PTP)"
                )
            else:
                self._warn(
                    f"{camera.name}: {total - keys} of {total} keyframes have no image of it within "
                    f"{self._options.tolerance:g} s ({rate})"
                )
        if not total:
            lines = "; ".join(self._warn.lines[-3:]) or "; ".join(made.left_out) or "it has no scans"
            raise RosError(f"bag {self._bag.path} has no keyframe, a scan with an image at its time: {lines}")


class _Kept(Sequence[DriveFile]):
    """The files of one sensor in a scene: some hundred bytes for each, since a day of driving has millions.

    Args:
        channel: nuScenes channel.
        log: what their names begin with.
    """

    def __init__(self, channel: str, log: str) -> None:
        self._channel, self._log = channel, log
        self._micros, self._keys = array("q"), array("q")
        self._egos = array("d")
        self._kind = array("i")
        self._kinds: list[tuple[str, str, tuple[int, int]]] = []
        self._order: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._micros)

    @overload
    def __getitem__(self, place: int) -> DriveFile: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[DriveFile]: ...
    def __getitem__(self, place: int | slice) -> DriveFile | Sequence[DriveFile]:
        """In the order of their times."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if self._order is None:
            self._order = np.argsort(np.array(self._micros), kind="stable")
        row = int(self._order[place])
        micros, key = self._micros[row], self._keys[row]
        suffix, calibration, size = self._kinds[self._kind[row]]
        ego = np.array(self._egos[12 * row : 12 * row + 12])
        return DriveFile(
            self._channel,
            micros,
            None if key < 0 else key,
            self.name(micros, key >= 0, suffix),
            Pose(ego[:9].reshape(3, 3), ego[9:]),
            calibration,
            size,
        )

    @property
    def keys(self) -> set[int]:
        """Microseconds of the keyframes that have a file."""
        return {key for key in self._keys if key >= 0}

    def name(self, micros: int, is_key: bool, suffix: str) -> str:
        """Of a file, relative to the data set."""
        folder = "samples" if is_key else "sweeps"
        return f"{folder}/{self._channel}/{self._log}__{self._channel}__{micros}.{suffix}"

    def add(self, use: _Use, suffix: str, calibration: str, size: tuple[int, int], ego: Pose) -> None:
        """Take a file."""
        kind = suffix, calibration, size
        if kind not in self._kinds:
            self._kinds.append(kind)
        self._kind.append(self._kinds.index(kind))
        self._micros.append(use.micros)
        self._keys.append(-1 if use.key is None else use.key)
        self._egos.extend((*ego.rotation.ravel(), *ego.translation))
        self._order = None


class _Writer:
    """A second look at a bag, which writes what was decided."""

    def __init__(
        self,
        root: Path,
        bag: Bag,
        sensors: Sensors,
        options: ImportOptions,
        drive: _Drive,
        plan: _Plan,
        made: Imported,
    ) -> None:
        self._root, self._bag, self._sensors, self._options = root, bag, sensors, options
        self._drive, self._plan, self._made = drive, plan, made
        self._log = Path(bag.path).stem or "bag"
        self._tables = RecordedTables(f"{self._log}-{bag.start}")
        self._cameras = {camera.image: camera for camera in drive.cameras}
        self._files: list[dict[str, _Kept]] = [{} for _ in plan.keys]

    def write(self, progress: Callable[[int, int], None]) -> None:
        """Write files and tables."""
        for channel in (*(camera.name.upper() for camera in self._drive.cameras), LIDAR):
            for folder in ("samples", "sweeps"):
                (self._root / folder / channel).mkdir(parents=True)
        static = self._sensors.transforms.get("tf_static")
        numbers: Counter[str] = Counter()
        done, total = 0, sum(uses.count for uses in self._plan.uses.values())
        wanted = [*self._cameras, self._sensors.lidar, *([static] if static else ())]
        for topic, _, data in self._bag.messages(wanted):
            if topic == static:
                self._mount(data)
                continue
            use = self._plan.uses[topic].of(numbers[topic])
            numbers[topic] += 1
            if use is None:
                continue
            try:
                if topic in self._cameras:
                    self._image(topic, use, data)
                else:
                    self._scan(use, data)
            except (GeometryError, PictureError) as error:
                self._leave_out(topic, error)
            except Exception as error:  # each ROS has an error of its own for what cannot be decoded
                if isinstance(error, (OSError, RosError)):
                    raise
                self._leave_out(topic, f"a message cannot be decoded ({type(error).__name__})")
            done += 1
            progress(done, total)
        self._tell_tables()

    def _mount(self, data: bytes) -> None:
        self._drive.mounting.take(deserialize_message(data, TFMessage).transforms, is_static=True)

    def _image(self, topic: str, use: _Use, data: bytes) -> None:
        source = self._cameras[topic]
        message = deserialize_message(data, CompressedImage if source.compressed else Image)
        picture = messages.picture(message)
        if isinstance(picture, bytes):
            header = images.inspect(picture)
            encoded, suffix, size = picture, _SUFFIXES[header.kind], (header.width, header.height)
        else:
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
            suffix, size = "png", (bgr.shape[1], bgr.shape[0])
        camera = self._drive.mounting.camera(source.name, self._drive.info(source, use.stamp), use.stamp)
        if camera is None:
            self._leave_out(topic, "nothing tells where it is mounted then")
            return
        if size != (camera.width, camera.height):
            raise GeometryError(
                f"{source.name}: images are {size[0]}x{size[1]}, but its calibration is for "
                f"{camera.width}x{camera.height}"
            )
        calibration = self._tables.calibrated(source.name.upper(), camera)
        self._made.images += 1
        self._made.cameras[source.name] = topic
        self._keep(source.name.upper(), use, encoded, suffix, calibration, size)

    def _scan(self, use: _Use, data: bytes) -> None:
        message = deserialize_message(data, PointCloud2)
        topic = self._sensors.lidar
        points = messages.points_from_cloud(message)
        if not len(points):
            self._leave_out(topic, "no point of the cloud is a return")
            return
        pose = self._drive.mounting.pose(message.header.frame_id, use.stamp, topic)
        if pose is None:
            self._leave_out(topic, "nothing tells where it is mounted then")
            return
        self._made.scans += 1
        calibration = self._tables.calibrated(LIDAR, pose)
        self._keep(LIDAR, use, points.astype("<f4").tobytes(), "pcd.bin", calibration, (0, 0))

    def _keep(
        self, channel: str, use: _Use, content: bytes, suffix: str, calibration: str, size: tuple[int, int]
    ) -> None:
        kept = self._files[use.scene].setdefault(channel, _Kept(channel, self._log))
        ego = self._drive.trail.pose(use.stamp)
        (self._root / kept.name(use.micros, use.key is not None, suffix)).write_bytes(content)
        kept.add(use, suffix, calibration, size, ego)

    def _leave_out(self, topic: str, why: object) -> None:
        self._made.left_out[f"{topic}: {why}"] += 1

    def _tell_tables(self) -> None:
        """Write the tables of the scenes that hold a keyframe with a file."""
        date = datetime.datetime.fromtimestamp(self._bag.start / 1e9, datetime.timezone.utc)
        log = self._tables.add_log(f"{date:%Y-%m-%d}")
        for keys, files in zip(self._plan.keys, self._files, strict=True):
            kept = sorted(set().union(*(each.keys for each in files.values())) & set(keys))
            if not kept:
                continue
            name = f"scene-{len(self._made.scenes) + 1:04d}"
            seconds = (kept[-1] - kept[0]) / 1e6
            self._tables.add_chains(name, log, f"{self._log}, {seconds:.0f} s, not annotated", kept, files)
            self._made.scenes[name] = len(kept)
            self._made.seconds += seconds
        if not self._made.scenes:
            why = "; ".join(self._made.left_out) or "it has none"
            raise RosError(f"bag {self._bag.path}: no image and no scan of a keyframe can be read: {why}")
        self._tables.write(self._root, self._options.version)
        for folder in ("samples", "sweeps"):
            for channel in (self._root / folder).iterdir():
                if not any(channel.iterdir()):
                    channel.rmdir()


_Stamps = TypeVar("_Stamps", int, np.ndarray)


def _micros(stamp: _Stamps) -> _Stamps:
    """Nanoseconds as nuScenes counts time."""
    return (stamp + 500) // 1000
