"""Things that were found, as vision_msgs and as markers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from vision_msgs.msg import (
    BoundingBox3D,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
)
from visualization_msgs.msg import Marker, MarkerArray

from ..answers.boxes import Detections
from ..model.senses import DETECTED
from . import header
from .received import ARROW_SECONDS
from .received import names_of as names_of

_COLORS = dict.fromkeys(
    ("car", "truck", "construction_vehicle", "bus", "trailer", "motorcycle", "bicycle"), (1.0, 0.62, 0.11)
) | {"pedestrian": (0.16, 0.50, 0.98)}
_OTHER_COLOR = (0.55, 0.55, 0.60)

_SLOWEST = 0.5
"""Metres a second from which a thing has an arrow."""


def label_info(names: Sequence[str], stamp: int, frame: str, threshold: float = 0.0) -> LabelInfo:
    """What numbers of classes mean: the place of each in `names`.

    Args:
        names: of the classes.
        stamp: nanoseconds.
        frame: of what is labelled.
        threshold: least score of what is published.
    """
    classes = [VisionClass(class_id=number, class_name=name) for number, name in enumerate(names)]
    return LabelInfo(header=header(stamp, frame), class_map=classes, threshold=float(threshold))


def detection_array(things: Detections, stamp: int, frame: str = "base_link") -> Detection3DArray:
    """Things as boxes with a class and a score; `class_id` is the class's name, as in nuScenes.

    vision_msgs has no velocity, which the arrows of `object_markers` show.
    """
    detections = []
    for name, score, center, size, yaw in zip(
        things.names, things.scores, things.centers, things.sizes, things.yaws, strict=True
    ):
        pose = _pose(center, float(yaw))
        detections.append(
            Detection3D(
                header=header(stamp, frame),
                results=[
                    ObjectHypothesisWithPose(
                        hypothesis=ObjectHypothesis(class_id=name, score=float(score)),
                        pose=PoseWithCovariance(pose=pose),
                    )
                ],
                bbox=BoundingBox3D(center=pose, size=_vector(size)),
            )
        )
    return Detection3DArray(header=header(stamp, frame), detections=detections)


def detections_from_array(message: Detection3DArray) -> Detections:
    """Things of an array whose `class_id` are names or numbers of `senses.DETECTED`; others are left out.

    Velocities, which the message has not, are NaN.
    """
    rows, classes = [], []
    for detection in message.detections:
        best = max(detection.results, key=lambda result: result.hypothesis.score, default=None)
        if best is None or (number := _number(best.hypothesis.class_id)) is None:
            continue
        p, q, size = detection.bbox.center.position, detection.bbox.center.orientation, detection.bbox.size
        yaw = np.arctan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y**2 + q.z**2))
        classes.append(number)
        rows.append((best.hypothesis.score, p.x, p.y, p.z, size.x, size.y, size.z, yaw))
    found = np.array(rows, np.float32).reshape(-1, 8)
    return Detections(
        np.array(classes, np.int64),
        found[:, 0],
        found[:, 1:4],
        found[:, 4:7],
        found[:, 7],
        np.full((len(found), 2), np.nan, np.float32),
    )


def object_markers(things: Detections, stamp: int, frame: str = "base_link") -> MarkerArray:
    """A cube and a line of text for each thing, and an arrow where it moves, one second long.

    A marker before them deletes those of the last frame.
    """
    markers = [Marker(header=header(stamp, frame), action=Marker.DELETEALL)]
    for index, name in enumerate(things.names):
        red, green, blue = _COLORS.get(name, _OTHER_COLOR)
        center, size = things.centers[index], things.sizes[index]
        cube = Marker(header=header(stamp, frame), ns=name, id=index, type=Marker.CUBE)
        cube.pose = _pose(center, float(things.yaws[index]))
        cube.scale = _vector(size)
        cube.color = ColorRGBA(r=red, g=green, b=blue, a=0.5)
        text = Marker(header=header(stamp, frame), ns="score", id=index, type=Marker.TEXT_VIEW_FACING)
        text.pose = _pose(center + np.array([0, 0, size[2] / 2 + 0.5]), 0.0)
        text.scale = Vector3(z=0.8)
        text.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=0.9)
        text.text = f"{name} {things.scores[index]:.2f}"
        markers += [cube, text]
        velocity = things.velocities[index]
        if np.hypot(*velocity) >= _SLOWEST:
            markers.append(_arrow(center, velocity * ARROW_SECONDS, index, stamp, frame))
    return MarkerArray(markers=markers)


def _arrow(center: np.ndarray, reach: np.ndarray, index: int, stamp: int, frame: str) -> Marker:
    arrow = Marker(header=header(stamp, frame), ns="velocity", id=index, type=Marker.ARROW)
    x, y, z = map(float, center)
    arrow.points = [Point(x=x, y=y, z=z), Point(x=x + float(reach[0]), y=y + float(reach[1]), z=z)]
    arrow.pose.orientation.w = 1.0
    arrow.scale = Vector3(x=0.2, y=0.5, z=0.5)
    arrow.color = ColorRGBA(r=0.25, g=0.88, b=0.75, a=0.9)
    return arrow


def _pose(center: np.ndarray, yaw: float) -> Pose:
    x, y, z = map(float, center)
    return Pose(
        position=Point(x=x, y=y, z=z),
        orientation=Quaternion(z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2))),
    )


def _vector(values: np.ndarray) -> Vector3:
    x, y, z = map(float, values)
    return Vector3(x=x, y=y, z=z)


def _number(class_id: str) -> int | None:
    if class_id in DETECTED:
        return DETECTED.index(class_id)
    return int(class_id) if class_id.isdecimal() and int(class_id) < len(DETECTED) else None
