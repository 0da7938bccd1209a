"""What is wrong with a car's topics, and what solves it."""

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
