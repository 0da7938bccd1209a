"""Lines on the ground as markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from . import header

_COLORS = {"lane_boundary": (0.98, 0.80, 0.36), "road_boundary": (0.93, 0.35, 0.35)}
_WIDTH = 0.15


def line_markers(
    lanes: Mapping[str, Sequence[np.ndarray]], stamp: int, frame: str = "base_link"
) -> MarkerArray:
    """A strip for each line (N, 2 or 3), metres, its namespace the layer, after a marker that deletes all."""
    markers = [Marker(header=header(stamp, frame), action=Marker.DELETEALL)]
    for layer, lines in lanes.items():
        for index, line in enumerate(lines):
            strip = Marker(header=header(stamp, frame), ns=layer, id=index, type=Marker.LINE_STRIP)
            strip.points = [point_of(place) for place in line]
            strip.pose.orientation.w = 1.0
            strip.scale.x = _WIDTH
            red, green, blue = _COLORS.get(layer, (0.9, 0.9, 0.9))
            strip.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
            markers.append(strip)
    return MarkerArray(markers=markers)


def point_of(place: np.ndarray) -> Point:
    """A place of 2 or 3 numbers, metres; z is 0 where there is none."""
    x, y, *z = map(float, place)
    return Point(x=x, y=y, z=z[0] if z else 0.0)
