"""The topics of what texts name, which change while the node runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from vision_msgs.msg import LabelInfo

from .. import messages
from ..errors import LssBevError, WordsError
from ..messages.maps import similarity_percents
from ..messages.objects import label_info
from ..runtime.multi_sense.answers import Answers
from ..topics import PROMPTS_TOPIC, labels_topic, prompt_topic
from ..words.prompts import parsed
from .qos import latched_qos

Scorer = Callable[[torch.Tensor, Sequence[str]], np.ndarray]


class PromptTopics:
    """A grid for each text of the parameter `prompts`, published while somebody listens.

    Args:
        node: which has the parameter.
        texts: that it was started with, checked.
        frame: the car's frame.
        score: (P, nx, ny) of 0 to 1, of (E, nx, ny) cells and P texts.

    Attributes:
        problem: why nothing is published, one line; empty where it is.
    """

    def __init__(self, node: Node, texts: Sequence[str], frame: str, score: Scorer) -> None:
        self._node, self._frame, self._score = node, frame, score
        self.problem = ""
        self._grids: list[Publisher] = []
        self._labels = node.create_publisher(LabelInfo, labels_topic(PROMPTS_TOPIC), latched_qos())
        self._texts: tuple[str, ...] = ()
        self._take(texts)
        node.add_on_set_parameters_callback(self._on_parameters)

    @property
    def texts(self) -> tuple[str, ...]:
        """Of the topics, in their order."""
        return self._texts

    def wanted(self) -> bool:
        """Whether somebody listens to one of them."""
        return any(each.get_subscription_count() > 0 for each in self._grids[: len(self._texts)])

    def publish(self, answers: Answers) -> None:
        """Publish what is listened to."""
        texts, grids = self._texts, self._grids
        heard = [index for index in range(len(texts)) if grids[index].get_subscription_count() > 0]
        if not heard or answers.embedding is None:
            return
        try:
            scores = self._score(answers.embedding, [texts[index] for index in heard])
        except LssBevError as error:
            self.problem = str(error)
            return
        self.problem = ""
        for index, score in zip(heard, scores, strict=True):
            percents = similarity_percents(score, answers.reached)
            grids[index].publish(messages.occupancy_grid(percents, answers.grid, answers.stamp, self._frame))

    def _on_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        for parameter in changed:
            if parameter.name == "prompts":
                try:
                    texts = parsed(parameter.value or [])
                except WordsError as error:
                    return SetParametersResult(successful=False, reason=str(error))
                self._take(texts)
        return SetParametersResult(successful=True)

    def _take(self, texts: Sequence[str]) -> None:
        """Other texts: topics that there are already stay, since their subscribers do."""
        grids = list(self._grids)
        for index in range(len(grids), len(texts)):
            grids.append(self._node.create_publisher(OccupancyGrid, prompt_topic(index), latched_qos()))
        self._grids = grids  # before the texts, which the network's thread reads first
        self._texts = tuple(texts)
        now = self._node.get_clock().now().nanoseconds
        self._labels.publish(label_info(self._texts, now, self._frame))
