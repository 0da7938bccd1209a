"""Answers of a multi-sense network against their truth on topics, each with the score of `AnswersScore`.

Nothing is subscribed to before somebody publishes both an answer and its truth, so that no head runs in vain.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import rclpy
from nav_msgs.msg import OccupancyGrid, Path
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Float32
from tf2_ros import Buffer, TransformException
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..errors import EvaluationError
from ..evaluation import BoxSet, DetectionScore, LaneScore, PlanScore, SegmentationScore, VoxelScore
from ..evaluation.chosen_grid import ChosenGrid
from ..evaluation.matching import ReferenceMatcher
from ..evaluation.rays import VoxelGrid
from ..geometry import BevGrid, Pose
from ..geometry.classes import DETECTED, FREE, LINES
from ..messages import received
from ..messages.maps import labels_from_image
from ..topics import (
    BOXES_TOPIC,
    LANES_TOPIC,
    LAYER_TOPICS,
    OBJECT_MARKERS_TOPIC,
    PLAN_TOPIC,
    TRUE_LANES_TOPIC,
    TRUE_LAYER_TOPICS,
    TRUE_VOXELS_TOPIC,
    VELOCITIES_TOPIC,
    VOXELS_TOPIC,
)
from .qos import RELIABLE, latched_qos

_STILL = ("map", "odom")
"""Frames in which the car's way is told, the first that is there."""

_FASTEST = 60.0
"""Metres a second; faster than that no car has driven, and a scene has ended."""

_WAY_ENDS = 2.0
"""Seconds without news of where the car is, after which a plan is scored by what is known."""

_PLANS = 64
"""Plans that wait for the car to drive on, at most."""

Job = Callable[[], None]
Put = Callable[[Job], None]


@dataclass(eq=False)
class _Pair:
    """An answer's topic and its truth's, one or two.

    Attributes:
        answer, truth, second: topic names; `second` is empty where one tells all.
        kinds: their classes.
        quality: of the answer.
        score: takes an answer, its truth and the second; returns the frame's metrics by name.
        running: metrics of all frames by name.
        frames: so far.
    """

    answer: str
    truth: str
    kinds: tuple[type, ...]
    quality: QoSProfile
    score: Callable[[Any, Any, Any], Mapping[str, float]]
    running: Callable[[], Mapping[str, float]]
    second: str = ""
    frames: int = 0
    matcher: ReferenceMatcher[Any, Any, Any] = field(default_factory=ReferenceMatcher)
    subscriptions: list[Subscription] = field(default_factory=list)


