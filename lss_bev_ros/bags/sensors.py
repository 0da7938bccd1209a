"""Which topics of a bag are the cameras, the LiDAR and the way of one car, whatever they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pipros.bag import Bag, RecordedTopic

from ..dataset.tables import frame_names
from ..doctor.topics import CLOUD, COMPRESSED, IMAGE, INFO, camera_of, is_lidar, is_picture
from ..errors import RosError

ODOMETRY = "nav_msgs/msg/Odometry"
_SHARED = 3
"""Cameras of the same names below two namespaces, from which these are two cars and not two places on one."""


@dataclass(frozen=True)
class CameraTopics:
    """One camera.

    Attributes:
        name: of the camera, as a frame and a channel can be called.
        image: topic of its images.
        info: topic of its calibration.
        compressed: whether its images are files.
    """

    name: str
    image: str
    info: str
    compressed: bool


@dataclass(frozen=True)
class Sensors:
    """The sensors of one car.

    Attributes:
        cameras: those that have a calibration.
        lidar: topic of the clouds.
        odometry: topic of nav_msgs/Odometry, empty where there is none.
        transforms: `tf` and `tf_static` to their topics, those that there are.
        namespace: of the car, empty for none.
        notes: what was left out or chosen, one line each.
    """

    cameras: tuple[CameraTopics, ...]
    lidar: str
    odometry: str
    transforms: Mapping[str, str]
    namespace: str
    notes: tuple[str, ...]


def find_sensors(
    bag: Bag,
    namespace: str | None = None,
    cameras: Mapping[str, str] | None = None,
    lidar: str = "",
    odometry: str = "",
) -> Sensors:
    """Find the sensors of a car.

    Args:
        bag: to look into.
        namespace: of the car, such as `/robot1`; None for the only one.
        cameras: name of a camera to the topic of its images; by default every camera with a camera_info.
        lidar: topic of the clouds; by default the only one, or that of a LiDAR on the roof or of all joined.
        odometry: topic of nav_msgs/Odometry; by default the only one, or one called odom.

    Raises:
        RosError: several cars and none chosen, a topic that is asked for and not there, no camera with a
            calibration, no LiDAR.
    """
    topics = {topic.name: topic for topic in bag.topics if topic.count}
    cars = _cars(topics.values())
    if namespace is None and len(cars) > 1 and not cameras:
        told = ", ".join(each or "/" for each in cars)
        raise RosError(
            f"bag {bag.path} holds the sensors of several cars; choose one with --namespace: {told}"
        )
    space = "/" + namespace.strip("/") if namespace and namespace.strip("/") else ""
    others = [each for each in cars if each != space] if namespace is not None else []
    mine = {
        name: topic
        for name, topic in topics.items()
        if name.startswith(f"{space}/") and not any(each and name.startswith(f"{each}/") for each in others)
    }
    notes: list[str] = []
    if cameras:
        found = tuple(_asked(bag, topics, name, topic) for name, topic in cameras.items())
    else:
        found = _found(mine, space, notes)
    if not found:
        why = f" ({notes[0]})" if notes else ""
        place = f" in namespace {space}" if space else ""
        raise RosError(
            f"bag {bag.path} has no camera with images and a camera_info{place}{why}: record "
            f"sensor_msgs/CameraInfo beside the images of each camera"
        )
    transforms = {}
    for name in ("tf", "tf_static"):
        topic = next((each for each in (f"{space}/{name}", f"/{name}") if each in topics), None)
        if topic is not None:
            transforms[name] = topic
    return Sensors(
        found,
        _lidar(bag, topics if lidar else mine, lidar, notes),
        _odometry(bag, topics if odometry else mine, odometry, notes),
        transforms,
        space,
        tuple(notes),
    )


def _pictures(topics: Iterable[RecordedTopic]) -> list[RecordedTopic]:
    return [each for each in topics if each.type in (IMAGE, COMPRESSED) and is_picture(each.name)]


def _cars(topics: Iterable[RecordedTopic]) -> list[str]:
    """Namespaces of cars, where there are several: those with cameras of the same names."""
    topics = list(topics)
    cameras: dict[str, set[str]] = {}
    for topic in _pictures(topics):
        space, _, name = f"/{camera_of(topic.name)}".rpartition("/")
        cameras.setdefault(space, set()).add(name)
    clouds = [topic.name for topic in topics if topic.type == CLOUD and is_lidar(topic.name)]
    with_lidar = {
        space for space in cameras if space and any(each.startswith(f"{space}/") for each in clouds)
    }
    cars = set()
    for one, other in combinations(sorted(cameras), 2):
        shared = len(cameras[one] & cameras[other])
        if shared >= _SHARED or (shared and {one, other} <= with_lidar):
            cars |= {one, other}
    return sorted(cars)


def _found(topics: Mapping[str, RecordedTopic], space: str, notes: list[str]) -> tuple[CameraTopics, ...]:
    """Every camera that has a calibration."""
    groups: dict[str, list[RecordedTopic]] = {}
    for topic in _pictures(topics.values()):
        groups.setdefault(camera_of(topic.name), []).append(topic)
    places: dict[str, tuple[RecordedTopic, str]] = {}
    for camera, group in sorted(groups.items()):
        # Files are kept as they are, so they come before pixels; a driver's own before what others made.
        best = min(group, key=lambda each: (each.type != COMPRESSED, "rect" in each.name, each.name))
        info = _info_of(best.name, topics)
        if info:
            places[camera] = best, info
        else:
            notes.append(f"{best.name} is left out: the bag has no camera_info for it")
    names = frame_names(_short([f"/{camera}".removeprefix(space).lstrip("/") for camera in places]))
    return tuple(
        CameraTopics(name, image.name, info, image.type == COMPRESSED)
        for name, (image, info) in zip(names.values(), places.values(), strict=True)
    )


def _info_of(image: str, topics: Mapping[str, RecordedTopic]) -> str:
    """The topic of the camera_info that belongs to that of images; empty where there is none."""
    camera = camera_of(image)
    space = image[: image.find(camera)] if camera in image else "/"
    base = image.removesuffix("/compressed")
    for place in (f"{space}{camera}", base.rpartition("/")[0], base):
        topic = topics.get(f"{place}/camera_info")
        if topic is not None and topic.type == INFO:
            return topic.name
    return ""


def _short(paths: Sequence[str]) -> list[str]:
    """Paths without what all of them begin and end with, as one word each."""
    parts = [path.split("/") for path in paths]
    for end in (0, -1):
        while (
            len(parts) > 1
            and all(len(each) > 1 for each in parts)
            and len({each[end] for each in parts}) == 1
        ):
            for each in parts:
                each.pop(end)
    return ["_".join(each if len(parts) > 1 else each[-1:]) for each in parts]


def _asked(bag: Bag, topics: Mapping[str, RecordedTopic], name: str, topic: str) -> CameraTopics:
    given = topics.get(topic)
    if given is None or given.type not in (IMAGE, COMPRESSED):
        there = ", ".join(sorted(each.name for each in _pictures(topics.values()))) or "none"
        raise RosError(f"bag {bag.path} has no images on {topic} (asked for {name}); it has {there}")
    info = _info_of(topic, topics)
    if not info:
        raise RosError(f"bag {bag.path} has no camera_info for {topic} ({name}): record it beside the images")
    (clean,) = frame_names([name]).values()
    return CameraTopics(clean, topic, info, given.type == COMPRESSED)


def _lidar(bag: Bag, topics: Mapping[str, RecordedTopic], asked: str, notes: list[str]) -> str:
    clouds = sorted(each.name for each in topics.values() if each.type == CLOUD)
    if asked:
        if asked not in clouds:
            raise RosError(f"bag {bag.path} has no clouds on {asked}; it has {', '.join(clouds) or 'none'}")
        return asked
    lidars = [name for name in clouds if is_lidar(name)]
    if not lidars:
        rest = (
            f" (only {', '.join(clouds)}, which no LiDAR publishes; or name it with --lidar)"
            if clouds
            else ""
        )
        raise RosError(
            f"bag {bag.path} has no LiDAR{rest}: keyframes are taken at the times of its scans, so record "
            f"sensor_msgs/PointCloud2"
        )

    def rank(name: str) -> tuple[bool, bool, int, str]:
        word = name.lower()
        joined = any(each in word for each in ("concat", "merged", "combined", "fused"))
        return ("top" not in word and "roof" not in word, not joined, -topics[name].count, name)

    chosen = min(lidars, key=rank)
    if others := [name for name in lidars if name != chosen]:
        notes.append(f"LiDAR: {chosen} is used, not {', '.join(others)}; choose another with --lidar")
    return chosen


def _odometry(bag: Bag, topics: Mapping[str, RecordedTopic], asked: str, notes: list[str]) -> str:
    there = sorted(each.name for each in topics.values() if each.type == ODOMETRY)
    if asked:
        if asked not in there:
            raise RosError(f"bag {bag.path} has no odometry on {asked}; it has {', '.join(there) or 'none'}")
        return asked
    return min(there, key=lambda name: (not name.endswith("/odom"), name), default="")
