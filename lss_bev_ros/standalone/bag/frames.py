"""What a bag shows of each instant, put together again for pictures."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from ... import dataset_messages, messages
from ...errors import GeometryError, StandaloneError
from ...geometry import CAMERA_NAMES, BevGrid, Box, Camera, Pose, Rig
from ...visualization.film import FilmFrame
from .reader import Bag

_PREDICTION = "bev/occupancy"
_NEAR_NS = 60_000_000
"""Recordings this near to an instant belong to it, as with the demonstration's picture."""

_LATE_NS = 2_000_000_000
"""How much later than its instant a recording may come in the bag: a slow network's grid, say."""

Predict = Callable[[int, Rig, dict[str, bytes | np.ndarray]], tuple[np.ndarray, BevGrid] | None]
"""Makes cells of a stamp, a rig and the cameras' images; None leaves the frame out."""


@dataclass
class _Instant:
    """What belongs to one stamp: by topic, its distance in nanoseconds and the message."""

    stamp: int
    found: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def offer(self, topic: str, stamp: int, message: Any) -> None:
        distance = abs(stamp - self.stamp)
        if topic not in self.found or distance < self.found[topic][0]:
            self.found[topic] = (distance, message)

    def message(self, topic: str) -> Any:
        return self.found[topic][1] if topic in self.found else None


def film_frames(
    path: Path, predict: Predict | None = None, first: int = 0
) -> tuple[int, Iterator[FilmFrame]]:
    """Put the instants of a bag together: one a predicted grid, or one a keyframe where there is none.

    Args:
        path: bag folder or .mcap file, with the topics of the replay below any namespace.
        predict: makes the grid of each instant; None takes the grids that were recorded.
        first: how many instants to pass over, without predicting them.

    Returns:
        how many there are in the bag, and the frames; one whose cameras are not in the bag is left out.

    Raises:
        StandaloneError: no bag, or one without images, or without grids where none are to be made.
    """
    with Bag(path) as bag:
        names = _names(bag)
        anchor = _PREDICTION if predict is None else _anchor(names, path)
        if anchor not in names:
            raise StandaloneError(
                f"bag {path} has no {_PREDICTION}; give --weights to predict the grids from its images"
            )
        if not any(dataset_messages.image_topic(name) in names for name in CAMERA_NAMES):
            raise StandaloneError(f"bag {path} has no <camera>/image_raw/compressed, so nothing to show")
        types = {topic.name: topic.type for topic in bag.topics}
        kind = get_message(types[names[anchor]])
        stamps = sorted(
            {
                messages.from_stamp(deserialize_message(data, kind).header.stamp)
                for _, _, data in bag.messages([names[anchor]])
            }
        )
    return len(stamps), _frames(path, names, types, stamps[first:], predict)


def _names(bag: Bag) -> dict[str, str]:
    """Relative topic name to its name in the bag."""
    wanted = {_PREDICTION, *(topic.name.removeprefix("/") for topic in dataset_messages.topics())}
    found = {}
    for topic in bag.topics:
        for name in wanted:
            if topic.count and (topic.name == f"/{name}" or topic.name.endswith(f"/{name}")):
                found[name] = topic.name
    return found


def _anchor(names: dict[str, str], path: Path) -> str:
    for name in (dataset_messages.TRUTH_TOPIC, _PREDICTION, dataset_messages.image_topic("cam_front")):
        if name in names:
            return name
    raise StandaloneError(f"bag {path} has neither grids nor images of cam_front, so nothing to show")


