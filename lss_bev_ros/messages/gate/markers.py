"""visualization_msgs/MarkerArray."""

from __future__ import annotations

from typing import Any

from .numbers import check_count, check_place

_MOST_MARKERS = 4000
_MOST_POINTS = 50_000


def check_markers(message: Any) -> None:
    """Check a MarkerArray.

    Raises:
        MessageError: too many markers or points of them, or one that is farther away than anything.
    """
    check_count("markers", len(message.markers), _MOST_MARKERS)
    check_count("markers.points", sum(len(marker.points) for marker in message.markers), _MOST_POINTS)
    for marker in message.markers:
        check_place("markers.pose.position", marker.pose.position)
        check_place("markers.scale", marker.scale)
        for point in marker.points:
            check_place("markers.points", point)
