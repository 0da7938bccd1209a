"""Replay node: publishes a nuScenes data set as if the car were driving."""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time

import cv2
import numpy as np
import rclpy
from nav_msgs.msg import OccupancyGrid
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..dataset import CameraShot, Keyframe, LidarScan, NuScenesReader
from ..dataset.raster import vehicle_raster
from ..dataset.timeline import Event, next_start, timeline
from ..errors import DatasetError
from ..geometry import CAMERA_NAMES, BevGrid
from .configuration import ReplayParameters
from .diagnostics import ERROR, OK, WARN, DiagnosticsPublisher, Rate, Status
from .parameters import declare
from .process import guard, run
from .qos import RELIABLE, latched_qos

LIDAR_TOPIC = "lidar_top/points"

_CLOCK_PERIOD = 0.01
_ERROR_SHOWN = 5.0
"""Seconds that an unreadable file stays in the diagnostics, since the next one may be good."""


class ReplayNode(Node):
    """Publishes images, calibration, LiDAR, transforms and annotations of a nuScenes data set in time.

    A thread of its own keeps the time and publishes; the executor serves pause, resume and step. A damaged
    file is reported in /diagnostics and its message left out; the replay goes on.
    """

    exit_code = 0

    def __init__(self, **overrides: object) -> None:
        """Open the data set and start.

        Args:
            overrides: parameter defaults that differ, for tests.

        Raises:
            LssBevError: a bad parameter or data set.
        """
        super().__init__("replay")
        self.config = declare(self, ReplayParameters, **overrides)
        if not self.config.dataroot:
            raise DatasetError(
                "parameter dataroot: no data root given; set it to a nuScenes folder, or make one with "
                "'lss-bev synthesize OUT'"
            )
        self._reader = NuScenesReader(self.config.dataroot, self.config.version, tuple(self.config.scenes))
        self._scenes = tuple(self.config.scenes) or self._reader.scenes
        self._grid = BevGrid()
        self._create_publishers()
        self._rates = {name: Rate() for name in (*CAMERA_NAMES, LIDAR_TOPIC)}
        self._errors = 0
        self._broken = ("", -math.inf)
        self._progress = "waiting"
        self._published = 0
        self._late = 0.0

        self._control = threading.Condition()
        self._paused = self.config.paused
        self._steps = 0
        self._closing = False
        self._control_services = [
            self.create_service(Trigger, "~/pause", self._on_pause),
            self.create_service(Trigger, "~/resume", self._on_resume),
            self.create_service(Trigger, "~/step", self._on_step),
        ]
        self._diagnostics = DiagnosticsPublisher(self, self._statuses)
        self._thread = threading.Thread(target=self._replay, name="replay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the replay."""
        with self._control:
            self._closing = True
            self._control.notify_all()
        self._thread.join(timeout=5.0)

    # -- publishers ---------------------------------------------------------------------------------

    def _create_publishers(self) -> None:
        self._images, self._raw_images, self._infos = {}, {}, {}
        for name in CAMERA_NAMES:
            self._images[name] = self.create_publisher(
                CompressedImage, f"{name}/image_raw/compressed", RELIABLE
            )
            self._infos[name] = self.create_publisher(CameraInfo, f"{name}/camera_info", RELIABLE)
            if self.config.publish_raw:
                self._raw_images[name] = self.create_publisher(Image, f"{name}/image_raw", RELIABLE)
        self._points = self.create_publisher(PointCloud2, LIDAR_TOPIC, RELIABLE)
        self._truth = self.create_publisher(OccupancyGrid, "ground_truth/occupancy", latched_qos())
        self._boxes = self.create_publisher(MarkerArray, "ground_truth/boxes", latched_qos())
        self._tf = TransformBroadcaster(self)
        self._tf_static = StaticTransformBroadcaster(self)
        self._clock_publisher = None
        if self.config.stamp == "dataset":
            self._clock_publisher = self.create_publisher(Clock, "/clock", RELIABLE)

    # -- services -----------------------------------------------------------------------------------

    def _on_pause(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._control:
            self._paused = True
            self._control.notify_all()
        response.success, response.message = True, "paused"
        return response

    def _on_resume(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._control:
            self._paused = False
            self._control.notify_all()
        response.success, response.message = True, "running"
        return response

    def _on_step(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._control:
            if not self._paused:
                response.success, response.message = False, "not paused: call pause first"
                return response
            self._steps += 1
            self._control.notify_all()
        response.success, response.message = True, "one keyframe further"
        return response

    # -- the replay thread --------------------------------------------------------------------------

    def _replay(self) -> None:
        with guard(self, self._fail):
            if self._wait_for_company():
                self._play()
        if not self._closing:
            self._sleep(self.config.linger)
            rclpy.try_shutdown()

    def _fail(self, problem: str) -> None:
        self.get_logger().error(problem)
        self.exit_code = 1

    def _wait_for_company(self) -> bool:
        """Wait for the subscribers and the publisher that were asked for; False when the node is closing."""
        deadline = time.monotonic() + self.config.wait_timeout
        while not self._closing and (missing := self._missing_company()):
            if time.monotonic() > deadline:
                self.get_logger().warning(
                    f"starting without {missing}, after {self.config.wait_timeout:g} s of waiting"
                )
                break
            self._sleep(0.05)
        return not self._closing

    def _missing_company(self) -> str:
        topic = self.config.wait_for_publisher
        if topic and not self.count_publishers(self.resolve_topic_name(topic)):
            return f"a publisher of {topic}"
        wanted = self.config.wait_for_subscribers
        counts = {name: publisher.get_subscription_count() for name, publisher in self._images.items()}
        few = [name for name, count in counts.items() if count < wanted]
        return f"{wanted} subscribers of {', '.join(few)}" if few else ""

    def _play(self) -> None:
        self._started = self.get_clock().now().nanoseconds
        self._stopwatch = _Stopwatch()
        start = 0
        for run_number in itertools.count() if self.config.loop else range(self.config.repeat):
            for scene in self._scenes:
                self._progress = scene
                shots = self._reader.shots(scene, self.config.sweeps)
                events = timeline(shots, self._reader.keyframes(scene), self.config.rate, start)
                if not events:
                    self.get_logger().warning(f"{scene}: no recordings, skipped")
                    continue
                if run_number == 0:
                    seconds = (events[-1].due - events[0].due) / 1e9
                    self.get_logger().info(f"{scene}: {len(events)} messages in {seconds:.1f} s")
                for index, event in enumerate(events):
                    if not self._wait_until(event):
                        return
                    stamp = self._stamp(event)
                    if index == 0:
                        self._publish_mounting(events, stamp)
                    self._publish(event.item, stamp)
                start = next_start(events, self.config.rate)
            if start == 0:
                raise DatasetError(f"{self.config.dataroot}: no recordings in {', '.join(self._scenes)}")
        self._progress = "finished"

    def _stamp(self, event: Event) -> int:
        if self._clock_publisher is not None:
            return event.item.stamp
        return self._started + self._stopwatch.stopped + event.stamp

    def _wait_until(self, event: Event) -> bool:
        """Sleep until the event is due, through any pause; False when the node is closing."""
        with self._control:
            while not self._closing:
                if self._paused and not self._steps:
                    self._stopwatch.stop()
                    self._control.wait()
                    continue
                self._stopwatch.start()
                remaining = (event.due - self._stopwatch.elapsed) / 1e9
                self._publish_clock(event, max(remaining, 0.0))
                if remaining <= 0:
                    if self._paused and event.ends_step:
                        self._steps -= 1
                    self._late = max(self._late * 0.99, -remaining)
                    return True
                self._control.wait(min(remaining, _CLOCK_PERIOD) if self._clock_publisher else remaining)
        return False

    def _sleep(self, seconds: float) -> None:
        with self._control:
            if not self._closing:
                self._control.wait(seconds)

    # -- messages -----------------------------------------------------------------------------------

    def _publish_clock(self, event: Event, remaining: float) -> None:
        """Publish the recording's present time, `remaining` seconds before the event."""
        if self._clock_publisher is not None:
            now = event.item.stamp - round(remaining * self.config.rate * 1e9)
            self._clock_publisher.publish(Clock(clock=messages.to_stamp(now)))

    def _publish_mounting(self, events: list[Event], stamp: int) -> None:
        """Publish where each sensor of the scene sits on the car."""
        mounted = {}
        for event in events:
            if isinstance(event.item, CameraShot):
                mounted.setdefault(event.item.name, event.item.camera.pose)
            elif isinstance(event.item, LidarScan):
                mounted.setdefault(event.item.name, event.item.pose)
        self._tf_static.sendTransform(
            [messages.transform(pose, "base_link", name, stamp) for name, pose in mounted.items()]
        )

    def _publish(self, item: CameraShot | LidarScan | Keyframe, stamp: int) -> None:
        self._tf.sendTransform(messages.transform(item.ego, "map", "base_link", stamp))
        if isinstance(item, Keyframe):
            truth = vehicle_raster(item.boxes, self._grid).astype(np.int8) * 100
            self._truth.publish(messages.occupancy_grid(truth, self._grid, stamp))
            self._boxes.publish(messages.box_markers(item.boxes, stamp))
            return
        try:
            if isinstance(item, CameraShot):
                self._publish_image(item, stamp)
            else:
                self._points.publish(messages.point_cloud(item.points(), stamp, item.name))
        except DatasetError as error:
            self._errors += 1
            self._broken = (str(error), time.monotonic())
            self.get_logger().error(str(error))
            return
        self._published += 1
        topic = item.name if isinstance(item, CameraShot) else LIDAR_TOPIC
        self._rates[topic].tick(time.monotonic())

    def _publish_image(self, shot: CameraShot, stamp: int) -> None:
        jpeg = shot.jpeg()
        self._infos[shot.name].publish(messages.camera_info(shot.camera, stamp))
        self._images[shot.name].publish(messages.compressed_image(jpeg, stamp, shot.name))
        if self.config.publish_raw:
            decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            if decoded is None:
                raise DatasetError(f"{shot.path}: cannot be decoded; replace the file")
            rgb = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
            self._raw_images[shot.name].publish(messages.image(rgb, stamp, shot.name))

    # -- diagnostics --------------------------------------------------------------------------------

    def _statuses(self) -> list[Status]:
        now = time.monotonic()
        values: dict[str, object] = {
            "scene": self._progress,
            "messages": self._published,
            "unreadable_files": self._errors,
            "late_ms": self._late * 1e3,
            "paused": self._paused,
        }
        values |= {f"{topic}_hz": rate.per_second(now) for topic, rate in self._rates.items()}
        error, when = self._broken
        if now - when < _ERROR_SHOWN:
            return [Status("replay", ERROR, error, values)]
        if self._late > 0.1:
            return [Status("replay", WARN, "behind its schedule: lower the rate", values)]
        return [Status("replay", OK, "paused" if self._paused else self._progress, values)]


class _Stopwatch:
    """Nanoseconds of wall time since it was made, less the time it was stopped."""

    def __init__(self) -> None:
        self._begin = time.monotonic_ns()
        self._stopped_at: int | None = None
        self.stopped = 0

    @property
    def elapsed(self) -> int:
        return time.monotonic_ns() - self._begin - self.stopped

    def stop(self) -> None:
        if self._stopped_at is None:
            self._stopped_at = time.monotonic_ns()

    def start(self) -> None:
        if self._stopped_at is not None:
            self.stopped += time.monotonic_ns() - self._stopped_at
            self._stopped_at = None


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(run(ReplayNode, args))


if __name__ == "__main__":
    main()
