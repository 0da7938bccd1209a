"""One car of a bag: which topics are its own, and where its sensors are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from pipros.bag import Bag

from .. import messages, topics
from ..errors import GeometryError, RosError
from ..geometry import CAMERA_NAMES, Camera, Pose, TransformTree

PREDICTION_TOPIC = "bev/occupancy"
BASE_FRAME = "base_link"
_IMAGES = "/image_raw/compressed"
_GLOBAL = ("tf", "tf_static")


class Warn:
    """Tells each line once.

    Args:
        tell: told the lines.

    Attributes:
        lines: what was told so far.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        """Tell a line, unless it was told."""
        if line not in self._told:
            self._told.add(line)
            self.lines.append(line)
            self._tell(line)


def decoded(
    bag: Bag, topics: Collection[str], warn: Warn, start: int | None = None, stop: int | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield topic and message; one that cannot be decoded is left out, and its topic named.

    Args:
        bag: where they are.
        topics: their names.
        warn: takes the line about what cannot be decoded.
        start: leave out what was recorded before, nanoseconds since 1970.
        stop: leave out what was recorded from then on.
    """
    kinds = {topic.name: get_message(topic.type) for topic in bag.topics if topic.name in topics}
    spoilt: set[str] = set()
    for topic, stamp, data in bag.messages(topics, start, stop):
        try:
            message = deserialize_message(data, kinds[topic])
        except Exception as error:
            # Each ROS has an error of its own for it.
            if topic not in spoilt:
                spoilt.add(topic)
                warn(f"a message of {topic} at {stamp / 1e9:.3f} cannot be decoded: {error}")
            continue
        yield topic, message


@dataclass(frozen=True)
class Car:
    """A car in a bag.

    Attributes:
        namespace: of its topics.
        names: relative topic names as of the replay to names in the bag.
        cameras: names of the cameras whose images the bag may hold: nuScenes' six, then others.
    """

    namespace: str
    names: Mapping[str, str]
    cameras: tuple[str, ...] = CAMERA_NAMES


def find_car(bag: Bag, namespace: str | None = None, needed: str = "", answers: Collection[str] = ()) -> Car:
    """The car of a bag whose topics make one picture.

    Args:
        bag: with the topics of the replay below any namespace.
        namespace: of the car, such as `/robot1`; None for the only one.
        needed: a relative name that the car must have, which may tell one car from others.
        answers: relative names of topics beside bev/occupancy, which the car may have.

    Raises:
        RosError: several cars fit and none is asked for; the message names them.
    """
    cameras = _cameras(bag)
    wanted = {PREDICTION_TOPIC, *answers}
    wanted |= {topic.name.removeprefix("/") for topic in topics.all_topics(cameras=cameras)}
    found: dict[str, dict[str, str]] = {}
    for topic in bag.topics:
        for name in wanted:
            if topic.count and topic.name.endswith(f"/{name}"):
                found.setdefault(topic.name.removesuffix(f"/{name}"), {})[name] = topic.name
    with_images = {each for each in found if _has_images(found[each], cameras)}
    chosen = _chosen(bag, found, with_images, namespace, needed)
    names = dict(found.get(chosen, {}))
    # Transforms are global unless they were remapped; a node's own namespace may lie below the cameras'.
    for name in _GLOBAL:
        if name in found.get("", {}):
            names.setdefault(name, found[""][name])
    below = [each for each in found if each.startswith(f"{chosen}/") and PREDICTION_TOPIC in found[each]]
    if PREDICTION_TOPIC not in names and len(below) == 1 and below[0] not in with_images:
        names |= {
            name: topic for name, topic in found[below[0]].items() if name in (PREDICTION_TOPIC, *answers)
        }
    return Car(chosen, names, cameras)


def _cameras(bag: Bag) -> tuple[str, ...]:
    """The six cameras of nuScenes, and whatever else has images and a camera_info below one name."""
    topics = {topic.name for topic in bag.topics if topic.count}
    images = [name.removesuffix(_IMAGES) for name in topics if name.endswith(_IMAGES)]
    others = {name.rpartition("/")[2] for name in images if f"{name}/camera_info" in topics}
    return (*CAMERA_NAMES, *sorted(others - {*CAMERA_NAMES, ""}))


def _chosen(
    bag: Bag,
    found: dict[str, dict[str, str]],
    with_images: Collection[str],
    namespace: str | None,
    needed: str,
) -> str:
    cars = sorted(with_images)
    told = ", ".join(each or "/" for each in cars)
    if namespace is not None:
        asked = f"/{namespace.strip('/')}" if namespace.strip("/") else ""
        if asked not in cars:
            raise RosError(
                f"bag {bag.path} has no <camera>/image_raw/compressed in namespace {namespace}; "
                f"it has {told or 'none'}"
            )
        return asked
    if len(cars) > 1:
        fitting = [each for each in cars if needed in found[each]]
        if len(fitting) != 1:
            raise RosError(
                f"bag {bag.path} contains the cameras of several cars; choose one with --namespace: {told}"
            )
        return fitting[0]
    return cars[0] if cars else next((each for each in sorted(found) if needed in found[each]), "")


def _has_images(names: Collection[str], cameras: Collection[str]) -> bool:
    return any(topics.image_topic(camera) in names for camera in cameras)


class RecordedMounting:
    """Where the sensors of a car are, from the transforms of a bag.

    Args:
        bag: open.
        car: whose transforms they are.
        warn: told of everything that cannot be placed, and why.
        base: the car's own frame; empty for base_link, or that with the car's namespace in front.
        rectified: whether images are rectified, see `messages.read_camera_info`.
        frames: how camera frames are read, see there.

    Attributes:
        base: the car's own frame, in which poses are.
    """

    def __init__(
        self,
        bag: Bag,
        car: Car,
        warn: Warn,
        base: str = "",
        rectified: bool | None = None,
        frames: str = "auto",
    ) -> None:
        self._warn = warn
        self._rectified, self._frames = rectified, frames
        self._tree = TransformTree()
        self._cameras: dict[str, tuple[object, Pose, Camera]] = {}
        held: dict[str, TransformStamped] = {}
        for topic, message in decoded(bag, [car.names[name] for name in _GLOBAL if name in car.names], warn):
            if topic == car.names.get("tf_static"):
                # What is mounted otherwise later on is taken when its time has come.
                for transform in message.transforms:
                    held.setdefault(transform.child_frame_id, transform)
            else:
                self.take(message.transforms, is_static=False)
        self.take(held.values(), is_static=True)
        # A car of several gives its frames a prefix.
        prefixed = f"{car.namespace.strip('/')}/{BASE_FRAME}"
        self.base = base or (prefixed if prefixed in self._tree else BASE_FRAME)

    def take(self, transforms: Iterable[TransformStamped], is_static: bool) -> None:
        """Take transforms of /tf or /tf_static."""
        for transform in transforms:
            child = transform.child_frame_id
            try:
                pose = messages.pose_from_transform(transform)
            except GeometryError as error:
                self._warn(f"transform of {child!r} left out: {error}")
                continue
            stamp = None if is_static else messages.from_stamp(transform.header.stamp)
            self._tree.insert(transform.header.frame_id, child, pose, stamp)

    def pose(self, frame: str, stamp: int, what: str) -> Pose | None:
        """The pose of a frame in the car's at a time; None, and a word about it, where nothing tells it."""
        try:
            return self._tree.lookup(self.base, frame, stamp)
        except GeometryError as error:
            self._warn(f"{what} is not placed: {error}")
            return None

    def ego(self, stamp: int) -> Pose | None:
        """The car's pose in a frame that stands still, odom or map; None where nothing tells it."""
        fixed = self.fixed_frame()
        return None if fixed is None else self._tree.lookup(fixed, self.base, stamp)

    def fixed_frame(self, wanted: str = "") -> str | None:
        """The frame that stands still and has the car in it: the one that is wanted, or odom or map.

        None where the transforms connect no such frame with the car.
        """
        prefix = self.base.removesuffix(BASE_FRAME) if self.base.endswith(BASE_FRAME) else ""
        known = (f"{prefix}odom", "odom", f"{prefix}map", "map")
        for frame in (wanted,) if wanted else known:
            with contextlib.suppress(GeometryError):
                self._tree.lookup(frame, self.base)
                return frame
        return None

    def travelled(self, frame: str) -> list[int]:
        """Stamps, ascending, at which the transforms tell where the car is in a frame."""
        return self._tree.times(frame, self.base)

    def in_frame(self, frame: str, stamp: int) -> Pose:
        """The car's pose in a frame that has it, see `fixed_frame`."""
        return self._tree.lookup(frame, self.base, stamp)

    def camera(self, name: str, info: Any, stamp: int) -> Camera | None:
        """A camera as its camera_info and the transforms tell it; the same object while nothing changes."""
        if info is None:
            self._warn(f"{name} is not placed: the bag has no camera_info for it")
            return None
        pose = self.pose(info.header.frame_id, stamp, name)
        if pose is None:
            return None
        known = self._cameras.get(name)
        if known is None or known[0] is not info or (known[1].matrix != pose.matrix).any():
            try:
                reading = messages.read_camera_info(info, name, pose, self._rectified, self._frames)
            except GeometryError as error:
                self._warn(f"{name} is not placed: {error}")
                return None
            for note in reading.notes:
                self._warn(note)
            camera = reading.camera
            if known is not None and known[2].fingerprint == camera.fingerprint:
                camera = known[2]
            known = self._cameras[name] = info, pose, camera
        return known[2]
