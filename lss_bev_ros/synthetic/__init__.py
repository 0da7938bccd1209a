"""Synthetic nuScenes: a procedural driving world, its sensors, and the data set they write."""

from .config import WorldConfig
from .synthesis import synthesize

__all__ = ["WorldConfig", "synthesize"]
