"""The error whose message is meant for the user: one line that names what is wrong and the remedy."""

from __future__ import annotations


class PiprosError(Exception):
    """Something that this stand-in cannot do, or a broken launch file, topic, bag or ROS 2."""
