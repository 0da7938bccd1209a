"""Topics: what `ros2 topic list|echo|hz|bw|info` do, with or without ROS 2.

They need rclpy, so call `pipros.activate()` before importing this where ROS 2 may be missing.
"""

from pipros.names import absolute

from .echo import echo
from .information import describe
from .listing import TopicListing, format_listing, list_topics
from .offers import message_class, request_for
from .rate import Bandwidth, Rate, bandwidth, rate
from .request import Request
from .session import Session

__all__ = [
    "Bandwidth",
    "Rate",
    "Request",
    "Session",
    "TopicListing",
    "absolute",
    "bandwidth",
    "describe",
    "echo",
    "format_listing",
    "list_topics",
    "message_class",
    "rate",
    "request_for",
]
