"""Deprecated, ends with 0.3: `lss_bev_ros.topics`."""

from .topics import *  # noqa: F403
