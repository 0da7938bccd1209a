"""sensor_msgs/PointCloud2."""

from __future__ import annotations

from typing import Any

from ...errors import MessageError
from .numbers import check_count

MOST_BYTES = 1 << 26
MOST_POINTS = 1 << 22
MOST_FIELDS = 256
"""Of one cloud: a LiDAR of 128 beams has a quarter million points in 12 MB."""


def check_cloud(message: Any) -> None:
    """Check a PointCloud2's counts; `returns_from_cloud` says what is wrong with its layout.

    Raises:
        MessageError: more points or fields than a cloud has, or more points than bytes.
    """
    check_count("fields", len(message.fields), MOST_FIELDS)
    points, size = message.width * message.height, len(message.data)
    if points > MOST_POINTS:
        raise MessageError(
            f"{message.width} x {message.height} points are more than the {MOST_POINTS} of one cloud: "
            f"publish one sweep a cloud"
        )
    if points > size:
        raise MessageError(f"{size} bytes cannot hold {message.width} x {message.height} points")
