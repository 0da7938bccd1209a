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
from .tree import TransformTree

__all__ = [
    "ERROR",
    "WARN",
    "CameraRecord",
    "Cloud",
    "Examination",
    "LidarRecord",
    "Offer",
    "Problem",
    "Recording",
    "Shot",
    "TopicRecord",
    "TransformTree",
    "examine",
    "merged",
]
