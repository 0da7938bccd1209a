"""Errors that rclpy has from its extension of C++, where a program may find them."""

from __future__ import annotations

from pipros.errors import PiprosError


class RCLError(RuntimeError):
    """What rcl refused."""


class RCLInvalidROSArgsError(RCLError, PiprosError):
    """Arguments behind --ros-args that mean nothing. rclpy.init itself raises plain RCLError."""


class UnknownROSArgsError(RuntimeError, PiprosError):
    """Arguments behind --ros-args that ROS does not know."""


class RMWError(RuntimeError, PiprosError):
    """What the middleware refused."""


class NodeNameNonExistentError(RCLError):
    """A node is asked about that is not there."""
