"""What a bag shows of each instant, put together again for pictures."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipros.bag import Bag

from .. import messages, topics
from ..errors import GeometryError, RosError
from ..geometry import BevGrid, Camera, Pose, Rig
from ..visualization.film import FilmFrame
from ..visualization.moment import ShownMoment
from .car import PREDICTION_TOPIC, Car, RecordedMounting, Warn, decoded, find_car
from .remainder import remainder

_NEAR_NS = 60_000_000
"""Recordings this near to an instant belong to it, as with the demonstration's picture."""

_LATE_NS = 2_000_000_000
"""How much later than its instant a recording may come in the bag: a slow network's grid, say."""

_PENDING = 64
"""Instants that may be under way at once."""

_T = TypeVar("_T")

Predict = Callable[[int, Rig, dict[str, bytes | np.ndarray]], tuple[np.ndarray, BevGrid] | None]
"""Makes cells of a stamp, a rig and the cameras' images; None leaves the frame out."""


@dataclass(frozen=True, eq=False)
class SensedInstant:
    """What the sensors gave of one instant.

    Attributes:
        stamp: nanoseconds.
        rig: cameras that are placed.
        images: camera name to a file, or (height, width, 3) uint8 RGB.
        returns: (N, 5) float32 x, y, z in metres, base_link, intensity 0 to 1 and age in seconds; None
            without a scan.
        ego: base_link in a frame that stands still; None where nothing tells it.
    """

    stamp: int
    rig: Rig
    images: Mapping[str, bytes | np.ndarray]
    returns: np.ndarray | None = None
    ego: Pose | None = None


Answer = Callable[[SensedInstant], ShownMoment | None]
"""Asks a multi-sense network about an instant; None leaves the frame out."""


@dataclass
class _Instant:
    """What belongs to one stamp.

    Attributes:
        stamp: nanoseconds.
        found: by topic, its distance in nanoseconds and the message.
        cameras: those that are placed, None where one cannot be.
        lidar: where the scan's sensor is.
    """

    stamp: int
    found: dict[str, tuple[int, Any]] = field(default_factory=dict)
    cameras: dict[str, Camera | None] = field(default_factory=dict)
    lidar: Pose | None = None

    def offer(self, topic: str, stamp: int, message: Any) -> None:
        distance = abs(stamp - self.stamp)
        if topic not in self.found or distance < self.found[topic][0]:
            self.found[topic] = (distance, message)
            self.cameras.pop(topic.partition("/")[0], None)
            self.lidar = None if topic == topics.LIDAR_TOPIC else self.lidar

    def settle(self, names: Collection[str], infos: Mapping[str, Any], mounting: RecordedMounting) -> None:
        """Place the cameras whose images have come, before their calibration or mounting may change."""
        for name in names:
            image = self.message(topics.image_topic(name))
            if image is not None and name not in self.cameras:
                stamp = messages.from_stamp(image.header.stamp)
                self.cameras[name] = mounting.camera(name, infos.get(name), stamp)
        scan = self.message(topics.LIDAR_TOPIC)
        if scan is not None and self.lidar is None:
            stamp = messages.from_stamp(scan.header.stamp)
            self.lidar = mounting.pose(scan.header.frame_id, stamp, "the LiDAR")

    def message(self, topic: str) -> Any:
        return self.found[topic][1] if topic in self.found else None


