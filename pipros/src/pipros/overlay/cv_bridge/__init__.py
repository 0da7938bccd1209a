"""Images between ROS and OpenCV, where ROS 2 is not installed: cv_bridge's `CvBridge`."""

from __future__ import annotations

from cv_bridge.core import CvBridge, CvBridgeError

__all__ = ["CvBridge", "CvBridgeError"]
