"""Inference node: cameras in, a bird's-eye-view grid out; with a multi-sense network more of both."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from nav_msgs.msg import OccupancyGrid
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_ros import TransformListener

from .. import messages
from ..errors import GeometryError, ImageError
from ..openmp import let_threads_sleep
from ..runtime import Engine, FrameSet, Prediction
from ..runtime.camera_clock import CameraFault, summary
from ..runtime.cpu.head_start import HeadStart, load_libraries
from ..runtime.cpu.lean_torch import lean_torch
from ..runtime.heap import use_one_heap
from ..runtime.synchronizer import CameraSet, CameraSynchronizer
from ..shipped_weights import checkpoint_file
from ..visualization import bev_image
from .calibration import LiveCalibration, transforms_elsewhere
from .configuration import InferenceParameters
from .diagnostics import ERROR, OK, STALE, WARN, DiagnosticsPublisher, Latencies, Rate, Status
from .exit_code import FAILURE
from .latest import LatestSlot
from .lidar_watch import LidarWatch
from .parameters import declare
from .process import Stumbles, guard, run
from .qos import RELIABLE, latched_qos, sensor_qos
from .receiver import Receiver
from .rig_watch import RigWatch
from .service_manager import ServiceManager
from .spare import gpu_is_here, is_wanted, with_spare
from .stamp_age import StampAges
from .transform_buffer import TransformBuffer

T = TypeVar("T")

if TYPE_CHECKING:
    from ..runtime.multi_sense.answers import Answers
    from .answering import Answering

_ALONE, _PATIENCE = 0.5, 5.0
"""Seconds without images after which a LiDAR goes on alone, at least and at most: two and a half times as
long as images are apart."""

_WATCH_PERIOD = 0.5

_BUSY_PROCESSOR = 8.0
"""How many times as long a frame may take on the processor before it counts as stuck."""

_PROBLEM_SHOWN = 5.0
"""Seconds that a frame's failure stays in the diagnostics, since the next one may be good."""

_MOST_STUMBLES = 20
"""Frames in a row that fail as nobody foresaw; then it is not the frames."""


