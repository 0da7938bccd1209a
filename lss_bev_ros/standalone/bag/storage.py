"""Deprecated, ends with 0.3: `pipros.bag.storage`."""

from pipros.bag.storage import *  # noqa: F403
