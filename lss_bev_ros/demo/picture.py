"""The demonstration's picture, made from what the bag holds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
from visualization_msgs.msg import MarkerArray

from pipros.bag import Bag

from .. import files, messages
from ..bags.answers import ANSWER_TOPICS, LABELS_TOPIC, PROMPT_TOPICS, recorded_moment
from ..bags.car import RecordedMounting, Warn, decoded, find_car
from ..errors import RosError
from ..evaluation import LidarReference
from ..geometry import CAMERA_NAMES, Rig
from ..topics import image_topic, info_topic
from ..visualization.moment import moment_sheet
from ..visualization.sheet import CAMERAS_ALONE, frame_sheet

_NEAR_NS = 60_000_000
"""Recordings this near to a prediction belong to its frame."""

_RECORDED_NS = (-2_000_000_000, 20_000_000_000)
"""When what belongs to a frame was recorded, from its stamp on, where stamps are of the time of recording."""


def picture_from_bag(
    bag: Path, report: Mapping, target: Path, subtitle: str, seen_by: str = CAMERAS_ALONE
) -> None:
    """Draw the middle frame of a run: six cameras, prediction, LiDAR and ground truth.

    Args:
        bag: the recording.
        report: the evaluation of the same run; tells which frames there are and how they scored.
        target: PNG file.
        subtitle: what made the prediction.
        seen_by: as in `frame_sheet`.

    Raises:
        RosError: the bag lacks the prediction of the frame.
    """
    frames = [frame for frame in report["per_frame"] if frame.get("iou") is not None] or report["per_frame"]
    if not frames:
        raise RosError(f"{bag}: no frame was scored, so there is none to draw")
    frame = frames[len(frames) // 2]
    found = _messages_of(bag, frame["stamp"])
    if "bev/occupancy" not in found:
        raise RosError(f"{bag}: no bev/occupancy of stamp {frame['stamp']}")
    occupancy, grid = messages.cells_from_grid(found["bev/occupancy"])
    truth = None
    if "ground_truth/occupancy" in found:
        cells, _ = messages.cells_from_grid(found["ground_truth/occupancy"])
        truth = cells > 50 if (cells >= 0).any() else None
    lidar = None
    cloud, pose = found.get("lidar_top/points"), found.get("lidar_pose")
    if cloud is not None and pose is not None:
        points = pose.apply(messages.xyz_from_cloud(cloud))
        lidar = LidarReference(grid).observe(points, pose.translation)
    images = {
        name: bytes(found[f"{name}/image_raw/compressed"].data)
        for name in CAMERA_NAMES
        if f"{name}/image_raw/compressed" in found
    }
    sheet = frame_sheet(
        images,
        occupancy,
        grid,
        lidar,
        truth,
        title="Lift-Splat-Shoot",
        subtitle=f"weights: {subtitle}",
        metrics={name: value for name, value in frame.items() if isinstance(value, float)},
        seen_by=seen_by,
    )
    _, encoded = cv2.imencode(target.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    files.write(target, encoded.tobytes(), RosError)


def answers_from_bag(bag: Path, report: Mapping, target: Path, subtitle: str) -> bool:
    """Draw the middle frame of a run with every answer of a multi-sense network.

    Args:
        bag: the recording.
        report: the evaluation of the same run.
        target: PNG file.
        subtitle: what made the answers.

    Returns:
        Whether there were any; without, nothing is written.

    Raises:
        RosError: the picture cannot be written.
    """
    frames = report["per_frame"]
    if not frames:
        return False
    more = (*ANSWER_TOPICS, *PROMPT_TOPICS, *(info_topic(name) for name in CAMERA_NAMES))
    found = _messages_of(bag, frames[len(frames) // 2]["stamp"], more, (LABELS_TOPIC,))
    if "bev/occupancy" not in found:
        return False
    images = {
        name: bytes(found[topic].data) for name in CAMERA_NAMES if (topic := image_topic(name)) in found
    }
    title = f"every answer of one moment, weights: {subtitle}"
    vehicles, grid = messages.cells_from_grid(found["bev/occupancy"])
    moment = recorded_moment(found, vehicles, grid, Rig(tuple(found["cameras"])), images, title)
    if moment is None:
        return False
    _, encoded = cv2.imencode(target.suffix, cv2.cvtColor(moment_sheet(moment), cv2.COLOR_RGB2BGR))
    files.write(target, encoded.tobytes(), RosError)
    return True


def _messages_of(path: Path, stamp: int, more: Sequence[str] = (), kept: Sequence[str] = ()) -> dict:
    """Relative topic name to the message nearest to `stamp`.

    `lidar_pose` is where the LiDAR is; `cameras` are those whose calibration is among `more`. Of topics of
    `kept` a message holds until the next one.
    """
    ends = ["bev/occupancy", "ground_truth/occupancy", "lidar_top/points", *more]
    ends += [f"{name}/image_raw/compressed" for name in CAMERA_NAMES]
    found: dict = {}
    with Bag(path) as bag:
        car = find_car(bag, needed="bev/occupancy")
        # The answers are beside the vehicles' grid, wherever that is.
        below = car.names.get("bev/occupancy", "").removesuffix("bev/occupancy")
        there = {topic.name for topic in bag.topics if topic.count}
        names = {end: f"{below}{end}" for end in (*more, *kept) if f"{below}{end}" in there} | dict(car.names)
        wanted = {names[end]: end for end in ends if end in names}
        warn = Warn(lambda line: print(line, file=sys.stderr))
        begin, end = (stamp + offset for offset in _RECORDED_NS)
        # First there alone: a long run has many thousands of images.
        for span in ((begin, end), (None, None)):
            found = _nearest(bag, wanted, stamp, warn, *span)
            if "bev/occupancy" in found:
                break
        lasting = {names[end]: end for end in kept if end in names}
        for topic, message in decoded(bag, lasting, warn, None, None):
            found[lasting[topic]] = message
        scan = found.get("lidar_top/points")
        if scan is not None:
            mounting = RecordedMounting(bag, car, warn)
            found["lidar_pose"] = mounting.pose(scan.header.frame_id, stamp, "the LiDAR")
        if more:
            mounting = RecordedMounting(bag, car, warn)
            placed = [
                mounting.camera(name, found[info_topic(name)], stamp)
                for name in CAMERA_NAMES
                if info_topic(name) in found
            ]
            found["cameras"] = [camera for camera in placed if camera is not None]
    return found


def _nearest(
    bag: Bag, wanted: Mapping[str, str], stamp: int, warn: Warn, start: int | None, stop: int | None
) -> dict:
    """Relative topic name to the message nearest to `stamp` of those recorded from `start` to `stop`."""
    found: dict = {}
    nearest: dict[str, int] = {}
    for topic, message in decoded(bag, wanted, warn, start, stop):
        part = next(iter(message.markers), None) if isinstance(message, MarkerArray) else message
        if part is None:
            continue
        distance = abs(messages.from_stamp(part.header.stamp) - stamp)
        end = wanted[topic]
        if distance <= nearest.get(end, _NEAR_NS):
            nearest[end], found[end] = distance, message
    return found