def film_frames(
    path: Path,
    predict: Predict | None = None,
    first: int = 0,
    namespace: str | None = None,
    base_frame: str = "",
    warn: Callable[[str], None] = lambda line: None,
    answer: Answer | None = None,
) -> tuple[int, Iterator[FilmFrame]]:
    """Put the instants of a bag together: one a predicted grid, or one a keyframe where there is none.

    Args:
        path: bag folder or storage file, with the topics of the replay below any namespace.
        predict: makes the grid of each instant; None takes the grids that were recorded, and with them every
            answer of a multi-sense network.
        first: how many instants to pass over, without predicting them.
        namespace: of the car to show, where there are several; None for the only one.
        base_frame: the car's frame, in which grids are; by default that of the recorded grids, or base_link.
        warn: told of each camera or scan that cannot be placed, and why, and of what the bag has lost.
        answer: in the place of `predict`, where a multi-sense network is to be asked.

    Returns:
        how many there are in the bag, and the frames; one whose cameras are not in the bag is left out.

    Raises:
        RosError: no bag, one without images, or without grids where none are to be made; several
            cars and none chosen; no camera that can be placed.
    """
    recorded = predict is None and answer is None
    with Bag(path) as bag, remainder(bag):
        answers = _answer_topics() if recorded else ()
        car = find_car(bag, namespace, PREDICTION_TOPIC if recorded else "", answers)
        names = car.names
        anchor = PREDICTION_TOPIC if recorded else _anchor(car, path)
        if anchor not in names:
            raise RosError(
                f"bag {path} has no {PREDICTION_TOPIC}; give --weights to predict the grids from its images"
            )
        if not any(topics.image_topic(name) in names for name in car.cameras):
            raise RosError(f"bag {path} has no <camera>/image_raw/compressed, so there is nothing to show")
        say = Warn(warn)
        headers = [message.header for _, message in decoded(bag, [names[anchor]], say)]
        stamps = sorted({messages.from_stamp(header.stamp) for header in headers})
        if recorded and headers:
            base_frame = base_frame or headers[0].frame_id
    return len(stamps), _frames(path, car, stamps[first:], predict, answer, base_frame, say)


def _answer_topics() -> tuple[str, ...]:
    """Topics of a multi-sense network's answers; none where this ROS 2 has no vision_msgs to read them."""
    try:
        from .answers import ANSWER_TOPICS, LABELS_TOPIC, PROMPT_TOPICS
    except ImportError:
        return ()
    return (*ANSWER_TOPICS, *PROMPT_TOPICS, LABELS_TOPIC)


def _anchor(car: Car, path: Path) -> str:
    images = [topics.image_topic(name) for name in ("cam_front", *car.cameras)]
    for name in (topics.TRUTH_TOPIC, PREDICTION_TOPIC, *images):
        if name in car.names:
            return name
    raise RosError(f"bag {path} has neither grids nor <camera>/image_raw/compressed: nothing to show")


def _frames(
    path: Path,
    car: Car,
    stamps: list[int],
    predict: Predict | None,
    answer: Answer | None,
    base_frame: str,
    warn: Warn,
) -> Iterator[FilmFrame]:
    instants = [_Instant(stamp) for stamp in stamps]
    relative = {full: name for name, full in car.names.items()}
    done = 0
    texts: Any = None

    def made(instant: _Instant) -> FilmFrame | None:
        return _frame(instant, car, infos, mounting, predict, answer, texts, warn)

    with Bag(path) as bag:
        for line in bag.lost:
            warn(f"lost: {line}")
        mounting = RecordedMounting(bag, car, warn, base_frame)
        infos = _first_infos(bag, car, warn)
        _check_placed(infos, mounting, stamps, path, warn)
        for full, message in decoded(bag, [full for name, full in car.names.items() if name != "tf"], warn):
            topic = relative[full]
            if topic == "tf_static":
                for instant in instants[done : done + _PENDING]:
                    instant.settle(car.cameras, infos, mounting)
                mounting.take(message.transforms, is_static=True)
                continue
            stamp = _stamp(message)
            if stamp is None:
                continue
            if topic.endswith("/camera_info"):
                name = topic.partition("/")[0]
                for instant in instants[done : done + _PENDING]:
                    instant.settle([name], infos, mounting)
                infos[name] = message
                continue
            if topic.endswith("/label_info"):
                texts = message
                continue
            first = bisect.bisect_left(stamps, stamp - _NEAR_NS)
            for instant in instants[first : bisect.bisect_right(stamps, stamp + _NEAR_NS)]:
                instant.offer(topic, stamp, message)
            while done < len(instants) and stamps[done] < stamp - _LATE_NS:
                if (frame := made(instants[done])) is not None:
                    yield frame
                instants[done].found.clear()
                done += 1
    for instant in instants[done:]:
        if (frame := made(instant)) is not None:
            yield frame
        instant.found.clear()


def _first_infos(bag: Bag, car: Car, warn: Warn) -> dict[str, Any]:
    """The first camera_info of each camera, which may come after its first images."""
    found = {}
    for name in car.cameras:
        full = car.names.get(topics.info_topic(name))
        for _, message in decoded(bag, [full], warn) if full is not None else ():
            found[name] = message
            break
    return found


