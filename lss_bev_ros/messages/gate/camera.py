"""sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any

from ...errors import MessageError
from .numbers import check_count

MOST_COEFFICIENTS = 32
"""Of a lens; OpenCV's longest model has 14."""

_LONGEST_SIDE = 65_535
"""Pixels; no file of a picture can have more."""


def check_camera_info(message: Any) -> None:
    """Check a CameraInfo's sizes; `camera_info` says what is wrong with its numbers, and what to do.

    Raises:
        MessageError: a size that no picture has, or more coefficients than a lens.
    """
    check_count("d", len(message.d), MOST_COEFFICIENTS)
    if max(message.width, message.height) > _LONGEST_SIDE:
        raise MessageError(f"{message.width}x{message.height} pixels are no size of a camera")
