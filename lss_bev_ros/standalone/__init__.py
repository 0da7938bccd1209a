"""Deprecated, ends with 0.3: `the distribution pipros`."""

from pipros import *  # noqa: F403
