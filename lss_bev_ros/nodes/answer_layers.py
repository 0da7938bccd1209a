"""The dashboard's side of a multi-sense network: answers, each received only while somebody looks at it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from nav_msgs.msg import OccupancyGrid, Path
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.task import Future as Answered
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import LabelInfo
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..dashboard.answers import (
    LAYERS,
    PROMPTS,
    AnswersControl,
    grid_layer,
    lines_layer,
    objects_layer,
    voxels_layer,
)
from ..dashboard.replay_control import Answer
from ..messages import received
from ..topics import (
    COST_TOPIC,
    LANES_TOPIC,
    LAYER_TOPICS,
    OBJECT_MARKERS_TOPIC,
    PLAN_TOPIC,
    PROMPTS_TOPIC,
    VOXELS_TOPIC,
    labels_topic,
    prompt_topic,
)
from .qos import RELIABLE, latched_qos

TOPICS = {
    **LAYER_TOPICS,
    "objects": OBJECT_MARKERS_TOPIC,
    "lanes": LANES_TOPIC,
    "plan": PLAN_TOPIC,
    "cost": COST_TOPIC,
    "voxels": VOXELS_TOPIC,
    **{name: prompt_topic(index) for index, name in enumerate(PROMPTS)},
}
"""Where each layer of the page comes from."""

Offer = Callable[[str, Callable[[], bytes]], None]


class AnswerLayers(AnswersControl):
    """Subscribes to what is looked at. Requests come from the page's thread and are done by the executor.

    Args:
        node: whose subscriptions they are.
        inference: name of the node that has the parameter `prompts`; empty where none may be set.
        offer: given a layer's name and what packs it.
    """

    def __init__(self, node: Node, inference: str, offer: Offer) -> None:
        self._node, self._offer = node, offer
        self._lock = threading.Lock()
        self._watched: frozenset[str] = frozenset()
        self._published: tuple[str, ...] = ()
        self._texts: tuple[str, ...] = ()
        self._subscriptions: dict[str, Subscription] = {}
        self._labels = node.create_subscription(
            LabelInfo, labels_topic(PROMPTS_TOPIC), self._on_texts, latched_qos()
        )
        self._client = node.create_client(SetParameters, f"{inference}/set_parameters") if inference else None
        self._settable = False
        self._requests: queue.SimpleQueue[tuple[tuple[str, ...], Future[Answer]]] = queue.SimpleQueue()
        self._guard = node.create_guard_condition(self._work)

    # -- the page's thread ----------------------------------------------------------------------------

    def layers(self) -> Sequence[str]:
        """See `AnswersControl`."""
        return self._published

    def prompts(self) -> Sequence[str]:
        """See `AnswersControl`."""
        return self._texts

    def settable(self) -> bool:
        """See `AnswersControl`."""
        return self._settable

    def set_prompts(self, texts: Sequence[str]) -> Future[Answer]:
        """See `AnswersControl`."""
        future: Future[Answer] = Future()
        self._requests.put((tuple(texts), future))
        self._guard.trigger()
        return future

    def watch(self, layers: Collection[str]) -> None:
        """See `AnswersControl`."""
        with self._lock:
            self._watched = frozenset(layers)
        self._guard.trigger()

    # -- executor -------------------------------------------------------------------------------------

    def look(self) -> None:
        """See what is published, and whether prompts can be set; called once a second."""
        count = self._node.count_publishers
        texts = set(PROMPTS[: len(self._texts)])
        # The topics of prompts stay when there are fewer texts.
        self._published = tuple(
            name for name in LAYERS if (name not in PROMPTS or name in texts) and count(TOPICS[name])
        )
        # A published network has the parameter too; its prompts would show nothing.
        self._settable = (
            self._client is not None
            and count(labels_topic(PROMPTS_TOPIC)) > 0
            and self._client.service_is_ready()
        )
        self._receive()

    def _work(self) -> None:
        self._receive()
        with contextlib.suppress(queue.Empty):
            while True:
                texts, future = self._requests.get_nowait()
                if self._client is None:
                    future.set_result(Answer(False, "this dashboard sets no prompts"))
                    continue
                value = ParameterValue(
                    type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=list(texts)
                )
                request = SetParameters.Request(parameters=[Parameter(name="prompts", value=value)])
                self._client.call_async(request).add_done_callback(partial(_answer, future))

    def _receive(self) -> None:
        """Subscribe to what is looked at and published, and to nothing else."""
        with self._lock:
            wanted = self._watched & set(self._published)
        for name in [name for name in self._subscriptions if name not in wanted]:
            self._node.destroy_subscription(self._subscriptions.pop(name))
        for name in sorted(wanted - set(self._subscriptions)):
            kind, pack, qos = _KINDS.get(name, (OccupancyGrid, partial(_grid, name), latched_qos()))
            self._subscriptions[name] = self._node.create_subscription(
                kind, TOPICS[name], partial(self._take, name, pack), qos
            )

    def _take(self, name: str, pack: Callable[[Any], bytes], message: object) -> None:
        self._offer(name, partial(pack, message))

    def _on_texts(self, message: LabelInfo) -> None:
        names = received.names_of(message)
        self._texts = tuple(names[number] for number in sorted(names))[: len(PROMPTS)]
        self.look()


def _grid(name: str, message: OccupancyGrid) -> bytes:
    percents, grid = messages.cells_from_grid(message)
    return grid_layer(name, messages.from_stamp(message.header.stamp), percents, grid)


def _objects(message: MarkerArray) -> bytes:
    return objects_layer(_stamp(message), received.objects_from_markers(message))


def _lanes(message: MarkerArray) -> bytes:
    return lines_layer("lanes", _stamp(message), received.lines_from_markers(message))


def _plan(message: Path) -> bytes:
    stamp = messages.from_stamp(message.header.stamp)
    return lines_layer("plan", stamp, {"plan": [received.points_from_path(message)]})


def _voxels(message: PointCloud2) -> bytes:
    stamp = messages.from_stamp(message.header.stamp)
    return voxels_layer(stamp, *received.voxels_from_cloud(message))


_KINDS: dict[str, tuple[type, Callable[[Any], bytes], QoSProfile]] = {
    "objects": (MarkerArray, _objects, RELIABLE),
    "lanes": (MarkerArray, _lanes, RELIABLE),
    "plan": (Path, _plan, RELIABLE),
    "voxels": (PointCloud2, _voxels, RELIABLE),
}
"""Class, packing and quality of the layers that are no grids."""


def _stamp(message: MarkerArray) -> int:
    return messages.from_stamp(message.markers[0].header.stamp) if message.markers else 0


def _answer(future: Future[Answer], sent: Answered) -> None:
    if future.set_running_or_notify_cancel():  # not where the page has stopped waiting
        response = sent.result()
        result = response.results[0] if response is not None and response.results else None
        if result is None:
            future.set_result(Answer(False, "the network did not take the prompts"))
        else:
            future.set_result(Answer(bool(result.successful), result.reason or "done"))
