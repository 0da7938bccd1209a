"""Lanes and plans as paths and markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from geometry_msgs.msg import Point, PoseStamped
from nav_msgs.msg import Path
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from ..geometry.path import headings
from . import header
from .received import lines_from_markers as lines_from_markers
from .received import points_from_path as points_from_path

if TYPE_CHECKING:
    from ..answers.lanes import TracedLine
    from ..answers.plan import PathPlan

_COLORS = {"lane_boundary": (0.98, 0.80, 0.36), "road_boundary": (0.93, 0.35, 0.35)}
_WIDTH = 0.15


def path(points: np.ndarray, stamp: int, frame: str = "base_link", step: float = 0.0) -> Path:
    """A polyline (N, 2 or 3), metres, as a path; each pose looks along it.

    Args:
        points: of the line, in order.
        stamp: nanoseconds, of all poses where `step` is 0; else the car is at each one `step` seconds after
            the one before, at the first `step` seconds after the stamp.
        frame: of the points.
        step: seconds.
    """
    points = np.asarray(points, np.float64)
    moved = np.gradient(points[:, :2], axis=0) if len(points) > 1 else np.zeros((len(points), 2))
    if step:
        yaws = headings(np.concatenate([np.zeros((1, 2)), points[:, :2]]))[1:]
    else:
        yaws = np.arctan2(moved[:, 1], moved[:, 0])
    poses = []
    for index, (point, yaw) in enumerate(zip(points, yaws, strict=True)):
        pose = PoseStamped(header=header(stamp + round((index + 1) * step * 1e9), frame))
        pose.pose.position = _point(point)
        pose.pose.orientation.z, pose.pose.orientation.w = float(np.sin(yaw / 2)), float(np.cos(yaw / 2))
        poses.append(pose)
    return Path(header=header(stamp, frame), poses=poses)


def plan_path(plan: PathPlan, stamp: int, frame: str = "base_link") -> Path:
    """The best path of a plan; each pose's stamp is when the car is there."""
    from ..model.heads import PLAN_STEP  # with it comes torch

    return path(plan.best, stamp, frame, PLAN_STEP)


def lane_markers(
    lanes: Mapping[str, Sequence[TracedLine]], stamp: int, frame: str = "base_link"
) -> MarkerArray:
    """A line strip for each line, its namespace the layer, after a marker that deletes the last ones."""
    return line_markers(
        {layer: [line.points for line in lines] for layer, lines in lanes.items()}, stamp, frame
    )


def line_markers(
    lanes: Mapping[str, Sequence[np.ndarray]], stamp: int, frame: str = "base_link"
) -> MarkerArray:
    """The same of lines (N, 2 or 3), metres."""
    markers = [Marker(header=header(stamp, frame), action=Marker.DELETEALL)]
    for layer, lines in lanes.items():
        for index, line in enumerate(lines):
            strip = Marker(header=header(stamp, frame), ns=layer, id=index, type=Marker.LINE_STRIP)
            strip.points = [_point(place) for place in line]
            strip.pose.orientation.w = 1.0
            strip.scale.x = _WIDTH
            red, green, blue = _COLORS.get(layer, (0.9, 0.9, 0.9))
            strip.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
            markers.append(strip)
    return MarkerArray(markers=markers)


def _point(place: np.ndarray) -> Point:
    x, y, *z = map(float, place)
    return Point(x=x, y=y, z=z[0] if z else 0.0)
