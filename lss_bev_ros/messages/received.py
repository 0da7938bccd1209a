"""What the topics of a multi-sense network's answers say, read without loading a network."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import Path
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import LabelInfo
from visualization_msgs.msg import Marker, MarkerArray

from ..errors import GeometryError
from ..geometry import Box, Pose
from . import _read

ARROW_SECONDS = 1.0
"""How far ahead the arrow of a moving thing reaches."""


def points_from_path(message: Path) -> np.ndarray:
    """(N, 3) float64 places of a path."""
    places = [each.pose.position for each in message.poses]
    return np.array([(place.x, place.y, place.z) for place in places], np.float64).reshape(-1, 3)


def lines_from_markers(message: MarkerArray) -> dict[str, list[np.ndarray]]:
    """Polylines (N, 3) of `paths.lane_markers`, by layer."""
    found: dict[str, list[np.ndarray]] = {}
    for marker in message.markers:
        if marker.action == Marker.ADD and marker.type == Marker.LINE_STRIP:
            line = np.array([(p.x, p.y, p.z) for p in marker.points], np.float64).reshape(-1, 3)
            found.setdefault(marker.ns, []).append(line)
    return found


def names_of(message: LabelInfo) -> dict[int, str]:
    """Class names by their numbers."""
    return {int(each.class_id): each.class_name for each in message.class_map}


def objects_from_markers(message: MarkerArray) -> list[tuple[Box, float]]:
    """Things of `objects.object_markers` and how sure each is, NaN where no text says so.

    A velocity is that of the thing's arrow; without one it stands. What is nowhere is left out.
    """
    arrows, scores = {}, {}
    for marker in message.markers:
        if marker.type == Marker.ARROW and len(marker.points) == 2:
            tail, head = marker.points
            arrows[marker.id] = np.array([head.x - tail.x, head.y - tail.y]) / ARROW_SECONDS
        elif marker.type == Marker.TEXT_VIEW_FACING:
            scores[marker.id] = _number(marker.text.rpartition(" ")[2])
    found = []
    for marker in message.markers:
        if marker.action != Marker.ADD or marker.type != Marker.CUBE:
            continue
        p, q = marker.pose.position, marker.pose.orientation
        yaw = float(np.arctan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y**2 + q.z**2)))
        if not np.isfinite((p.x, p.y, p.z, yaw)).all():
            continue
        size = np.array([marker.scale.x, marker.scale.y, marker.scale.z])
        box = Box(
            Pose.from_yaw(yaw, (p.x, p.y, p.z)), size, marker.ns, velocity=arrows.get(marker.id, np.zeros(2))
        )
        found.append((box, scores.get(marker.id, float("nan"))))
    return found


def voxels_from_cloud(message: PointCloud2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels of `voxels.voxel_cloud`: middles (M, 3) float32, classes (M,) uint8, colours (M, 3) uint8 RGB.

    Raises:
        GeometryError: a cloud without x, y, z, rgb and class_id, or data that does not fit its layout.
    """
    if missing := {"rgb", "class_id"} - {field.name for field in message.fields}:
        raise GeometryError(
            f"{message.header.frame_id}: a cloud of voxels needs fields rgb and class_id; "
            f"{' and '.join(sorted(missing))} is missing"
        )
    wanted: dict[str, np.dtype] = dict.fromkeys("xyz", np.dtype("<f4")) | {
        "rgb": np.dtype("<f4"),
        "class_id": np.dtype("u1"),
    }
    columns = _read(message, wanted)
    centers: np.ndarray = np.stack([columns[name] for name in "xyz"], axis=-1)
    packed = np.ascontiguousarray(columns["rgb"]).view(np.uint32)
    colors = np.stack([packed >> 16, packed >> 8, packed], axis=-1).astype(np.uint8)
    return centers, columns["class_id"], colors


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
