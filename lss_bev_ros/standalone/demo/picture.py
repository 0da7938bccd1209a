"""The demonstration's picture, made from what the bag holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from ... import messages
from ...errors import StandaloneError
from ...evaluation import LidarReference
from ...geometry import CAMERA_NAMES
from ...visualization.sheet import frame_sheet
from ..bag import Bag

_NEAR_NS = 60_000_000
"""Recordings this near to a prediction belong to its frame."""


def picture_from_bag(bag: Path, report: Mapping, target: Path, subtitle: str) -> None:
    """Draw the middle frame of a run: six cameras, prediction, LiDAR and ground truth.

    Args:
        bag: the recording.
        report: the evaluation of the same run; tells which frames there are and how they scored.
        target: PNG file.
        subtitle: what made the prediction.

    Raises:
        StandaloneError: the bag lacks the prediction of the frame.
    """
    frames = [frame for frame in report["per_frame"] if frame.get("iou") is not None] or report["per_frame"]
    if not frames:
        raise StandaloneError(f"{bag}: no frame was scored, so there is none to draw")
    frame = frames[len(frames) // 2]
    found = _messages_of(bag, frame["stamp"])
    if "bev/occupancy" not in found:
        raise StandaloneError(f"{bag}: no bev/occupancy of stamp {frame['stamp']}")
    occupancy, grid = messages.cells_from_grid(found["bev/occupancy"])
    truth = None
    if "ground_truth/occupancy" in found:
        cells, _ = messages.cells_from_grid(found["ground_truth/occupancy"])
        truth = cells > 50 if (cells >= 0).any() else None
    lidar = None
    cloud, mounted = found.get("lidar_top/points"), found.get("tf_static", {})
    if cloud is not None and cloud.header.frame_id in mounted:
        pose = mounted[cloud.header.frame_id]
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
    cv2.imwrite(str(target), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _messages_of(path: Path, stamp: int) -> dict:
    """Relative topic name to the message nearest to `stamp`; `tf_static` to the sensors' poses by frame."""
    ends = ["bev/occupancy", "ground_truth/occupancy", "lidar_top/points"]
    ends += [f"{name}/image_raw/compressed" for name in CAMERA_NAMES]
    found: dict = {"tf_static": {}}
    nearest: dict[str, int] = {}
    with Bag(path) as bag:
        types = {topic.name: topic.type for topic in bag.topics}
        wanted = {name: end for name in types for end in ends if name.endswith(f"/{end}")}
        for topic, _, data in bag.messages([*wanted, "/tf_static"]):
            message = deserialize_message(data, get_message(types[topic]))
            if topic == "/tf_static":
                for transform in message.transforms:
                    found["tf_static"][transform.child_frame_id] = messages.pose_from_transform(transform)
                continue
            distance = abs(messages.from_stamp(message.header.stamp) - stamp)
            end = wanted[topic]
            if distance <= nearest.get(end, _NEAR_NS):
                nearest[end], found[end] = distance, message
    return found
