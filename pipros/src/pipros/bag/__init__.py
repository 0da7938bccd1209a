"""Bags: what `ros2 bag record|play|info` do, with or without ROS 2.

A bag is a rosbag2 folder with MCAP storage, readable by ROS 2 from Humble on. Messages are kept as the
bytes that came over the wire and never decoded. `reader`, `writer` and `information` need no ROS at all;
`recorder` and `player` need rclpy, so call `pipros.activate()` before importing them where ROS 2 may
be missing.
"""

from .information import describe, summarise
from .reader import Bag, RecordedTopic
from .writer import BagWriter

__all__ = ["Bag", "BagWriter", "RecordedTopic", "describe", "summarise"]
