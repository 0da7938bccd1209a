"""The topics of the multi-sense network's answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid, Path
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, PointCloud2
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..answers.boxes import THRESHOLD
from ..answers.segmentation import CLASSES
from ..messages.maps import class_image
from ..messages.objects import detection_array, label_info, object_markers
from ..messages.paths import lane_markers, path, plan_path
from ..messages.voxels import voxel_cloud
from ..model.senses import DETECTED, OCCUPIED
from ..runtime.multi_sense.answers import Answers
from ..topics import (
    COST_TOPIC,
    LANE_TOPICS,
    LANES_TOPIC,
    LAYER_TOPICS,
    OBJECT_MARKERS_TOPIC,
    OBJECTS_TOPIC,
    PLAN_TOPIC,
    SEGMENTATION_TOPIC,
    VOXELS_TOPIC,
    labels_topic,
)
from .qos import RELIABLE, latched_qos


@dataclass(frozen=True, eq=False)
class _Output:
    """A topic, the answer that it is of, and how its message is made."""

    publisher: Publisher
    answer: str
    make: Callable[[Answers], Any]


class AnswerTopics:
    """Publishes answers, each only while somebody listens to it.

    Args:
        node: whose topics they are.
        given: answers that the weights give and the node is to publish, of `runtime.multi_sense.ANSWERS`.
        frame: the car's frame.
    """

    def __init__(self, node: Node, given: Collection[str], frame: str) -> None:
        self._node, self._frame = node, frame
        self._outputs: list[_Output] = []
        self._labels: list[Publisher] = []
        makers: dict[str, Callable[[], None]] = {
            "segmentation": self._of_segmentation,
            "boxes": self._of_boxes,
            "occupancy": self._of_occupancy,
            "lanes": self._of_lanes,
            "plan": self._of_plan,
        }
        for answer, make in makers.items():
            if answer in given:
                make()

    def wanted(self) -> set[str]:
        """Answers that somebody listens to now."""
        return {each.answer for each in self._outputs if _heard(each.publisher)}

    def publish(self, answers: Answers) -> None:
        """Publish what is there and listened to."""
        for each in self._outputs:
            if getattr(answers, each.answer) is not None and _heard(each.publisher):
                each.publisher.publish(each.make(answers))

    # -- which topics an answer has -------------------------------------------------------------------

    def _of_segmentation(self) -> None:
        frame = self._frame

        def classes(answers: Answers) -> Image:
            assert answers.segmentation is not None
            return class_image(answers.segmentation.classes, answers.stamp, frame)

        self._add(Image, SEGMENTATION_TOPIC, "segmentation", classes)
        self._label(SEGMENTATION_TOPIC, CLASSES)
        for layer, topic in LAYER_TOPICS.items():
            self._add(OccupancyGrid, topic, "segmentation", self._layer(layer), latched_qos())

    def _layer(self, layer: str) -> Callable[[Answers], OccupancyGrid]:
        def grid(answers: Answers) -> OccupancyGrid:
            assert answers.segmentation is not None
            return self._grid(answers.segmentation[layer], answers)

        return grid

    def _of_boxes(self) -> None:
        frame = self._frame

        def detections(answers: Answers) -> Detection3DArray:
            assert answers.boxes is not None
            return detection_array(answers.boxes, answers.stamp, frame)

        def markers(answers: Answers) -> MarkerArray:
            assert answers.boxes is not None
            return object_markers(answers.boxes, answers.stamp, frame)

        self._add(Detection3DArray, OBJECTS_TOPIC, "boxes", detections)
        self._add(MarkerArray, OBJECT_MARKERS_TOPIC, "boxes", markers)
        self._label(OBJECTS_TOPIC, DETECTED, THRESHOLD)

    def _of_occupancy(self) -> None:
        frame = self._frame

        def cloud(answers: Answers) -> PointCloud2:
            assert answers.occupancy is not None
            return voxel_cloud(answers.occupancy, answers.stamp, frame)

        self._add(PointCloud2, VOXELS_TOPIC, "occupancy", cloud)
        self._label(VOXELS_TOPIC, OCCUPIED)

    def _of_lanes(self) -> None:
        frame = self._frame

        def markers(answers: Answers) -> MarkerArray:
            assert answers.lanes is not None
            return lane_markers(answers.lanes, answers.stamp, frame)

        self._add(MarkerArray, LANES_TOPIC, "lanes", markers)
        for index, topic in enumerate(LANE_TOPICS):
            self._add(Path, topic, "lanes", self._lane(index))

    def _lane(self, index: int) -> Callable[[Answers], Path]:
        def lane(answers: Answers) -> Path:
            assert answers.lanes is not None
            lines = answers.lanes["lane_boundary"]
            # A path without poses says that there are no more lanes.
            points = lines[index].points if index < len(lines) else np.empty((0, 2))
            return path(points, answers.stamp, self._frame)

        return lane

    def _of_plan(self) -> None:
        def best(answers: Answers) -> Path:
            assert answers.plan is not None
            return plan_path(answers.plan, answers.stamp, self._frame)

        def cost(answers: Answers) -> OccupancyGrid:
            assert answers.plan is not None
            return self._grid(answers.plan.percents, answers)

        self._add(Path, PLAN_TOPIC, "plan", best)
        self._add(OccupancyGrid, COST_TOPIC, "plan", cost, latched_qos())

    # -- parts ------------------------------------------------------------------------------------------

    def _add(
        self,
        kind: type,
        topic: str,
        answer: str,
        make: Callable[[Answers], Any],
        qos: QoSProfile = RELIABLE,
    ) -> None:
        self._outputs.append(_Output(self._node.create_publisher(kind, topic, qos), answer, make))

    def _label(self, topic: str, names: Collection[str], threshold: float = 0.0) -> None:
        """Tell once, to those who come late too, what the numbers on a topic mean."""
        publisher = self._node.create_publisher(LabelInfo, labels_topic(topic), latched_qos())
        now = self._node.get_clock().now().nanoseconds
        publisher.publish(label_info(tuple(names), now, self._frame, threshold))
        self._labels.append(publisher)

    def _grid(self, percents: np.ndarray, answers: Answers) -> OccupancyGrid:
        return messages.occupancy_grid(percents, answers.grid, answers.stamp, self._frame)


def _heard(publisher: Publisher) -> bool:
    return bool(publisher.get_subscription_count() > 0)