def _check_placed(
    infos: dict[str, Any], mounting: RecordedMounting, stamps: list[int], path: Path, warn: Warn
) -> None:
    """Raise RosError where no camera can be placed, so that nothing could be drawn."""
    stamp = stamps[0] if stamps else 0
    if stamps and not any(mounting.camera(name, info, stamp) for name, info in infos.items()):
        why = warn.lines[-1] if warn.lines else "the bag has no camera_info"
        raise RosError(f"bag {path}: no camera can be placed on the car, so nothing can be shown; {why}")


def _stamp(message: Any) -> int | None:
    """A message's time; an array of markers has that of its first."""
    header = getattr(message, "header", None)
    if header is None and getattr(message, "markers", None):
        header = message.markers[0].header
    return None if header is None else messages.from_stamp(header.stamp)


def _frame(
    instant: _Instant,
    car: Car,
    infos: dict[str, Any],
    mounting: RecordedMounting,
    predict: Predict | None,
    answer: Answer | None,
    texts: Any,
    warn: Warn,
) -> FilmFrame | None:
    images = {}
    cameras = []
    for name in car.cameras:
        image = instant.message(topics.image_topic(name))
        if image is not None:
            # What cannot be read stays as it is: it is shown as no image, and an engine says why.
            try:
                images[name] = messages.picture(image)
            except GeometryError:
                images[name] = bytes(image.data)
            instant.settle([name], infos, mounting)
            camera = instant.cameras[name]
            cameras += [] if camera is None else [camera]
    if not images:
        return None
    rig = Rig(tuple(cameras))
    recorded = instant.message(PREDICTION_TOPIC)
    moment = None
    if answer is not None:
        instant.settle((), infos, mounting)
        returns = _readable(messages.returns_from_cloud, instant.message(topics.LIDAR_TOPIC), warn)
        if returns is not None and instant.lidar is not None:
            returns[:, :3] = instant.lidar.apply(returns[:, :3])
        placed = None if instant.lidar is None else returns
        moment = answer(SensedInstant(instant.stamp, rig, images, placed, mounting.ego(instant.stamp)))
        predicted = None if moment is None else (moment.vehicles, moment.grid)
    elif predict is not None:
        predicted = predict(instant.stamp, rig, images)
    else:
        predicted = _readable(messages.cells_from_grid, recorded, warn)
    if predicted is None:
        return None
    occupancy, grid = predicted
    if predict is None and moment is None:
        moment = _recorded(instant, texts, predicted, rig, images, warn)
    truth, scan = instant.message(topics.TRUTH_TOPIC), instant.message(topics.LIDAR_TOPIC)
    points, origin = None, np.zeros(3)
    if scan is not None:
        instant.settle((), infos, mounting)
        pose = instant.lidar
        seen = _readable(messages.xyz_from_cloud, scan, warn)
        if pose is not None and seen is not None:
            points, origin = pose.apply(seen), pose.translation
    cells = _readable(messages.cells_from_grid, truth, warn)
    if cells is not None and not (cells[0] >= 0).any():
        cells = None  # nobody knows
    return FilmFrame(
        stamp=instant.stamp,
        rig=rig,
        images=images,
        occupancy=occupancy,
        grid=grid,
        truth=cells[0] > 50 if cells is not None and cells[1] == grid else None,
        boxes=tuple(_readable(messages.boxes_from_markers, instant.message(topics.BOXES_TOPIC), warn) or ()),
        points=points,
        lidar_origin=origin,
        title="Lift-Splat-Shoot",
        moment=moment,
    )


def _recorded(
    instant: _Instant,
    texts: Any,
    predicted: tuple[np.ndarray, BevGrid],
    rig: Rig,
    images: Mapping[str, bytes | np.ndarray],
    warn: Warn,
) -> ShownMoment | None:
    """What was recorded of a multi-sense network; None where nothing was."""
    if not set(_answer_topics()) & set(instant.found):
        return None
    from .answers import LABELS_TOPIC, recorded_moment

    found = {topic: message for topic, (_, message) in instant.found.items()}
    if texts is not None:
        found[LABELS_TOPIC] = texts
    return _readable(lambda all_of_it: recorded_moment(all_of_it, *predicted, rig, images), found, warn)


def _readable(read: Callable[[Any], _T], message: Any, warn: Warn) -> _T | None:
    """What a message says; None where there is none, or none that can be read, which is said."""
    if message is None:
        return None
    try:
        return read(message)
    except GeometryError as error:
        warn(f"left out: {error}")
        return None
