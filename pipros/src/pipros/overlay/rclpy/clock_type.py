"""The kinds of clock, with rclpy's names and numbers."""

from __future__ import annotations

from enum import IntEnum


class ClockType(IntEnum):
    """ROS_TIME follows /clock where `use_sim_time` is set, and the system's clock otherwise."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3
