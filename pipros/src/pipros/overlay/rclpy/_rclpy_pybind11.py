"""Errors that rclpy has from its extension of C++, where a program may find them."""

from __future__ import annotations


class RCLError(RuntimeError):
    """What rcl refused."""


class NodeNameNonExistentError(RCLError):
    """A node is asked about that is not there."""
