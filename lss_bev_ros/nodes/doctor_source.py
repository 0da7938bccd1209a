"""From a car's messages to what the doctor examines.

Whoever has the messages, from a bag or live, hands over their bytes; most are only counted and timed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from .. import images, messages
from ..doctor import CameraRecord, Cloud, FrameGraph, LidarRecord, Offer, Recording, Shot, TopicRecord
from ..doctor.topics import CLOUD, COMPRESSED, IMAGE, INFO, camera_of, is_lidar, is_picture
from ..doctor.tree import plain
from ..errors import GeometryError, LssBevError, PictureError
from ..geometry import CAMERA_NAMES, Pose

TRANSFORMS = "tf2_msgs/msg/TFMessage"
TIMED = (IMAGE, COMPRESSED, INFO, CLOUD)
"""Types whose messages begin with a header, of which the stamp is read."""

_MOST = 12
"""Cameras that are examined, at most."""

_LATE_NS = 700_000_000
"""How much later than a scan its pictures may be received."""

_WIDTH = 350
"""Least width of the pictures that are compared, pixels."""

_FIELD_NAMES = {
    1: "int8",
    2: "uint8",
    3: "int16",
    4: "uint16",
    5: "int32",
    6: "uint32",
    7: "float32",
    8: "float64",
}
_FIXED = ("map", "odom", "world", "earth", "local_map")


@dataclass
class _Topic:
    """One topic while it is heard."""

    name: str
    type: str
    offers: tuple[Offer, ...] = ()
    times: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    largest: int = 0

    def record(self) -> TopicRecord:
        times = np.array(self.times, dtype=np.int64)
        stamps = np.array(self.stamps, dtype=np.int64)
        return TopicRecord(self.name, self.type, len(times), self.offers, times, stamps, self.largest)


@dataclass
class _Moment:
    """A scan, or a picture, and the pictures that are nearest to it: topic to distance, time and bytes."""

    time: int
    stamp: int
    cloud: bytes | None
    pictures: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)

    def offer(self, topic: str, time: int, stamp: int, data: bytes) -> None:
        distance = abs(stamp - self.stamp) if stamp and self.stamp else 1 << 62
        if stamp > self.stamp:  # a scan is stamped at its end, after what is around was seen
            distance = distance * 5 // 4
        if distance > 500_000_000:  # other clocks: as they came
            distance = 1_000_000_000 + abs(time - self.time)
        if topic not in self.pictures or distance < self.pictures[topic][0]:
            self.pictures[topic] = distance, stamp, data


class Collector:
    """Makes a Recording of messages.

    Args:
        expected: the cameras that the node is to use.
        base_frame: of the car.
        transport: `compressed` or `raw`, which the node would take.
        frames: how camera frames are read, see `messages.read_camera_info`.
        rectified: whether images are rectified, see there.
        every: seconds between the moments of which pictures and scans are kept.
        whole: whether one picture of each camera is kept whole, to be drawn into.
    """

    def __init__(
        self,
        expected: Iterable[str] = CAMERA_NAMES,
        base_frame: str = "base_link",
        transport: str = "compressed",
        frames: str = "auto",
        rectified: bool | None = None,
        every: float = 1.0,
        whole: bool = False,
    ) -> None:
        self.expected = tuple(expected)
        self._base_frame = base_frame
        self._transport = transport
        self._frames = frames
        self._rectified = rectified
        self._every = round(every * 1e9)
        self._whole = whole
        self._topics: dict[str, _Topic] = {}
        self._tree = FrameGraph()
        self._ego: dict[int, Pose] = {}
        self._seen_transforms: dict[str, bytes] = {}
        self._infos: dict[str, tuple[bytes, CameraInfo]] = {}
        self._changes: dict[str, int] = {}
        self._newest: dict[str, tuple[int, int, bytes]] = {}
        self._moments: list[_Moment] = []
        self._closed: list[_Moment] = []
        self._anchor = ""
        self._next = 0

    def topic(self, name: str, kind: str, offers: Iterable[Offer] = ()) -> None:
        """Tell of a topic, before its messages."""
        known = self._topics.setdefault(name, _Topic(name, kind))
        known.offers = tuple(offers) or known.offers

    def wants(self, kind: str) -> bool:
        """Whether messages of a type are looked into, rather than only counted."""
        return kind in (*TIMED, TRANSFORMS)

    def message(self, name: str, time: int, data: bytes) -> None:
        """Take a message: its topic, when it was received in nanoseconds, and its CDR bytes."""
        topic = self._topics[name]
        topic.times.append(time)
        topic.largest = max(topic.largest, len(data))
        if topic.type == TRANSFORMS:
            self._transform(name, time, data)
        elif topic.type in TIMED:
            stamp = header_stamp(data)
            topic.stamps.append(stamp)
            if topic.type == INFO:
                self._info(name, data)
            else:
                self._picture(topic, time, stamp, data)

    def recording(self, source: str, **told: Any) -> Recording:
        """What was heard; `told` are further fields of the Recording."""
        topics = {name: topic.record() for name, topic in sorted(self._topics.items())}
        times = [
            time
            for topic in topics.values()
            if topic.count
            for time in (topic.times.min(), topic.times.max())
        ]
        self._closed += self._moments
        self._moments = []
        names, found, assumed = self._cameras()
        cameras = tuple(self._camera(name, found.get(name, "")) for name in names)
        stamps = np.array(sorted(self._ego), dtype=np.int64)
        return Recording(
            source=source,
            topics=topics,
            cameras=cameras,
            lidars=tuple(
                self._lidar(topic)
                for topic in topics.values()
                if topic.type == CLOUD and topic.count and is_lidar(topic.name)
            ),
            tree=self._tree,
            base_frame=self._base_frame,
            start=int(min(times, default=0)),
            end=int(max(times, default=0)),
            expected=self.expected,
            assumed=assumed,
            transport=self._transport,
            ego=(stamps, tuple(self._ego[int(stamp)] for stamp in stamps)),
            **told,
        )

    # -- messages -----------------------------------------------------------------------------------------

    def _is_cloud(self, name: str) -> bool:
        return bool(name) and self._topics[name].type == CLOUD

    def _transform(self, name: str, time: int, data: bytes) -> None:
        static = name.endswith("tf_static")
        message = _read(data, TFMessage)
        for told in message.transforms if message is not None else ():
            parent, child = told.header.frame_id, told.child_frame_id
            pose, problem = None, ""
            q = told.transform.rotation
            norm = float(np.sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w))
            try:
                pose = messages.pose_from_transform(told)
            except GeometryError as error:
                problem = str(error)
            if pose is not None and abs(norm - 1.0) > 0.01:
                problem = f"its quaternion has a length of {norm:.3g}, not 1, which tf2 refuses"
            if parent == child:
                pose, problem = None, "its frames are the same"
            self._tree.tell(parent, child, pose, static, time, problem)
            if pose is not None and plain(child) == plain(self._base_frame) and not static:
                self._ego[messages.from_stamp(told.header.stamp)] = pose

    def _info(self, name: str, data: bytes) -> None:
        told = _after_header(data)
        known = self._infos.get(name)
        if known is None or known[0] != told:
            message = _read(data, CameraInfo)
            if message is not None:
                self._changes[name] = self._changes.get(name, 0) + (known is not None)
                self._infos[name] = told, message

    def _picture(self, topic: _Topic, time: int, stamp: int, data: bytes) -> None:
        cloud = topic.type == CLOUD
        if not self._anchor or (cloud and not self._is_cloud(self._anchor) and is_lidar(topic.name)):
            # Pictures are taken to the scans; only without a LiDAR to those of one camera.
            self._anchor = topic.name
            self._next = time
        if not cloud:
            for moment in self._moments:
                moment.offer(topic.name, time, stamp, data)
            self._newest[topic.name] = time, stamp, data
        while self._moments and time - self._moments[0].time > _LATE_NS:
            self._closed.append(self._moments.pop(0))
        if topic.name == self._anchor and time >= self._next:
            moment = _Moment(time, stamp, bytes(data) if cloud else None)
            for name, (then, its, picture) in self._newest.items():
                if time - then < _LATE_NS:
                    moment.offer(name, then, its, picture)
            self._moments.append(moment)
            self._next = time + self._every

    # -- at the end ---------------------------------------------------------------------------------------

    def _cameras(self) -> tuple[tuple[str, ...], dict[str, str], bool]:
        """Names of the cameras, the image topic of each that has one, and whether others were taken."""
        pictures = [
            topic
            for topic in self._topics.values()
            if topic.type in (IMAGE, COMPRESSED) and "/bev/image" not in f"/{topic.name.lstrip('/')}"
        ]
        found: dict[str, str] = {}
        for name in self.expected:
            mine = [
                topic
                for topic in pictures
                if camera_of(topic.name) == name or camera_of(topic.name).endswith(f"/{name}")
            ]
            if mine:
                found[name] = min(mine, key=self._preference).name
        if found or not pictures:
            return self.expected, found, False
        groups: dict[str, list[_Topic]] = {}
        for topic in pictures:
            if is_picture(topic.name):
                groups.setdefault(camera_of(topic.name), []).append(topic)
        told = {name: min(group, key=self._preference).name for name, group in sorted(groups.items())}
        calibrated = {name: topic for name, topic in told.items() if self._info_topic(topic)}
        told = dict(list((calibrated or told).items())[:_MOST])
        return tuple(told), told, True

    def _preference(self, topic: _Topic) -> tuple[bool, bool, bool, int, str]:
        """Of the topics of a camera the node's first, and of those the one that is there."""
        compressed = self._transport == "compressed"
        wanted = "/image_raw/compressed" if compressed else "/image_raw"
        right_kind = topic.type == (COMPRESSED if compressed else IMAGE)
        return (
            not (topic.name.endswith(wanted) and topic.times),
            not topic.times,
            not right_kind,
            topic.name.count("/"),
            topic.name,
        )

    def _info_topic(self, image: str) -> str:
        """The topic of the camera_info that belongs to an image's."""
        camera = camera_of(image)
        space = image[: image.find(camera)] if camera in image else "/"
        for name in (f"{space}{camera}/camera_info", f"{image.rpartition('/')[0]}/camera_info"):
            if name in self._topics and self._topics[name].type == INFO:
                return name
        return ""

    def _camera(self, name: str, image: str) -> CameraRecord:
        if not image:
            return CameraRecord(name, transport=self._transport)
        compressed = self._topics[image].type == COMPRESSED
        info_topic = self._info_topic(image)
        shots, image_frame = self._shots(image, compressed)
        picture, pictured = self._middle(image, compressed)
        told: dict[str, Any] = {
            "image_topic": image,
            "info_topic": info_topic,
            "transport": "compressed" if compressed else "raw",
            "image_frame": image_frame,
            "shots": shots,
            "picture": picture,
            "pictured": pictured,
        }
        if info_topic not in self._infos:
            return CameraRecord(name, **told)
        _, info = self._infos[info_topic]
        frame = info.header.frame_id or image_frame
        mount = self._tree.lookup(self._base_frame, frame) if frame else None
        told |= {
            "frame": frame,
            "mount": mount,
            "mounted": mount is not None,
            "model": info.distortion_model,
            "told": (info.width, info.height),
            "cropped": info.binning_x > 1 or info.binning_y > 1 or bool(info.roi.width or info.roi.x_offset),
            "calibrated": bool(np.any(info.k) or np.any(info.p)),
            "bent": bool(np.any(info.d)),
            "changes": self._changes.get(info_topic, 0),
        }
        try:
            reading = messages.read_camera_info(
                info,
                name,
                mount or Pose.identity(),
                self._rectified,
                "optical" if mount is None and self._frames == "auto" else self._frames,
            )
        except GeometryError as error:
            return CameraRecord(name, problem=str(error), **told)
        seen = next((f"{name}: {shot.note}" for shot in shots if shot.note), "")
        notes = (*reading.notes, seen) if seen else reading.notes
        return CameraRecord(name, camera=reading.camera, rectified=reading.rectified, notes=notes, **told)

    def _shots(self, image: str, compressed: bool) -> tuple[tuple[Shot, ...], str]:
        shots, frame, seen = [], "", set()
        for moment in self._closed:
            if image not in moment.pictures:
                continue
            _, stamp, data = moment.pictures[image]
            if id(data) in seen:
                continue
            seen.add(id(data))
            message = _read(data, CompressedImage if compressed else Image)
            if message is None:
                shots.append(Shot(stamp, "damaged", problem=f"a message of {len(data)} bytes is damaged"))
                continue
            frame = message.header.frame_id
            shots.append(_shot(message, stamp))
        return tuple(shots), frame

    def _middle(self, image: str, compressed: bool) -> tuple[np.ndarray | None, int]:
        """The middle picture of a camera, whole."""
        moments = [moment for moment in self._closed if image in moment.pictures]
        if not self._whole or not moments:
            return None, 0
        _, stamp, data = moments[len(moments) // 2].pictures[image]
        message = _read(data, CompressedImage if compressed else Image)
        if message is None:
            return None, 0
        try:
            picture = messages.picture(message)
            return images.decode(picture) if isinstance(picture, bytes) else picture, stamp
        except (GeometryError, PictureError):
            return None, 0

    def _lidar(self, topic: TopicRecord) -> LidarRecord:
        clouds: list[Cloud] = []
        frame, fields, problem = "", tuple[tuple[str, str], ...](), ""
        for moment in self._closed:
            if moment.cloud is None or topic.name != self._anchor:
                continue
            message = _read(moment.cloud, PointCloud2)
            if message is None:
                problem = f"a message of {len(moment.cloud)} bytes is damaged"
                continue
            frame = message.header.frame_id
            fields = tuple((one.name, _FIELD_NAMES.get(one.datatype, "?")) for one in message.fields)
            try:
                points = messages.xyz_from_cloud(message)
            except GeometryError as error:
                problem = str(error)
                continue
            lost = message.width * message.height - len(points)
            clouds.append(Cloud(moment.stamp, points, lost))
        pose = self._tree.lookup(self._base_frame, frame) if frame else None
        return LidarRecord(topic.name, frame, fields, pose, tuple(clouds), problem)


def _read(data: bytes, kind: type) -> Any:
    """A message, or None where its bytes are damaged."""
    try:
        return deserialize_message(bytes(data), kind)
    except (LssBevError, RuntimeError, ValueError):
        return None


def header_stamp(data: bytes) -> int:
    """The stamp of a message that begins with a header, nanoseconds; 0 where there is none."""
    if len(data) < 12:
        return 0
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def _after_header(data: bytes) -> bytes:
    """What follows the stamp of a message."""
    return bytes(data[12:])


def _shot(message: CompressedImage | Image, stamp: int) -> Shot:
    """What is to be known of a message's picture."""
    data = bytes(message.data)
    digest = zlib.crc32(data)
    raw = isinstance(message, Image)
    size = (message.width, message.height) if raw else (0, 0)
    form = message.encoding if raw else (images.kind_of(data) or message.format or "unknown").lower()
    try:
        picture = messages.picture(message)
        if isinstance(picture, bytes):
            header = images.inspect(picture)
            size = header.width, header.height
            drawn = images.preview(picture, _WIDTH)
            if drawn is None:
                drawn = images.decode(picture, header)
        else:
            size, drawn = (picture.shape[1], picture.shape[0]), picture
    except (GeometryError, PictureError) as error:
        problem = str(error).removeprefix(f"{message.header.frame_id}: ")
        return Shot(stamp, form, size[0], size[1], digest=digest, problem=problem)
    gray = _small(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY))
    note = messages.image_note(message).removeprefix(f"{message.header.frame_id}: ")
    return Shot(stamp, form, size[0], size[1], gray, digest, note=note)


def _small(gray: np.ndarray) -> np.ndarray:
    """A picture shrunk by a whole number, still `_WIDTH` wide or more."""
    factor = gray.shape[1] // _WIDTH
    if factor < 2:
        return gray
    size = gray.shape[1] // factor, gray.shape[0] // factor
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
