"""Replay node: publishes a nuScenes data set as if the car were driving."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger
from tf2_ros import TransformBroadcaster

from .. import messages, topics
from ..dataset import CameraShot, Keyframe, NuScenesReader
from ..dataset.timeline import Event, Mounting, next_start, recorded_time, timeline, with_mountings
from ..errors import DatasetError
from ..geometry import CAMERA_NAMES, BevGrid
from ..topics import CLOCK_TOPIC, LIDAR_TOPIC, TF_STATIC_TOPIC, TF_TOPIC, info_topic
from .audience import Audience
from .configuration import ReplayParameters
from .diagnostics import ERROR, OK, WARN, DiagnosticsPublisher, Rate, Status
from .parameters import declare
from .process import guard, run
from .qos import RELIABLE, latched_qos
from .spare import with_spare

_CLOCK_PERIOD = 0.01
_AHEAD = 16
"""Recordings whose messages are made before they are due, at most: those of one turn of the cameras."""

_SPARE_NS = 100_000_000
"""Time until the next one is due, more than which is enough to make the messages of a later one."""

_INTRODUCTION = 4.0
"""Seconds to wait until those who were waited for have the calibration, at most. Of a reliable topic, what
Fast DDS loses in the first rush comes 3 s later, with a heartbeat: a network would have images alone."""

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
        self._reader = NuScenesReader(
            self.config.dataroot, self.config.version, self.config.scenes, self.config.vehicle_categories
        )
        self._scenes = tuple(self.config.scenes) or self._reader.scenes
        self._cameras = self._reader.cameras
        self._tell()
        self._grid = BevGrid()
        self._create_publishers()
        self._audience = Audience(self._cameras, self.config.wait_for_subscribers)
        self._rates = {name: Rate() for name in (*self._cameras, LIDAR_TOPIC)}
        self._errors = 0
        self._broken = ("", -math.inf)
        self._progress = "waiting"
        self._published = 0
        self._late = 0.0
        self._prepared: dict[Event, list[tuple[str, Any]]] = {}

        self._control = threading.Condition()
        self._paused = self.config.paused
        self._switches = 0  # how often it was told to pause or to go on
        self._steps = 0
        self._in_keyframe = False
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

    def _tell(self) -> None:
        """Log what of the data set is not as in nuScenes."""
        for notice in self._reader.notices:
            self.get_logger().warning(notice)
        if not set(self._cameras) <= set(CAMERA_NAMES):
            names = ", ".join(self._cameras)
            self.get_logger().warning(
                f"the cameras are {names}: start the nodes that use them with cameras:='[{names}]'"
            )
        unscored = [
            name
            for name in self._scenes
            if self._reader.count_keyframes(name) and not self._reader.annotated(name)
        ]
        if unscored:
            shown = ", ".join(unscored[:5]) + (", ..." if len(unscored) > 5 else "")
            self.get_logger().warning(
                f"no annotated vehicles in {shown}: ground_truth/occupancy is unknown (-1) there"
            )

    # -- publishers ---------------------------------------------------------------------------------

    def _create_publishers(self) -> None:
        clock = self.config.stamp == "dataset"
        self._outputs = {
            topic.name: self.create_publisher(
                topic.kind, topic.name, latched_qos(topic.depth) if topic.latched else RELIABLE
            )
            for topic in topics.all_topics(self.config.publish_raw, clock, self._cameras)
            if topic.name != TF_TOPIC
        }
        first = None
        with contextlib.suppress(DatasetError):  # told when it is due
            first = next((each for name in self._scenes for each in self._reader.keyframes(name)), None)
        self._truths = {
            topic.name: self.create_publisher(topic.kind, topic.name, latched_qos(topic.depth))
            for topic in (() if first is None else topics.truth_topics(first))
        }
        self._outputs |= self._truths
        self._clock_publisher = self._outputs.get(CLOCK_TOPIC)
        self._tf = TransformBroadcaster(self)

    # -- services -----------------------------------------------------------------------------------

    def _on_pause(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._control:
            self._paused = True
            self._switches += 1
            self._control.notify_all()
        response.success, response.message = True, "paused"
        return response

    def _on_resume(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._control:
            self._paused = False
            self._switches += 1
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
        response.success, response.message = True, "one more keyframe"
        return response

    # -- the replay thread --------------------------------------------------------------------------

    def _replay(self) -> None:
        with guard(self, self._fail):
            if self._wait_for_audience():
                self._play()
        if not self._closing:
            self._sleep(self.config.linger)
            rclpy.try_shutdown()

    def _fail(self, problem: str) -> None:
        self.get_logger().error(problem)
        self.exit_code = 1

    def _wait_for_audience(self) -> bool:
        """Wait for the subscribers and the publisher that were asked for; False when the node is closing."""
        deadline = time.monotonic() + self.config.wait_timeout
        while not self._closing and (missing := self._missing_audience()):
            if time.monotonic() > deadline:
                self.get_logger().warning(
                    f"starting without {missing}, after {self.config.wait_timeout:g} s of waiting"
                )
                break
            self._sleep(0.05)
        else:
            if self.config.wait_for_subscribers and (unheard := self._audience.unheard()):
                self.get_logger().info(f"starting; nothing subscribes to {', '.join(unheard)} yet")
        return not self._closing

    def _missing_audience(self) -> str:
        topic = self.config.wait_for_publisher
        if topic and not self.count_publishers(self.resolve_topic_name(topic)):
            return f"a publisher of {topic}"
        counts = {name: publisher.get_subscription_count() for name, publisher in self._outputs.items()}
        few = self._audience.missing(counts, time.monotonic())
        return f"{self.config.wait_for_subscribers} subscribers of {', '.join(few)}" if few else ""

    def _play(self) -> None:
        start, begun = 0, False
        for run_number in itertools.count() if self.config.loop else range(self.config.repeat):
            for scene in self._scenes:
                self._progress = scene
                shots = self._reader.shots(scene, self.config.sweeps)
                recordings = timeline(shots, self._reader.keyframes(scene), self.config.rate, start)
                events = with_mountings(recordings, self.config.rate)
                if not events:
                    self.get_logger().warning(f"{scene}: no recordings, skipped")
                    continue
                if run_number == 0:
                    seconds = (events[-1].due - events[0].due) / 1e9
                    self.get_logger().info(f"{scene}: {len(events)} messages in {seconds:.1f} s")
                if not begun:
                    for event in events[:_AHEAD]:
                        self._prepare(event)
                    if self.config.wait_for_subscribers:
                        self._introduce(events)
                    self._started = self.get_clock().now().nanoseconds
                    self._stopwatch = _Stopwatch()
                    begun = True
                before: Event | None = None
                for index, event in enumerate(events):
                    self._prepare_idly(events[index : index + _AHEAD])
                    if not self._wait_until(event, before):
                        return
                    before = event
                    self._publish(event, self._stamp(event))
                start = next_start(events, self.config.rate)
            if start == 0:
                raise DatasetError(f"{self.config.dataroot}: no recordings in {', '.join(self._scenes)}")
        self._progress = "finished"

    def _introduce(self, events: Sequence[Event]) -> None:
        """Publish each camera's calibration ahead of all images, until every reliable subscriber has it."""
        now = self.get_clock().now().nanoseconds
        introduced: dict[str, None] = {}
        for event in events:
            item, stamp = event.item, event.item.stamp if self._clock_publisher is not None else now
            if isinstance(item, Mounting) and TF_STATIC_TOPIC not in introduced:
                introduced[TF_STATIC_TOPIC] = None
                self._outputs[TF_STATIC_TOPIC].publish(topics.mounted(item, stamp))
            elif isinstance(item, CameraShot) and info_topic(item.name) not in introduced:
                introduced[info_topic(item.name)] = None
                info = messages.camera_info(item.camera, stamp)
                self._outputs[info_topic(item.name)].publish(info)
            if len(introduced) > len(self._cameras):
                break
        deadline = time.monotonic() + _INTRODUCTION
        for topic in introduced:
            while not self._outputs[topic].wait_for_all_acked(Duration()):
                if self._closing or time.monotonic() > deadline:
                    return
                self._sleep(0.05)

    def _stamp(self, event: Event) -> int:
        if self._clock_publisher is not None:
            return event.item.stamp
        return int(self._started) + self._stopwatch.stopped + event.stamp

    def _wait_until(self, event: Event, before: Event | None) -> bool:
        """Sleep until the event that follows `before` is due, through any pause; False when closing.

        A pause begins behind the keyframe that is under way, so that what was sent of it has its truth.
        """
        with self._control:
            while not self._closing:
                if self._paused and not self._steps and not self._in_keyframe:
                    self._stopwatch.stop()
                    self._control.wait()
                    continue
                self._stopwatch.start()
                remaining = (event.due - self._stopwatch.elapsed) / 1e9
                self._publish_clock(event, before, max(remaining, 0.0))
                if remaining <= 0:
                    if self._paused and self._steps and event.ends_step:
                        self._steps -= 1
                    is_key = not isinstance(event.item, Keyframe) and event.item.is_key
                    self._in_keyframe = not event.ends_step and (self._in_keyframe or is_key)
                    self._late = max(self._late * 0.99, -remaining)
                    return True
                self._control.wait(min(remaining, _CLOCK_PERIOD) if self._clock_publisher else remaining)
        return False

    def _sleep(self, seconds: float) -> None:
        """Sleep, whatever services are called meanwhile, until the node closes."""
        with self._control:
            self._control.wait_for(lambda: self._closing, seconds)

    # -- messages -----------------------------------------------------------------------------------

    def _publish_clock(self, event: Event, before: Event | None, remaining: float) -> None:
        """Publish the recording's present time, `remaining` seconds before the event."""
        if self._clock_publisher is not None:
            now = recorded_time(event, before, round(remaining * 1e9), self.config.rate)
            self._clock_publisher.publish(Clock(clock=messages.to_stamp(now)))

    def _prepare_idly(self, upcoming: Sequence[Event]) -> None:
        """Make messages while there is time: made only when due, a set's last images would come too late."""
        for event in upcoming:
            if self._closing or upcoming[0].due - self._stopwatch.elapsed < _SPARE_NS:
                return
            self._prepare(event)

    def _prepare(self, event: Event) -> None:
        if event not in self._prepared and not isinstance(event.item, Mounting):
            self._prepared[event] = []
            with contextlib.suppress(DatasetError):  # told when it is due
                self._prepared[event] = self._make(event)

    def _make(self, event: Event) -> list[tuple[str, Any]]:
        assert not isinstance(event.item, Mounting), "it has no messages of its own"
        made = topics.recording(event.item, event.stamp, self._grid, self.config.publish_raw)
        return made + self._true(event.item, event.stamp) if isinstance(event.item, Keyframe) else made

    def _true(self, keyframe: Keyframe, stamp: int) -> list[tuple[str, Any]]:
        """What is listened to of a keyframe's other truth; a file that is damaged costs no other message."""
        made = []
        heard = {topic for topic, publisher in self._truths.items() if publisher.get_subscription_count()}
        for of_one_file in topics.TRUTHS:
            try:
                made += topics.truth(keyframe, stamp, self._grid, heard & of_one_file)
            except DatasetError as error:
                self._errors += 1
                self._broken = (str(error), time.monotonic())
                self.get_logger().error(str(error), throttle_duration_sec=5.0)
        return made

    def _publish(self, event: Event, stamp: int) -> None:
        item = event.item
        if isinstance(item, Mounting):
            # Not by tf2_ros' StaticTransformBroadcaster: it keeps the first transform of a frame for good.
            self._outputs[TF_STATIC_TOPIC].publish(topics.mounted(item, stamp))
            return
        self._tf.sendTransform(topics.motion(item, stamp).transforms)
        try:
            made = self._prepared.pop(event, None) or self._make(event)
        except DatasetError as error:
            self._errors += 1
            self._broken = (str(error), time.monotonic())
            self.get_logger().error(str(error))
            return
        topics.restamp(made, stamp)
        for topic, message in made:
            self._outputs[topic].publish(message)
        if not isinstance(item, Keyframe):
            self._published += 1
            self._rates[item.name if isinstance(item, CameraShot) else LIDAR_TOPIC].tick(time.monotonic())

    # -- diagnostics --------------------------------------------------------------------------------

    def _statuses(self) -> list[Status]:
        now = time.monotonic()
        values: dict[str, object] = {
            "scene": self._progress,
            "messages": self._published,
            "unreadable_files": self._errors,
            "late_ms": self._late * 1e3,
            "paused": self._paused,
            "switches": self._switches,
        }
        values |= {f"{topic}_hz": rate.per_second(now) for topic, rate in self._rates.items()}
        error, when = self._broken
        if now - when < _ERROR_SHOWN:
            return [Status("replay", ERROR, error, values)]
        clock = self.resolve_topic_name(CLOCK_TOPIC)
        if self._clock_publisher is not None and self.count_publishers(clock) > 1:
            told = f"{clock} has other publishers too, so time jumps: give each car its own clock with "
            return [Status("replay", WARN, f"{told}namespace:=car1 namespaced_clock:=true", values)]
        if self._late > 0.1:
            return [Status("replay", WARN, "behind schedule: lower the rate", values)]
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
    sys.exit(with_spare(lambda: run(ReplayNode, args)))


if __name__ == "__main__":
    main()
