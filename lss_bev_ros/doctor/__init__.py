"""What is wrong with a car's topics, and what solves it.

A `Recording` of a few seconds goes in, `Problem`s with remedies come out. A `check_...` function in a module
that is named after its subject makes them, `examination` calls all in order, `report` tells them. `watch` has
those that are cheap enough for a running node. `alignment` and `fitting` compare pictures with LiDAR.
"""

from .examination import Examination, examine, merged
from .recording import (
    ERROR,
    WARN,
    CameraRecord,
    Cloud,
    LidarRecord,
    Offer,
    Problem,
    Recording,
    Shot,
    TopicRecord,
)
from .tree import FrameGraph

__all__ = [
    "ERROR",
    "WARN",
    "CameraRecord",
    "Cloud",
    "Examination",
    "FrameGraph",
    "LidarRecord",
    "Offer",
    "Problem",
    "Recording",
    "Shot",
    "TopicRecord",
    "examine",
    "merged",
]
