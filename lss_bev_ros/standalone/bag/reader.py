"""Deprecated, ends with 0.3: `pipros.bag.reader`."""

from pipros.bag.reader import *  # noqa: F403
