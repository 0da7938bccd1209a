"""Evaluation node: scores the grid while it is published, against annotations and against LiDAR."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.time import Time
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float32
from tf2_ros import TransformException, TransformListener
from visualization_msgs.msg import MarkerArray

from .. import files, messages
from ..errors import EvaluationError, GeometryError
from ..evaluation import Evaluator, FrameScore, Thresholds
from ..evaluation.chosen_grid import ChosenGrid
from ..evaluation.matching import Match, ReferenceMatcher
from ..geometry import BevGrid
from ..topics import BOXES_TOPIC, OBJECTS_TOPIC
from .configuration import EvaluationParameters
from .diagnostics import ERROR, OK, STALE, WARN, DiagnosticsPublisher, Status, is_of_another_car
from .parameters import declare
from .process import Stumbles, guard, run
from .qos import RELIABLE, latched_qos, sensor_qos
from .receiver import Receiver
from .spare import with_spare
from .stamp_age import StampAges
from .transform_buffer import TransformBuffer

if TYPE_CHECKING:
    from .answer_scores import AnswerScores, Job
    from .object_score import ObjectScore

_BACKLOG = 128
"""Matches that wait to be scored, at most, of up to a dozen a frame; more means that scoring is too slow, and
the oldest goes."""

_REPORT_PERIOD = 2.0
_REPORT_RATE = 32_768
"""Seconds between two writings of the report, at least, and bytes a second, at most: disks wear."""

_MOST_STUMBLES = 20
"""Matches in a row that fail as nobody foresaw; then it is not the messages."""


_Grid = tuple[OccupancyGrid, float | None]
"""A prediction, and how old it was when it came, in milliseconds."""
_Match = Match[_Grid, OccupancyGrid, PointCloud2]
_ObjectsMatch = Match[Any, MarkerArray, PointCloud2]


class EvaluationNode(Receiver):
    """Publishes the newest frame's metrics, and in /diagnostics the running ones against their thresholds.

    Callbacks only match messages by their stamps; scoring runs on a thread of its own.
    """

    exit_code = 0

    def __init__(self, **overrides: object) -> None:
        """Subscribe.

        Args:
            overrides: parameter defaults that differ, for tests.

        Raises:
            LssBevError: a bad parameter, or a report that cannot be written.
        """
        super().__init__("evaluation")
        self.config = declare(self, EvaluationParameters, **overrides)
        thresholds = {
            name.removeprefix("min_"): value
            for name, value in vars(self.config).items()
            if name.startswith("min_")
        }
        self._thresholds = Thresholds.from_mapping(thresholds)
        self._evaluator = self._start(None)
        self._grid = ChosenGrid()
        self._next_report = 0.0
        self._engine: dict[str, str] = {}
        self._skipped = 0
        self._last_grid = time.monotonic()
        self._problem = ""
        self._objects = _object_score(self.config.base_frame)
        self._answers: AnswerScores | None = None
        if self.config.report:
            files.forget_partials(self.config.report)
            self._write_report()  # now, so that a path that cannot be written stops the node here
        self._matcher: ReferenceMatcher[_Grid, OccupancyGrid, PointCloud2]
        self._matcher = ReferenceMatcher(self.config.match_slop, self.config.match_timeout)
        self._object_matcher: ReferenceMatcher[Any, MarkerArray, PointCloud2]
        self._object_matcher = ReferenceMatcher(self.config.match_slop, self.config.match_timeout)
        self._backlog: queue.Queue[_Match | _ObjectsMatch | Job | None] = queue.Queue()
        self._metrics = {
            name: self.create_publisher(Float32, f"evaluation/{name}", RELIABLE)
            for name in self._evaluator.running
        }
        self._object_metrics = {
            name: self.create_publisher(Float32, f"evaluation/objects_{name}", RELIABLE)
            for name in (self._objects.running if self._objects else ())
        }
        self._ages = StampAges(self)
        # The first scan may be here before /tf_static: Fast DDS repeats what is latched every 3 s.
        self._patience = Duration(seconds=4.0)
        self._buffer = TransformBuffer(partial(self.refuse, "/tf"))
        self._transforms = TransformListener(self._buffer, self)
        self._answers = self._answer_scores()
        self._subscribe()
        self._diagnostics = DiagnosticsPublisher(self, self._statuses)
        self._thread = threading.Thread(target=self._work, name="evaluation", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Score what has come and write the report for the last time."""
        for match in (*self._matcher.flush(), *self._object_matcher.flush()):
            self._backlog.put(match)
        if self._answers is not None:
            self._answers.flush()
        self._backlog.put(None)
        self._thread.join(timeout=10.0)
        if self.config.report:
            self._write_report()

    def _answer_scores(self) -> AnswerScores | None:
        """None where this ROS 2 has no vision_msgs, and so nobody publishes answers."""
        try:
            from .answer_scores import AnswerScores
        except ImportError:
            return None
        config = self.config
        return AnswerScores(
            self,
            config.base_frame,
            self._buffer,
            config.match_slop,
            config.match_timeout,
            lambda job: self._queue([job]),
        )

    def _subscribe(self) -> None:
        scan_qos = sensor_qos(self.config.reliability)
        self._inputs = [
            self.create_subscription(OccupancyGrid, "bev/occupancy", self._on_prediction, RELIABLE),
            self.create_subscription(
                OccupancyGrid, "ground_truth/occupancy", self._on_truth, latched_qos(depth=10)
            ),
            self.create_subscription(PointCloud2, "lidar_top/points", self._on_scan, scan_qos),
            self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, RELIABLE),
        ]
        if self._objects is not None:
            self._inputs += [
                self.create_subscription(self._objects.kind, OBJECTS_TOPIC, self._on_objects, RELIABLE),
                self.create_subscription(MarkerArray, BOXES_TOPIC, self._on_boxes, latched_qos(depth=10)),
            ]
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a timeout passes where /clock stands still too
        self._poll_timer = self.create_timer(self.config.match_timeout / 4, self._on_poll, clock=steady)

    # -- executor -----------------------------------------------------------------------------------

    def _on_prediction(self, message: OccupancyGrid) -> None:
        self._last_grid = time.monotonic()
        stamp = messages.from_stamp(message.header.stamp)
        latency_ms = self._ages.milliseconds(stamp)
        self._queue(self._matcher.add_prediction(stamp, (message, latency_ms), time.monotonic_ns()))

    def _on_truth(self, message: OccupancyGrid) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        self._queue(self._matcher.add_truth(stamp, message, time.monotonic_ns()))

    def _on_scan(self, message: PointCloud2) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        now = time.monotonic_ns()
        self._queue(self._matcher.add_scan(stamp, message, now))
        if self._objects is not None:
            self._queue(self._object_matcher.add_scan(stamp, message, now))

    def _on_objects(self, message: Any) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        self._queue(self._object_matcher.add_prediction(stamp, message, time.monotonic_ns()))

    def _on_boxes(self, message: MarkerArray) -> None:
        if message.markers:
            stamp = messages.from_stamp(message.markers[0].header.stamp)
            self._queue(self._object_matcher.add_truth(stamp, message, time.monotonic_ns()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Note which network made the grids, for the report."""
        for status in message.status:
            if is_of_another_car(status.name, self.get_namespace()):
                continue
            if status.name.rpartition("/")[2] == "inference: network":
                values = messages.diagnostic_values(status)
                self._engine = {key: values.get(key, "") for key in ("backend", "weights", "dropped")}

    def _on_poll(self) -> None:
        self._queue(self._matcher.poll(time.monotonic_ns()))
        self._queue(self._object_matcher.poll(time.monotonic_ns()))
        if self._answers is not None:
            self._answers.poll(time.monotonic_ns())

    def _queue(self, matches: Sequence[_Match | _ObjectsMatch | Job]) -> None:
        for match in matches:
            if self._backlog.qsize() >= _BACKLOG:
                with contextlib.suppress(queue.Empty):  # the scoring thread takes them too
                    self._backlog.get_nowait()
                    self._skipped += 1
            self._backlog.put(match)

    # -- the scoring thread -------------------------------------------------------------------------

    def _work(self) -> None:
        stumbles = Stumbles(_MOST_STUMBLES)
        while (match := self._backlog.get()) is not None:
            with guard(self, self._report_problem, stumbles):
                if callable(match):
                    match()
                elif isinstance(match.prediction, tuple):
                    self._score(match)
                else:
                    self._score_objects(match)
                if self.config.report and time.monotonic() > self._next_report:
                    self._write_report()

    def _score(self, match: _Match) -> None:
        message, latency_ms = match.prediction
        known = match.truth is not None and messages.cells_from_grid(match.truth)[0].max() >= 0
        if not known and match.scan is None:
            self._evaluator.miss("references")
            return
        occupancy, grid = messages.cells_from_grid(message)
        truth = None
        if known:
            cells, truth_grid = messages.cells_from_grid(match.truth)
            if truth_grid != grid:
                raise EvaluationError(f"ground_truth/occupancy is on {truth_grid}, bev/occupancy on {grid}")
            truth = cells > 50
        if self._grid.take(grid, "bev/occupancy"):
            if before := self._evaluator.frames:
                self.get_logger().warning(
                    f"bev/occupancy: scores start again on {grid}; {before} frames were on another grid"
                )
            self._evaluator = self._start(grid)
        score = self._evaluator.update(
            match.stamp, occupancy, truth, scan=self._scan(match.scan), latency_ms=latency_ms
        )
        self._problem = ""
        if rclpy.ok():
            self._publish(score)

    def _score_objects(self, match: _ObjectsMatch) -> None:
        if self._objects is None or match.truth is None:
            return
        scan = self._scan(match.scan)
        found = self._objects.update(match.prediction, match.truth, None if scan is None else scan[0])
        if rclpy.ok():
            for name, value in found.items():
                self._object_metrics[name].publish(Float32(data=float(value)))

    def _scan(self, message: PointCloud2 | None) -> tuple[np.ndarray, np.ndarray] | None:
        """The scan's points and its sensor's place in base_link; None where it cannot be used."""
        if message is None:
            return None
        try:
            patience, self._patience = self._patience, Duration()
            transform = self._buffer.lookup_transform(
                self.config.base_frame, message.header.frame_id, Time(), patience
            )
            pose = messages.pose_from_transform(transform)
            return pose.apply(messages.xyz_from_cloud(message)), pose.translation
        except (GeometryError, TransformException) as error:
            self._report_problem(f"lidar_top/points: {error}")
            return None

    def _publish(self, score: FrameScore) -> None:
        """Publish the frame's metrics; one that has no value, such as the IoU of nothing, is NaN."""
        for name, value in score.metrics.items():
            self._metrics[name].publish(Float32(data=float(value)))

    def _write_report(self) -> None:
        facts: dict[str, object] = {"engine": self._engine, "skipped": self._skipped}
        if self._objects is not None and self._objects.frames:
            facts["objects"] = {"frames": self._objects.frames, **self._objects.running}
        if self._answers is not None and (frames := self._answers.frames):
            facts["answers"] = {"frames": frames, **self._answers.running}
        written = self._evaluator.write(Path(self.config.report), **facts)
        pause = max(_REPORT_PERIOD, written.stat().st_size / _REPORT_RATE)
        self._next_report = time.monotonic() + pause

    def _start(self, grid: BevGrid | None) -> Evaluator:
        return Evaluator(grid, self.config.threshold, self._thresholds, frames_kept=self.config.report_frames)

    def _report_problem(self, problem: str) -> None:
        self._problem = problem
        self.get_logger().error(problem, throttle_duration_sec=5.0)

    # -- diagnostics --------------------------------------------------------------------------------

    def _statuses(self) -> list[Status]:
        found = [self._running_status(), Status("last frame", OK, "", self._evaluator.last)]
        if self._objects is not None and self._objects.frames:
            frames = self._objects.frames
            found.append(
                Status("objects", OK, f"{frames} frames", {"frames": frames, **self._objects.running})
            )
        if self._answers is not None and (counts := self._answers.frames):
            told = ", ".join(f"{topic}: {count} frames" for topic, count in counts.items())
            found.append(Status("answers", OK, told, self._answers.running))
        return [*found, self.refusal_status()]

    def _running_status(self) -> Status:
        values: dict[str, object] = {
            "frames": self._evaluator.frames,
            "skipped": self._skipped,
            **self._evaluator.running,
            **{f"min_{metric}": bound for metric, bound in self._thresholds.items()},
            **{f"missing_{what}": count for what, count in dict(self._evaluator.missing).items()},
        }
        silence = time.monotonic() - self._last_grid
        if self._problem:
            return Status("metrics", ERROR, self._problem, values)
        if silence > self.config.stale_after:
            return Status("metrics", STALE, f"no bev/occupancy for {silence:.1f} s", values)
        failed = [verdict for verdict in self._evaluator.verdicts if verdict.passed is False]
        if failed:
            below = ", ".join(f"{v.metric} {v.value:.3f} < {v.threshold:.2f}" for v in failed)
            return Status("metrics", WARN, f"below threshold: {below}", values)
        return Status("metrics", OK, f"{self._evaluator.frames} frames{self._unscored()}", values)

    def _unscored(self) -> str:
        """What the frames so far could not be scored against."""
        missing = self._evaluator.missing
        if not self._evaluator.frames:
            return (
                ": nothing to score against, neither annotations nor LiDAR" if missing["references"] else ""
            )
        against = {
            "annotations": self._evaluator.annotation.frames,
            "LiDAR": self._evaluator.agreement.frames,
        }
        absent = [name for name, frames in against.items() if not frames]
        return f", without {' and '.join(absent)}" if absent else ""


def _object_score(base_frame: str) -> ObjectScore | None:
    """None where this ROS 2 has no vision_msgs, and so nobody publishes objects."""
    try:
        from .object_score import ObjectScore
    except ImportError:
        return None
    return ObjectScore(base_frame)


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(with_spare(lambda: run(EvaluationNode, args)))


if __name__ == "__main__":
    main()