def _frames(
    path: Path, names: dict[str, str], types: dict[str, str], stamps: list[int], predict: Predict | None
) -> Iterator[FilmFrame]:
    instants = [_Instant(stamp) for stamp in stamps]
    relative = {full: name for name, full in names.items()}
    mounted: dict[str, Pose] = {}
    cameras: dict[str, Camera] = {}
    infos: dict[str, Any] = {}
    done = 0
    with Bag(path) as bag:
        for full, _, data in bag.messages([full for name, full in names.items() if name != "tf"]):
            topic, message = relative[full], deserialize_message(data, get_message(types[full]))
            if topic == "tf_static":
                for transform in message.transforms:
                    mounted[transform.child_frame_id] = messages.pose_from_transform(transform)
                continue
            stamp = _stamp(message)
            if stamp is None:
                continue
            if topic.endswith("/camera_info"):
                infos[topic.partition("/")[0]] = message
                continue
            first = bisect.bisect_left(stamps, stamp - _NEAR_NS)
            for instant in instants[first : bisect.bisect_right(stamps, stamp + _NEAR_NS)]:
                instant.offer(topic, stamp, message)
            while done < len(instants) and stamps[done] < stamp - _LATE_NS:
                if (
                    frame := _frame(instants[done], _rig(cameras, infos, mounted), mounted, predict)
                ) is not None:
                    yield frame
                instants[done].found.clear()
                done += 1
    for instant in instants[done:]:
        if (frame := _frame(instant, _rig(cameras, infos, mounted), mounted, predict)) is not None:
            yield frame
        instant.found.clear()


def _stamp(message: Any) -> int | None:
    """A message's time; an array of markers has that of its first."""
    header = getattr(message, "header", None)
    if header is None and getattr(message, "markers", None):
        header = message.markers[0].header
    return None if header is None else messages.from_stamp(header.stamp)


def _rig(cameras: dict[str, Camera], infos: dict[str, Any], mounted: dict[str, Pose]) -> Rig:
    """The cameras whose calibration is known; the same objects while nothing changes."""
    for name in CAMERA_NAMES:
        if name in infos and infos[name].header.frame_id in mounted:
            new = messages.camera_from_info(infos[name], name, mounted[infos[name].header.frame_id])
            if name not in cameras or Rig((new,)).fingerprint != Rig((cameras[name],)).fingerprint:
                cameras[name] = new
    return Rig(tuple(cameras[name] for name in CAMERA_NAMES if name in cameras))


def _frame(
    instant: _Instant, rig: Rig, mounted: dict[str, Pose], predict: Predict | None
) -> FilmFrame | None:
    images = {}
    for name in CAMERA_NAMES:
        image = instant.message(dataset_messages.image_topic(name))
        if image is not None:
            # What cannot be read stays as it is: it is shown as no image, and an engine says why.
            try:
                images[name] = messages.picture(image)
            except GeometryError:
                images[name] = bytes(image.data)
    if not images:
        return None
    recorded = instant.message(_PREDICTION)
    if predict is not None:
        predicted = predict(instant.stamp, rig, images)
        if predicted is None:
            return None
        occupancy, grid = predicted
    else:
        occupancy, grid = messages.cells_from_grid(recorded)
    truth, scan = instant.message(dataset_messages.TRUTH_TOPIC), instant.message(dataset_messages.LIDAR_TOPIC)
    points, origin = None, np.zeros(3)
    if scan is not None and scan.header.frame_id in mounted:
        pose = mounted[scan.header.frame_id]
        points, origin = pose.apply(messages.xyz_from_cloud(scan)), pose.translation
    cells = None if truth is None else messages.cells_from_grid(truth)
    return FilmFrame(
        stamp=instant.stamp,
        rig=rig,
        images=images,
        occupancy=occupancy,
        grid=grid,
        truth=cells[0] > 50 if cells is not None and cells[1] == grid else None,
        boxes=_boxes(instant.message(dataset_messages.BOXES_TOPIC)),
        points=points,
        lidar_origin=origin,
        title="Lift-Splat-Shoot",
    )


def _boxes(markers: Any) -> tuple[Box, ...]:
    if markers is None:
        return ()
    boxes = []
    for marker in markers.markers:
        if marker.type != marker.CUBE or marker.action != marker.ADD:
            continue
        p, q, s = marker.pose.position, marker.pose.orientation, marker.scale
        pose = Pose.from_quaternion((q.w, q.x, q.y, q.z), (p.x, p.y, p.z))
        boxes.append(Box(pose, np.array([s.x, s.y, s.z]), marker.ns))
    return tuple(boxes)
