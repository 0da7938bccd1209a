"""Deprecated, ends with 0.3: `pipros.bag`."""

from pipros.bag import *  # noqa: F403