class AnswerScores:
    """Matches answers with their truth in the executor, and scores them where the node scores.

    Args:
        node: whose topics they are.
        frame: the car's, in which everything must be.
        buffer: where transforms arrive.
        slop, timeout: as `ReferenceMatcher`, seconds.
        put: takes what is to be done on the scoring thread.
    """

    def __init__(self, node: Node, frame: str, buffer: Buffer, slop: float, timeout: float, put: Put) -> None:
        self._node, self._frame, self._buffer, self._put = node, frame, buffer, put
        self._publishers: dict[str, Any] = {}
        self._layers: dict[str, SegmentationScore] = {}
        self._grids: dict[str, ChosenGrid] = {}
        self._voxels, self._velocities = VoxelScore(), DetectionScore()
        self._lines = {name: LaneScore(BevGrid()) for name in LINES}
        self._plan = PlanScore()
        self._plans: list[tuple[float, Path]] = []
        self._plan_subscription: Subscription | None = None
        self._newest, self._moved = 0, time.monotonic()
        self._pairs = [self._of_layer(name) for name in LAYER_TOPICS]
        self._pairs += [self._of_voxels(), self._of_lanes(), self._of_velocities()]
        for pair in self._pairs:
            pair.matcher = ReferenceMatcher(slop, timeout)

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames, by the names that `lss-bev evaluate` gives them."""
        found = {name: value for pair in self._pairs if pair.frames for name, value in pair.running().items()}
        if self._plan.frames:
            found |= _of_plan(self._plan.running)
        return found

    @property
    def frames(self) -> dict[str, int]:
        """Scored frames by the answer's topic, of those that have any."""
        counts = {pair.answer: pair.frames for pair in self._pairs} | {PLAN_TOPIC: self._plan.frames}
        return {topic: count for topic, count in counts.items() if count}

    def poll(self, now: int) -> None:
        """Subscribe to what has both sides by now, and give out what has waited; called in the executor.

        Args:
            now: nanoseconds of a steady clock.
        """
        count = self._node.count_publishers
        for pair in self._pairs:
            told = (pair.answer, pair.truth, *filter(None, (pair.second,)))
            if not pair.subscriptions and all(map(count, told)):
                self._subscribe(pair)
            self._give_out(pair, pair.matcher.poll(now))
        if self._plan_subscription is None and count(PLAN_TOPIC):
            self._plan_subscription = self._node.create_subscription(
                Path, PLAN_TOPIC, self._on_plan, RELIABLE
            )
        self._look_at_plans()

    def flush(self) -> None:
        """Give out everything that waits, with whatever is there."""
        for pair in self._pairs:
            self._give_out(pair, pair.matcher.flush())
        for _, path in self._plans:
            self._put(partial(self._score_plan, path))
        self._plans.clear()

    # -- executor -------------------------------------------------------------------------------------

    def _subscribe(self, pair: _Pair) -> None:
        matcher = pair.matcher

        def take(add: Callable[[int, Any, int], list], message: Any) -> None:
            stamp = _stamp(message)
            if stamp is not None:
                self._give_out(pair, add(stamp, message, time.monotonic_ns()))

        def truth(message: Any) -> None:
            take(matcher.add_truth, message)
            if not pair.second and (stamp := _stamp(message)) is not None:
                # Nothing else is to be waited for.
                self._give_out(pair, matcher.add_scan(stamp, None, time.monotonic_ns()))

        told: list[tuple[str, Callable[[Any], None], QoSProfile]]
        told = [(pair.answer, partial(take, matcher.add_prediction), pair.quality)]
        told += [(pair.truth, truth, latched_qos(depth=10))]
        if pair.second:
            told.append((pair.second, partial(take, matcher.add_scan), latched_qos(depth=10)))
        for kind, (topic, callback, quality) in zip(pair.kinds, told, strict=True):
            pair.subscriptions.append(self._node.create_subscription(kind, topic, callback, quality))

    def _give_out(self, pair: _Pair, matches: list) -> None:
        for match in matches:
            if match.truth is not None and (match.scan is not None or not pair.second):
                self._put(partial(self._score, pair, match))

    def _on_plan(self, message: Path) -> None:
        if message.poses:
            self._plans = [*self._plans[-_PLANS + 1 :], (time.monotonic(), message)]

    def _look_at_plans(self) -> None:
        """Give out the plans whose three seconds have been driven, or of which no more will be known."""
        newest = self._time_of_newest()
        if newest != self._newest:
            self._newest, self._moved = newest, time.monotonic()
        ended = time.monotonic() - self._moved > _WAY_ENDS
        waiting = []
        for came, path in self._plans:
            due = messages.from_stamp(path.poses[-1].header.stamp)
            # After a jump back in time, what is older than all transforms is never driven.
            if newest >= due or ended:
                self._put(partial(self._score_plan, path))
            else:
                waiting.append((came, path))
        self._plans = waiting

    def _time_of_newest(self) -> int:
        pose = self._place(0)
        return 0 if pose is None else pose[1]

    def _place(self, stamp: int) -> tuple[Pose, int] | None:
        """The car's pose in a frame that stands still, and when it was; None where nothing tells it.

        Args:
            stamp: nanoseconds; 0 for the newest.
        """
        for frame in _STILL:
            try:
                found = self._buffer.lookup_transform(frame, self._frame, Time(nanoseconds=stamp))
            except TransformException:
                continue
            return messages.pose_from_transform(found), messages.from_stamp(found.header.stamp)
        return None

    # -- the scoring thread ---------------------------------------------------------------------------

    def _score(self, pair: _Pair, match: Any) -> None:
        for topic, message in ((pair.answer, match.prediction), (pair.truth, match.truth)):
            frame = _header(message).frame_id
            if frame != self._frame:
                raise EvaluationError(
                    f"{topic} is in frame {frame!r}, not {self._frame!r}: publish it there, or set base_frame"
                )
        found = pair.score(match.prediction, match.truth, match.scan)
        if found:
            pair.frames += 1
            self._publish(found)

    def _score_plan(self, path: Path) -> None:
        stamp = messages.from_stamp(path.header.stamp)
        now = self._place(stamp)
        if now is None:
            return
        stamps = [messages.from_stamp(pose.header.stamp) for pose in path.poses]
        step = (stamps[-1] - stamp) / len(stamps) / 1e9
        if not math.isclose(step, self._plan.step, abs_tol=1e-3):
            raise EvaluationError(
                f"{PLAN_TOPIC}: poses are {step:.3f} s apart, and plans of {self._plan.step} s are scored"
            )
        driven = np.full((len(stamps), 2), np.nan)
        last = now[0]
        for index, each in enumerate(stamps):
            then = self._place(each)
            if then is None or _apart(last, then[0]) > _FASTEST * step:
                break
            driven[index], last = (now[0].inverse() @ then[0]).translation[:2], then[0]
        velocity = self._velocity(stamp, now[0], step)
        if velocity is not None and np.isfinite(driven[0]).all():
            plan = received.points_from_path(path)[:, :2]
            self._publish(_of_plan(self._plan.update(plan, driven, velocity)))

    def _velocity(self, stamp: int, now: Pose, step: float) -> np.ndarray | None:
        """(2,) of the car, metres a second along its axes: over the last half second, or the next one."""
        for sign in (-1, 1):
            other = self._place(stamp + sign * round(step * 1e9))
            if other is None or _apart(now, other[0]) > _FASTEST * step:
                continue
            first, second = (other[0], now) if sign < 0 else (now, other[0])
            moved = first.inverse() @ second
            # The way lies along the chord, which is turned by half of the turn against both headings.
            x, y, _ = moved.translation / step
            cos, sin = np.cos(moved.yaw / 2), np.sin(moved.yaw / 2)
            return np.array([cos * x + sin * y, cos * y - sin * x])
        return None

    def _publish(self, metrics: Mapping[str, float]) -> None:
        if not rclpy.ok():
            return
        for name, value in metrics.items():
            topic = f"evaluation/{name.replace('.', '_')}"
            if topic not in self._publishers:
                self._publishers[topic] = self._node.create_publisher(Float32, topic, RELIABLE)
            self._publishers[topic].publish(Float32(data=float(value)))

    # -- what is scored -------------------------------------------------------------------------------

    def _of_layer(self, name: str) -> _Pair:
        def told(found: Mapping[str, float]) -> dict[str, float]:
            names = (f"iou_{name}", f"precision_{name}", f"recall_{name}")
            return {f"layers.{each}": found[each] for each in names if each in found}

        def score(answer: OccupancyGrid, truth: OccupancyGrid, _: object) -> Mapping[str, float]:
            cells, grid = messages.cells_from_grid(answer)
            true, true_grid = messages.cells_from_grid(truth)
            if grid != true_grid:
                raise EvaluationError(f"{TRUE_LAYER_TOPICS[name]} is on {true_grid}, its answer on {grid}")
            if not (true >= 0).any():
                return {}
            if self._grids.setdefault(name, ChosenGrid()).take(grid, LAYER_TOPICS[name]):
                self._layers[name] = SegmentationScore(grid)
            layer = self._layers[name]
            known = {} if (true >= 0).all() else {name: true >= 0}
            return told(layer.update({name: cells}, {name: true > 50}, known))

        return _Pair(
            LAYER_TOPICS[name],
            TRUE_LAYER_TOPICS[name],
            (OccupancyGrid, OccupancyGrid),
            latched_qos(),
            score,
            lambda: told(self._layers[name].running),
        )

    def _of_voxels(self) -> _Pair:
        grid = VoxelGrid()

        def told(found: Mapping[str, float]) -> dict[str, float]:
            return {f"voxels.{name}": found[name] for name in ("miou", "iou_occupied")}

        def score(answer: PointCloud2, truth: Image, _: object) -> Mapping[str, float]:
            labels = labels_from_image(truth)
            if labels.shape != grid.shape:
                raise EvaluationError(
                    f"{TRUE_VOXELS_TOPIC} has {labels.shape} voxels, and {grid.shape} are scored"
                )
            centers, classes, _ = received.voxels_from_cloud(answer)
            predicted = np.full(grid.shape, FREE, np.uint8)
            cells = np.floor((centers - grid.low) / grid.size).astype(np.int64)
            inside = ((cells >= 0) & (cells < grid.shape)).all(axis=1)
            predicted[tuple(cells[inside].T)] = classes[inside]
            return told(self._voxels.update(predicted, labels))

        return _Pair(
            VOXELS_TOPIC,
            TRUE_VOXELS_TOPIC,
            (PointCloud2, Image),
            RELIABLE,
            score,
            lambda: told(self._voxels.running),
        )

    def _of_lanes(self) -> _Pair:
        def told(layer: str, found: Mapping[str, float]) -> dict[str, float]:
            return {f"{layer}.{name}": found[name] for name in ("f1", "chamfer")}

        def score(answer: MarkerArray, truth: MarkerArray, _: object) -> Mapping[str, float]:
            ours, true = received.lines_from_markers(answer), received.lines_from_markers(truth)
            found: dict[str, float] = {}
            for layer, lines in self._lines.items():
                found |= told(layer, lines.update(ours.get(layer, []), true.get(layer, [])))
            return found

        def running() -> dict[str, float]:
            return {
                name: value
                for layer, lines in self._lines.items()
                for name, value in told(layer, lines.running).items()
            }

        return _Pair(LANES_TOPIC, TRUE_LANES_TOPIC, (MarkerArray, MarkerArray), RELIABLE, score, running)

    def _of_velocities(self) -> _Pair:
        def told(found: Mapping[str, float]) -> dict[str, float]:
            # The mean has a 1 for each class that is absent; of those that are there each is told too.
            there = {f"ave_{name}" for name, each in self._velocities.by_class.items() if each["annotated"]}
            return {f"objects.{name}": found[name] for name in ("mave", *sorted(there & found.keys()))}

        def score(answer: MarkerArray, truth: MarkerArray, velocities: MarkerArray) -> Mapping[str, float]:
            things = [each for each in received.objects_from_markers(answer) if each[0].category in DETECTED]
            boxes = [box for box, _ in things]
            detected = BoxSet.of(
                [DETECTED.index(box.category) for box in boxes],
                np.array([box.pose.translation for box in boxes]).reshape(-1, 3),
                np.array([box.size for box in boxes]).reshape(-1, 3),
                [box.pose.yaw for box in boxes],
                np.array([box.velocity for box in boxes], np.float64).reshape(-1, 2),
                np.nan_to_num([score for _, score in things]),
            )
            self._velocities.update(
                detected, BoxSet.from_boxes(messages.boxes_from_markers(truth, velocities))
            )
            return told(self._velocities.last)

        return _Pair(
            OBJECT_MARKERS_TOPIC,
            BOXES_TOPIC,
            (MarkerArray, MarkerArray, MarkerArray),
            RELIABLE,
            score,
            lambda: told(self._velocities.running),
            second=VELOCITIES_TOPIC,
        )


def _of_plan(found: Mapping[str, float]) -> dict[str, float]:
    return {f"plan.{name}": value for name, value in found.items() if "ade" in name or "fde" in name}


def _header(message: Any) -> Any:
    """Of an array of markers, that of its first."""
    return message.markers[0].header if isinstance(message, MarkerArray) else message.header


def _stamp(message: Any) -> int | None:
    """Nanoseconds; None of an array without markers."""
    if isinstance(message, MarkerArray) and not message.markers:
        return None
    return messages.from_stamp(_header(message).stamp)


def _apart(one: Pose, other: Pose) -> float:
    return float(np.linalg.norm(one.translation - other.translation))
