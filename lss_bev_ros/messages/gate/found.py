"""What vision_msgs has: things that were found, and what numbers of classes mean."""

from __future__ import annotations

from typing import Any

from ...errors import MessageError
from .numbers import check_count, is_finite

_MOST_THINGS = 4000
_MOST_CLASSES = 1000
_FARTHEST, _LONGEST = 1e6, 1e4
"""Metres to a thing, and of one side of it."""


def check_detections(message: Any) -> None:
    """Check a Detection3DArray.

    Raises:
        MessageError: too many things, one that is nowhere, or one that has no size or no score.
    """
    check_count("detections", len(message.detections), _MOST_THINGS)
    for detection in message.detections:
        check_count("detections.results", len(detection.results), _MOST_CLASSES)
        if not is_finite(*(result.hypothesis.score for result in detection.results)):
            raise MessageError("detections.results.hypothesis.score is no number")
        p, q, size = detection.bbox.center.position, detection.bbox.center.orientation, detection.bbox.size
        if not is_finite(p.x, p.y, p.z, q.x, q.y, q.z, q.w) or max(abs(p.x), abs(p.y), abs(p.z)) > _FARTHEST:
            raise MessageError("detections.bbox.center is no place and orientation")
        if not all(0.0 <= side <= _LONGEST for side in (size.x, size.y, size.z)):
            raise MessageError(f"detections.bbox.size of {size.x:g}, {size.y:g}, {size.z:g} m is of no thing")


def check_labels(message: Any) -> None:
    """Check a LabelInfo.

    Raises:
        MessageError: more classes than anybody has.
    """
    check_count("class_map", len(message.class_map), _MOST_CLASSES)
