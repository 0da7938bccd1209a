"""tf2_msgs/TFMessage, nav_msgs/Odometry and Path.

A rotation that is none, and a place that is NaN, are left to tf2 and to the readers: they leave out that one
transform, or name what publishes it.
"""

from __future__ import annotations

from typing import Any

from .numbers import check_count, check_place

_MOST_TRANSFORMS = 2000
_MOST_POSES = 10_000


def check_transforms(message: Any) -> None:
    """Check a TFMessage.

    Raises:
        MessageError: more transforms than a robot has, or one that is farther than anything.
    """
    check_count("transforms", len(message.transforms), _MOST_TRANSFORMS)
    for transform in message.transforms:
        check_place("transforms.transform.translation", transform.transform.translation)


def check_odometry(message: Any) -> None:
    """Check an Odometry.

    Raises:
        MessageError: the car is farther away than anything.
    """
    check_place("pose.pose.position", message.pose.pose.position)


def check_path(message: Any) -> None:
    """Check a Path.

    Raises:
        MessageError: more poses than a path has, or one that is farther than anything.
    """
    check_count("poses", len(message.poses), _MOST_POSES)
    for each in message.poses:
        check_place("poses.pose.position", each.pose.position)
