"""The demonstration's picture, made from what the bag holds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import cv2

from pipros.bag import Bag

from .. import files, messages
from ..bags.car import RecordedMounting, Warn, decoded, find_car
from ..errors import RosError
from ..evaluation import LidarReference
from ..geometry import CAMERA_NAMES
from ..visualization.sheet import frame_sheet

_NEAR_NS = 60_000_000
"""Recordings this near to a prediction belong to its frame."""

_RECORDED_NS = (-2_000_000_000, 20_000_000_000)
"""When what belongs to a frame was recorded, from its stamp on, where stamps are of the time of recording."""


def picture_from_bag(bag: Path, report: Mapping, target: Path, subtitle: str) -> None:
    """Draw the middle frame of a run: six cameras, prediction, LiDAR and ground truth.

    Args:
        bag: the recording.
        report: the evaluation of the same run; tells which frames there are and how they scored.
        target: PNG file.
        subtitle: what made the prediction.

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
    )
    _, encoded = cv2.imencode(target.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    files.write(target, encoded.tobytes(), RosError)


def _messages_of(path: Path, stamp: int) -> dict:
    """Relative topic name to the message nearest to `stamp`; `lidar_pose` to where the LiDAR is."""
    ends = ["bev/occupancy", "ground_truth/occupancy", "lidar_top/points"]
    ends += [f"{name}/image_raw/compressed" for name in CAMERA_NAMES]
    found: dict = {}
    with Bag(path) as bag:
        car = find_car(bag, needed="bev/occupancy")
        wanted = {car.names[end]: end for end in ends if end in car.names}
        warn = Warn(lambda line: print(line, file=sys.stderr))
        begin, end = (stamp + offset for offset in _RECORDED_NS)
        # First there alone: a long run has many thousands of images.
        for span in ((begin, end), (None, None)):
            found = _nearest(bag, wanted, stamp, warn, *span)
            if "bev/occupancy" in found:
                break
        scan = found.get("lidar_top/points")
        if scan is not None:
            mounting = RecordedMounting(bag, car, warn)
            found["lidar_pose"] = mounting.pose(scan.header.frame_id, stamp, "the LiDAR")
    return found


def _nearest(
    bag: Bag, wanted: Mapping[str, str], stamp: int, warn: Warn, start: int | None, stop: int | None
) -> dict:
    """Relative topic name to the message nearest to `stamp` of those recorded from `start` to `stop`."""
    found: dict = {}
    nearest: dict[str, int] = {}
    for topic, message in decoded(bag, wanted, warn, start, stop):
        distance = abs(messages.from_stamp(message.header.stamp) - stamp)
        end = wanted[topic]
        if distance <= nearest.get(end, _NEAR_NS):
            nearest[end], found[end] = distance, message
    return found
