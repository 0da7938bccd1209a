"""The car between a replay and the nodes: passes on what was recorded, spoils it, sees what is served."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import rclpy
from nav_msgs.msg import OccupancyGrid
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from std_msgs.msg import Float32
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..geometry import CAMERA_NAMES, BevGrid
from ..nodes.receiver import Receiver, one_line
from ..topics import BOXES_TOPIC, LIDAR_TOPIC, TRUTH_TOPIC, image_topic

RECORDED = "recorded"
"""Namespace in which the replay publishes."""

_METRIC = "evaluation/iou"
_TICK = 0.02
_RECENT = 60 * 10**9
"""Nanoseconds that a grid may be old."""

Fault = Callable[[str, bytes], list[tuple[float, str, bytes]]]
"""What becomes of a message of a camera: seconds from now, camera and bytes of what is passed on."""


class Relay:
    """Passes topics on from the replay's namespace, and notes when each node has last served.

    Attributes:
        fault: what happens to images; None for nothing.
        grids: seconds of a steady clock at which grids came.
        failure: what ended the relay itself; empty while it goes on.
    """

    def __init__(self) -> None:
        """Begin, on a thread of its own."""
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self.node = Receiver("endurance")
        self.fault: Fault | None = None
        self.failure = ""
        self.grids: list[float] = []
        self.stamps: set[int] = set()
        self._seen: dict[str, float] = {}
        self._due: list[tuple[float, int, str, bytes]] = []
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._publishers: dict[str, Any] = {}
        reliable = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            depth=20, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        for name in CAMERA_NAMES:
            self._relay(CompressedImage, image_topic(name), reliable, partial(self._on_image, name))
            self._relay(CameraInfo, f"{name}/camera_info", reliable)
        self._relay(PointCloud2, LIDAR_TOPIC, reliable)
        self._relay(TFMessage, "tf", reliable)
        self._relay(TFMessage, "tf_static", latched)
        self._relay(OccupancyGrid, TRUTH_TOPIC, latched)
        self._relay(MarkerArray, BOXES_TOPIC, latched)
        self.node.create_subscription(OccupancyGrid, "bev/occupancy", self._on_grid, reliable)
        self.node.create_subscription(Float32, _METRIC, lambda _: self.note("evaluation"), reliable)
        self.node.create_timer(_TICK, self._on_tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="car", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=3.0)
        self.node.destroy_node()
        rclpy.try_shutdown()

    def seen(self, name: str) -> float:
        """When a node last served, seconds of a steady clock; before all time where it never has."""
        return self._seen.get(name, float("-inf"))

    def _relay(
        self, kind: type, topic: str, qos: QoSProfile, take: Callable[[bytes], None] | None = None
    ) -> None:
        target = f"/{topic}"
        self._publishers[topic] = self.node.create_publisher(kind, target, qos)
        take = take or self._publishers[topic].publish
        self.node.create_subscription(kind, f"/{RECORDED}/{topic}", take, qos, raw=True)

    def _on_image(self, name: str, data: bytes) -> None:
        self.note("replay")
        now = time.monotonic()
        for after, other, changed in [(0.0, name, data)] if self.fault is None else self.fault(name, data):
            if after > 0.0:
                with self._lock:
                    heapq.heappush(self._due, (now + after, next(self._number), other, changed))
            else:
                self._pass_on(other, changed)

    def _pass_on(self, name: str, data: bytes) -> None:
        self._publishers[image_topic(name)].publish(data)

    def _on_tick(self) -> None:
        now = time.monotonic()
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > now:
                    return
                _, _, name, data = heapq.heappop(self._due)
            self._pass_on(name, data)

    def _on_grid(self, message: OccupancyGrid) -> None:
        stamp = messages.from_stamp(message.header.stamp)
        if message.info.width != BevGrid().shape[1] or abs(stamp - time.time_ns()) > _RECENT:
            return  # of whoever means harm
        if stamp not in self.stamps:  # what is latched comes again
            self.stamps.add(stamp)
            self.grids.append(time.monotonic())
            self.note("inference")

    def note(self, name: str) -> None:
        """Note that a node has just served; whoever asks the dashboard's page says so here."""
        self._seen[name] = time.monotonic()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
        except Exception as error:  # so that the nodes are not blamed for it
            self.failure = one_line(error)
            raise