class InferenceNode(Receiver):
    """Brings the cameras together, runs the engine on the newest set and publishes what it sees.

    Callbacks only store; the network runs on a thread of its own, always on the newest set, and sets that
    it had no time for are counted.
    """

    exit_code = 0

    def __init__(self, **overrides: object) -> None:
        """Load the network and subscribe.

        Args:
            overrides: parameter defaults that differ, for tests.

        Raises:
            LssBevError: a bad parameter, checkpoint or backend.
        """
        super().__init__("inference")
        self.config = declare(self, InferenceParameters, **overrides)
        head_start = self._head_start()
        self._buffer = TransformBuffer(partial(self.refuse, "/tf"))
        self._calibration = LiveCalibration(
            self.config.cameras,
            self._buffer,
            self.config.base_frame,
            self.config.image_rectified,
            self.config.camera_frames,
            partial(transforms_elsewhere, self),
        )
        self._synchronizer: CameraSynchronizer[CompressedImage | Image] = CameraSynchronizer(
            self.config.cameras,
            self.config.slop,
            self.config.deadline,
            self.config.min_cameras,
            self.config.lost_after,
            # The image that completes the first set may come before its camera_info.
            self._calibration.is_known,
        )
        self._slot: LatestSlot[CameraSet[CompressedImage | Image]] = LatestSlot()
        self._latencies = Latencies()
        self._rate = Rate()
        self._served = 0
        self._last_set = time.monotonic()
        self._restarts = 0
        self._ages = StampAges(self)
        self._unusable: dict[str, str] = {}
        self._notes: Mapping[str, str] = {}
        self._warnings: tuple[str, ...] = ()
        self._hopeless = False
        self._rig_watch = RigWatch(self.config.leave_out_misplaced)
        self._lidar: LidarWatch | None = None
        self._problem = ("", -_PROBLEM_SHOWN)
        self._transforms = TransformListener(self._buffer, self)
        self._answering: Answering | None = None
        self._last_images, self._pause = -np.inf, _ALONE
        self._busy_since: float | None = None
        self._gave_up = False
        # Only now, since it brings PyTorch: meanwhile nodes find each other, and transforms come.
        from ..runtime.engine_keeper import EngineKeeper

        make = partial(self._make_engine, head_start)
        self._keeper = EngineKeeper(make, self._make_spare_engine, self._on_other_engine)
        self.get_logger().info(f"{self._engine.name}: {self._engine.reason}; weights: {self._engine.weights}")
        if self._engine.answers_moments:
            # Of messages and modules that the published network does without.
            from ..runtime.multi_sense.engine import MultiSenseEngine
            from .answering import Answering

            assert isinstance(self._engine, MultiSenseEngine), self._engine
            self._answering = Answering(self, self._engine, self.config, self._buffer, self._on_cloud)
        self._blind = self._answering is not None and "cameras" not in self._answering.senses
        sees_vehicles = self._answering is None or self._answering.sees_vehicles
        if sees_vehicles:
            self._image = self.create_publisher(Image, "bev/image", RELIABLE)
            self._compressed = self.create_publisher(CompressedImage, "bev/image/compressed", RELIABLE)
        if not self._blind:
            self._subscribe()
        if sees_vehicles:
            # Last, so that whoever sees it knows that the cameras are subscribed to.
            self._occupancy = self.create_publisher(OccupancyGrid, "bev/occupancy", latched_qos())
        self._last_set = time.monotonic()  # making the engine was no silence of the cameras
        self._diagnostics = DiagnosticsPublisher(self, self._statuses)
        if self.config.lidar and self.config.lidar_check_period > 0:
            self._lidar = LidarWatch(
                self,
                self._buffer,
                self.config.lidar,
                self.config.base_frame,
                self.config.reliability,
                self.config.lidar_check_period,
            )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._watch_timer = self.create_timer(_WATCH_PERIOD, self._watch_engine, clock=steady)
        self._thread = self._start(stuck=False)

    @property
    def _engine(self) -> Engine:
        return self._keeper.engine

    def is_alive(self) -> bool:
        """Whether frames can be served, for who starts the node again where they cannot."""
        return self._thread.is_alive() and not self._is_stuck()

    def close(self) -> None:
        """Stop the node's threads."""
        if self._lidar is not None:
            self._lidar.close()
        self._slot.close()
        self._thread.join(timeout=10.0)
        if self._thread.is_alive():  # it may still use the engine, and goes with the process
            self.get_logger().warning(f"{self._engine.name} has not finished its frame after 10 s")
            return
        self._engine.close()

    # -- engine -------------------------------------------------------------------------------------

    def _head_start(self) -> HeadStart | None:
        """Begin to read the weights, where the processor may run them."""
        path, backend = checkpoint_file(self.config.weights), self.config.backend
        may_run = backend == "torch" or (backend == "auto" and not gpu_is_here())
        return HeadStart(path) if path is not None and may_run else None

    def _make_engine(self, head_start: HeadStart | None) -> Engine:
        from ..runtime import create_engine

        config = self.config
        engine = create_engine(
            config.backend, config.weights, config.threads, config.precision, head_start=head_start
        )
        if head_start is not None:
            head_start.forget()
        return engine

    def _make_spare_engine(self) -> Engine:
        from ..runtime import create_engine

        return create_engine("torch", self.config.weights, self.config.threads)

    def _on_other_engine(self, engine: Engine, line: str) -> None:
        """Another engine has taken the place of one that failed; called on the thread of the network."""
        if self._answering is not None:
            self._answering.use(engine)
        self._report(line)

    def _start(self, stuck: bool) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(stuck,), name="inference", daemon=True)
        self._thread = thread  # before it looks whether it is still the one
        thread.start()
        return thread

    def _is_stuck(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > self._frame_limit()

    def _frame_limit(self) -> float:
        """Seconds; a processor that others keep busy is slow and not stuck."""
        on_gpu = any(word in self._engine.name for word in ("cuda", "tensorrt"))
        return self.config.engine_timeout * (1.0 if on_gpu else _BUSY_PROCESSOR)

    def _watch_engine(self) -> None:
        """Leave a frame alone that never comes out of the engine, and go on with the processor's."""
        if not self._is_stuck():
            return
        line = f"{self._engine.name} has not finished a frame within {self._frame_limit():g} s"
        self._report(line)
        if self._gave_up:  # what is stuck now is the processor's: only another process helps
            self.get_logger().fatal(f"{line}, the second time: the node ends, to be started again")
            os._exit(FAILURE)
        self._gave_up = True
        self._busy_since = None
        self._start(stuck=True)

    def _subscribe(self) -> None:
        qos = sensor_qos(self.config.reliability)
        compressed = self.config.image_transport == "compressed"
        kind = CompressedImage if compressed else Image
        suffix = "image_raw/compressed" if compressed else "image_raw"
        self._camera_subscriptions = []
        for name in self.config.cameras:
            self._camera_subscriptions += [
                self.create_subscription(
                    CameraInfo, f"{name}/camera_info", partial(self._on_info, name), qos
                ),
                self.create_subscription(kind, f"{name}/{suffix}", partial(self._on_image, name), qos),
            ]
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a deadline passes where /clock stands still too
        self._deadline_timer = self.create_timer(self.config.deadline / 4, self._on_deadline, clock=steady)

    # -- executor -----------------------------------------------------------------------------------

    def _on_info(self, name: str, message: CameraInfo) -> None:
        self._calibration.update(name, message)
        self._offer(self._synchronizer.poll(time.monotonic_ns()))

    def _on_image(self, name: str, message: CompressedImage | Image) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        self._offer(self._synchronizer.add(name, stamp, message, time.monotonic_ns()))

    def _on_deadline(self) -> None:
        self._offer(self._synchronizer.poll(time.monotonic_ns()))

    def _offer(self, camera_sets: list[CameraSet[CompressedImage | Image]]) -> None:
        for camera_set in camera_sets:
            self._last_set = time.monotonic()
            self._pause = float(np.clip(2.5 * (self._last_set - self._last_images), _ALONE, _PATIENCE))
            self._last_images = self._last_set
            self._ages.milliseconds(camera_set.stamp)
            self._slot.put(camera_set)
        if self._synchronizer.counts.restarts > self._restarts:
            self._restarts = self._synchronizer.counts.restarts
            self.get_logger().info(
                "the cameras' stamps jumped back: a bag or a clock restarted, so matching restarts"
            )

    def _on_cloud(self, stamp: int) -> None:
        """A LiDAR cloud: where no images come, it is a moment by itself."""
        now = time.monotonic()
        if now - self._last_images > self._pause:
            self._last_set = now
            self._ages.milliseconds(stamp)
            self._slot.put(CameraSet({}, stamp, False))

    # -- the network's thread -----------------------------------------------------------------------

    def _work(self, stuck: bool) -> None:
        stumbles = Stumbles(_MOST_STUMBLES)
        if stuck:
            with guard(self, self._report, stumbles):
                self._keeper.recover("it was stuck", stuck=True)
        while self._is_current() and (camera_set := self._slot.take()) is not None:
            with guard(self, self._report, stumbles):
                self._serve(camera_set)

    def _is_current(self) -> bool:
        """Whether this thread is the node's, and none that was left to an engine that was stuck."""
        return self._thread is threading.current_thread()

    def _by_engine(self, work: Callable[[], T]) -> T | None:
        """Do some work with the engine, under the eyes of `_watch_engine`; None where it came too late."""

        def watched(_engine: Engine) -> T:
            self._busy_since = time.monotonic()
            try:
                return work()
            finally:
                if self._is_current():
                    self._busy_since = None

        try:
            done = self._keeper.run(watched)
        except Exception:
            if self._is_current():
                raise
            return None
        return done if self._is_current() else None

    def _serve(self, camera_set: CameraSet[CompressedImage | Image]) -> None:
        stamps = {name: messages.from_stamp(item.header.stamp) for name, item in camera_set.items.items()}
        reading = self._calibration.rig(stamps)
        verdict = self._rig_watch(reading)
        rig, notes = verdict.rig, dict(reading.notes)
        problems = {**reading.problems, **verdict.problems}
        images = {}
        for name in rig.names:
            if name in camera_set.items:
                try:
                    images[name] = messages.picture(camera_set.items[name])
                    if said := messages.image_note(camera_set.items[name]):
                        notes.setdefault(name, said)
                except GeometryError as error:
                    problems[name] = str(error)
        # Whole, since the executor reads them.
        self._notes, self._warnings, self._hopeless = notes, verdict.warnings, verdict.hopeless
        enough = len(images) >= self.config.min_cameras
        if self._answering is not None and (enough or self._answering.goes_without_cameras()):
            frame_set = FrameSet(camera_set.stamp, rig, images) if enough else None
            self._answer(self._answering, camera_set, frame_set, problems)
            return
        if not enough:
            self._unusable = problems
            reason = next(iter(problems.values()), "too few images")
            self._report(f"{len(images)} of {len(self.config.cameras)} cameras usable: {reason}")
            return
        try:
            frame_set = FrameSet(camera_set.stamp, rig, images)
            served = self._by_engine(lambda: self._engine.infer_usable(frame_set))
        except ImageError as error:
            self._unusable = {**problems, error.camera: str(error)}
            raise
        if served is None:
            return
        prediction, damaged = served
        self._unusable = {**problems, **damaged}
        if damaged:
            self._report("; ".join(damaged.values()))
        self._publish(prediction)
        if self._lidar is not None:
            self._lidar.offer(rig, camera_set.items)
        self._count(prediction)

    def _answer(
        self,
        answering: Answering,
        camera_set: CameraSet[CompressedImage | Image],
        frame_set: FrameSet | None,
        problems: Mapping[str, str],
    ) -> None:
        """What a multi-sense network says of a moment."""
        answers = self._by_engine(lambda: answering.answer(camera_set.stamp, frame_set))
        if answers is None:
            return
        self._unusable = {**(problems if camera_set.items else {}), **answers.problems}
        if answers.problems:
            self._report("; ".join(answers.problems.values()))
        if answers.segmentation is not None:
            self._publish(answers.prediction)
        if self._lidar is not None and frame_set is not None:
            self._lidar.offer(frame_set.rig, camera_set.items)
        self._count(answers)

    def _count(self, prediction: Prediction | Answers) -> None:
        """Keep the figures of a frame for the diagnostics."""
        self._served += 1
        self._rate.tick(time.monotonic())
        for stage, milliseconds in prediction.timings.items():
            self._latencies.add(stage, milliseconds)
        age = self._ages.milliseconds(prediction.stamp)
        if age is None:
            self._latencies.forget("latency")
        else:
            self._latencies.add("latency", age)

    def _publish(self, prediction: Prediction) -> None:
        occupancy, frame = prediction.occupancy, self.config.base_frame
        self._occupancy.publish(messages.occupancy_grid(occupancy, prediction.grid, prediction.stamp, frame))
        raw, compressed = (
            publisher.get_subscription_count() > 0 for publisher in (self._image, self._compressed)
        )
        if not (raw or compressed):
            return
        picture = bev_image(occupancy, prediction.grid, scale=self.config.image_scale)
        if raw:
            self._image.publish(messages.image(picture, prediction.stamp, frame))
        if compressed:
            quality = [cv2.IMWRITE_JPEG_QUALITY, self.config.jpeg_quality]
            _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
            self._compressed.publish(messages.compressed_image(encoded.tobytes(), prediction.stamp, frame))

    def _report(self, problem: str) -> None:
        self._problem = (problem, time.monotonic())
        self.get_logger().error(problem, throttle_duration_sec=_PROBLEM_SHOWN)

    # -- diagnostics --------------------------------------------------------------------------------

    def _statuses(self) -> list[Status]:
        faults = self._synchronizer.faults(time.monotonic_ns())
        silence = time.monotonic() - self._last_set
        obstacle = ""
        if silence > self.config.stale_after:
            obstacle = f"no frame set for {silence:.1f} s: {self._obstacle(faults)}"
        statuses = [self._network_status(obstacle), self._clock_status()]
        if not self._blind:
            statuses.insert(1, self._camera_status(faults))
        statuses.append(self.refusal_status())
        return statuses if self._answering is None else [*statuses, *self._answering.statuses()]

    def _obstacle(self, faults: Mapping[str, CameraFault]) -> str:
        """Why no frame set comes."""
        if self._blind and self._answering is not None and self._answering.lidar is not None:
            return self._answering.lidar.problem()
        cameras, silence = len(self.config.cameras), self._synchronizer.silence(time.monotonic_ns())
        if silence is None:
            return "no images have arrived: start the cameras, or correct `cameras`"
        reasons = [summary(faults.values(), cameras)] if faults else []
        if silence > self.config.stale_after:
            reasons.append(f"no images for {silence:.1f} s")
        elif 0 < cameras - len(faults) < self.config.min_cameras:
            reasons.append(
                f"a frame set needs {self.config.min_cameras} of {cameras} cameras (`min_cameras`)"
            )
        return (
            "; ".join(reasons) or "the cameras' images are too far apart in time: raise `slop` or `deadline`"
        )

    def _network_status(self, obstacle: str) -> Status:
        values: dict[str, object] = {
            "backend": self._engine.name,
            "reason": self._engine.reason,
            "weights": self._engine.weights,
            "rate_hz": self._rate.per_second(time.monotonic()),
            "served": self._served,
            "dropped": self._slot.dropped,
            "engine_recoveries": self._keeper.recoveries,
        }
        values |= self._latencies.summary()
        problem, when = self._problem
        if time.monotonic() - when < _PROBLEM_SHOWN:
            return Status("network", ERROR, problem, values)
        if obstacle:
            silence = self._synchronizer.silence(time.monotonic_ns())
            coming = silence is not None and silence <= self.config.stale_after
            return Status("network", ERROR if coming else STALE, obstacle, values)
        if self._keeper.note:
            return Status("network", WARN, self._keeper.note, values)
        return Status("network", OK, f"{values['rate_hz']:.1f} Hz", values)

    def _camera_status(self, faults: Mapping[str, CameraFault]) -> Status:
        counts, cameras = self._synchronizer.counts, len(self.config.cameras)
        silence = self._synchronizer.silence(time.monotonic_ns())
        if silence is None:
            return Status("cameras", STALE, "no images have arrived: start the cameras, or correct `cameras`")
        offsets = self._synchronizer.offsets(time.monotonic_ns())
        values: dict[str, object] = {
            "complete": counts.complete,
            "partial": counts.partial,
            "discarded": counts.discarded,
            "late": counts.late,
            "duplicate": counts.duplicate,
            "strayed": counts.strayed,
            "restarts": counts.restarts,
        }
        values |= {f"{name}_missed": missed for name, missed in counts.missed.items()}
        values |= {f"{name}_offset_s": offset for name, offset in offsets.items()}
        values |= {f"{name}_problem": fault.problem for name, fault in faults.items()}
        values |= {f"{name}_problem": problem for name, problem in self._unusable.items()}
        values |= {f"{name}_note": note for name, note in self._notes.items()}
        if silence > self.config.stale_after:
            line = f"none of {cameras} cameras has sent an image for {silence:.1f} s: start them again"
            return Status("cameras", ERROR, line, values)
        # Of a camera without images it does not matter that its calibration is missing too.
        gone = {name for name, fault in faults.items() if fault.kind in ("absent", "silent")}
        unusable = [problem for name, problem in self._unusable.items() if name not in gone]
        told = [summary(faults.values(), cameras)] if faults else []
        few = cameras - len(faults) < max(self.config.min_cameras, cameras / 2)
        if unusable or told:
            level = ERROR if unusable or few else WARN
            return Status("cameras", level, "; ".join([*unusable, *told]), values)
        notes = [*self._notes.values(), *self._warnings]
        notes += [] if self._lidar is None else self._lidar.warnings
        if notes:
            return Status("cameras", ERROR if self._hopeless else WARN, "; ".join(notes), values)
        return Status("cameras", OK, f"{cameras} cameras", values)

    def _clock_status(self) -> Status:
        problem = self._ages.problem()
        return Status("clock", WARN, problem) if problem else Status("clock", OK, "")


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    let_threads_sleep()
    use_one_heap()
    on_processor = not gpu_is_here()
    if on_processor and not is_wanted():
        load_libraries()
    with lean_torch() if on_processor else contextlib.nullcontext():
        status = with_spare(lambda: run(InferenceNode, args, ServiceManager()), _load)
    sys.exit(status)


def _load() -> None:
    """Import PyTorch and what an engine is made by."""
    from ..runtime import backends, engine_keeper

    assert backends.REGISTRY
    assert engine_keeper


if __name__ == "__main__":
    main()
