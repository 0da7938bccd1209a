"""Detected objects against annotated ones, as far as topics tell of both.

The truth on `ground_truth/boxes` has a class, a place and a size, but neither velocities nor attributes, and
vision_msgs has no velocities either: so there is a mean AP here, and no NDS, which `lss-bev evaluate` gives.
Markers do not say how often LiDAR hit a box, so that returns are counted in the scan of the instant, where
there is one; radar's are not known. Without a scan every annotated box counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..errors import EvaluationError
from ..evaluation import BoxSet, DetectionScore
from ..geometry import Box

TOLD = ("map", "map_present", "mate", "mase", "maoe")
"""Of `DetectionScore`, what topics are enough for."""


class ObjectScore:
    """Counts objects frame by frame.

    Args:
        base_frame: in which both must be.
    """

    kind = Detection3DArray

    def __init__(self, base_frame: str) -> None:
        self._frame = base_frame
        self._score = DetectionScore()

    @property
    def frames(self) -> int:
        """Frames that are scored."""
        return self._score.frames

    def update(
        self, found: Detection3DArray, truth: MarkerArray, points: np.ndarray | None = None
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            found: detected objects.
            truth: annotated ones, as `messages.box_markers` makes them.
            points: (N, 3) of the instant's scan in base_link, metres; None without one.

        Returns:
            The frame's metrics by name.

        Raises:
            EvaluationError: objects in another frame.
            GeometryError: a marker whose orientation is no rotation.
        """
        from ..messages.objects import detections_from_array  # with it comes torch

        for topic, each in (("bev/objects", found), *(("ground_truth/boxes", m) for m in truth.markers[:1])):
            if each.header.frame_id != self._frame:
                raise EvaluationError(
                    f"{topic} is in frame {each.header.frame_id!r}, not {self._frame!r}: publish both there, "
                    f"or set base_frame"
                )
        things = detections_from_array(found)
        detected = BoxSet.of(things.classes, things.centers, things.sizes, things.yaws, scores=things.scores)
        boxes = messages.boxes_from_markers(truth)
        if points is not None:
            boxes = _hit(boxes, points)
        self._score.update(detected, BoxSet.from_boxes(boxes), racks=boxes)
        last = self._score.last
        return {name: last[name] for name in TOLD}

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name."""
        found = self._score.running
        return {name: found[name] for name in TOLD}


def _hit(boxes: Sequence[Box], points: np.ndarray) -> list[Box]:
    """The boxes, each with the number of points inside."""
    return [replace(box, num_lidar_pts=int(box.contains(points).sum())) for box in boxes]
