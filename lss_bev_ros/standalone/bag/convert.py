"""Deprecated, ends with 0.3: `lss_bev_ros.bags.convert`."""

from lss_bev_ros.bags.convert import *  # noqa: F403
