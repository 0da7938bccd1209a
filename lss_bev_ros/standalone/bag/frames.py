"""Deprecated, ends with 0.3: `lss_bev_ros.bags.frames`."""

from lss_bev_ros.bags.frames import *  # noqa: F403
