"""Dashboard node: a page in the browser that shows what the others see, live."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future as Answered
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger
from tf2_ros import TransformException, TransformListener
from visualization_msgs.msg import MarkerArray

from .. import messages
from ..dashboard.credentials import tls, token_for
from ..dashboard.pictures import Pictures
from ..dashboard.replay_control import COMMANDS, Answer, ReplayControl
from ..dashboard.scene import Scene
from ..dashboard.serving import Serving
from ..dashboard.vitals import Vitals
from ..errors import GeometryError
from ..runtime.cache_folder import cache_folder
from .answer_layers import AnswerLayers
from .calibration import LiveCalibration, transforms_elsewhere
from .configuration import DashboardParameters
from .diagnostics import OK, WARN, DiagnosticsPublisher, Status, is_of_another_car
from .parameters import declare
from .process import run
from .qos import RELIABLE, latched_qos, sensor_qos
from .receiver import Receiver
from .spare import with_spare
from .stamp_age import StampAges
from .transform_buffer import TransformBuffer

if TYPE_CHECKING:
    from ..dashboard.server import DashboardServer

_GRID, _POINTS = "bev/occupancy", "lidar_top/points"
_TRUTH, _BOXES = "ground_truth/occupancy", "ground_truth/boxes"

_NICENESS = 3

_REFUSAL_SHOWN = 5.0
"""Seconds that a message which cannot be shown stays in the diagnostics, since the next one may be good."""


class DashboardNode(Receiver):
    """Keeps the newest of what the others publish; a web server on a thread of its own shows it.

    Without a page, since its port is taken or aiohttp is not installed, the node says so in /diagnostics and
    goes on.
    """

    exit_code = 0

    def __init__(self, **overrides: object) -> None:
        """Subscribe and open the page.

        Args:
            overrides: parameter defaults that differ, for tests.

        Raises:
            LssBevError: a bad parameter.
        """
        super().__init__("dashboard")
        self.config = declare(self, DashboardParameters, **overrides)
        cv2.setNumThreads(1)  # the pictures are small and the processor is the network's
        compressed = self.config.image_transport == "compressed"
        suffix = "image_raw/compressed" if compressed else "image_raw"
        self._image_topics = {name: f"{name}/{suffix}" for name in self.config.cameras}
        self._info_topics = {name: f"{name}/camera_info" for name in self.config.cameras}
        topics = (*self._image_topics.values(), *self._info_topics.values(), _POINTS, _GRID, _TRUTH, _BOXES)
        self._vitals = Vitals((*topics, "/diagnostics"), self.config.stale_after)
        self._scene = Scene(self.config.cameras)
        self._ages = StampAges(self)
        self._buffer = TransformBuffer(partial(self.refuse, "/tf"))
        self._transforms = TransformListener(self._buffer, self)
        self._calibration = LiveCalibration(
            self.config.cameras,
            self._buffer,
            self.config.base_frame,
            self.config.image_rectified,
            self.config.camera_frames,
            partial(transforms_elsewhere, self),
        )
        self._scene.rig = lambda: self._calibration.rig().rig
        self._subscribe(CompressedImage if compressed else Image)
        self._replay = _ReplayServices(self, self.config.replay)
        self._answers = AnswerLayers(self, self.config.inference, self._offer_layer)
        self._second = self.create_timer(1.0, self._on_second, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._refused = ("", -_REFUSAL_SHOWN)
        self._token = token_for(self.config.host, self.config.token_file, cache_folder())
        context = tls(self.config.tls_certificate, self.config.tls_key)
        self._serving = Serving(
            self._make_server, self.config.host, self.config.port, self._report, context=context
        )
        self._diagnostics = DiagnosticsPublisher(self, self._statuses)

    def close(self) -> None:
        """Close the page."""
        self._serving.close()

    def _subscribe(self, image_kind: type) -> None:
        qos, latched = sensor_qos(self.config.reliability), latched_qos(depth=10)
        inputs = [
            (PointCloud2, _POINTS, self._on_points, qos),
            (OccupancyGrid, _GRID, self._on_grid, RELIABLE),
            (OccupancyGrid, _TRUTH, self._on_truth, latched),
            (MarkerArray, _BOXES, self._on_boxes, latched),
            (DiagnosticArray, "/diagnostics", self._on_diagnostics, RELIABLE),
        ]
        for name in self.config.cameras:
            inputs.append((image_kind, self._image_topics[name], partial(self._on_image, name), qos))
            inputs.append((CameraInfo, self._info_topics[name], partial(self._on_info, name), qos))
        self._inputs = [
            self.create_subscription(kind, topic, partial(self._take, topic, callback), each_qos)
            for kind, topic, callback, each_qos in inputs
        ]

    def _make_server(self) -> DashboardServer:
        from ..dashboard.access import Access  # needs aiohttp
        from ..dashboard.server import DashboardServer

        config = self.config
        pictures = Pictures(tuple(config.cameras), config.camera_width, config.stream_quality)
        return DashboardServer(
            self._scene,
            self._vitals,
            self._replay,
            pictures,
            config.max_rate,
            config.max_clients,
            config.allowed_hosts,
            answers=self._answers,
            read_only=config.read_only,
            access=Access(self._token, secure=bool(config.tls_certificate)),
        )

    def _report(self, line: str, good: bool) -> None:
        if good:
            self.get_logger().info(line)
            if self._token:  # not by the logger, whose lines go over the network and into bags
                address = line.split()[1]
                print(f"the page with its token: {address}/?token={self._token}", flush=True)
        else:
            self.get_logger().warning(line)

    # -- executor -----------------------------------------------------------------------------------

    def _take(self, topic: str, callback: Callable[[Any], None], message: object) -> None:
        self._vitals.tick(topic)
        try:
            callback(message)
        except (GeometryError, TransformException) as error:
            self._refuse(f"{topic}: {error}")
        except Exception as error:  # whatever a message holds, the page stays
            self._refuse(f"{topic}: not shown ({type(error).__name__}: {' '.join(str(error).split())[:200]})")

    def _offer_layer(self, name: str, make: Callable[[], bytes]) -> None:
        server = self._serving.server
        if server is not None:
            server.offer_layer(name, make)

    def _refuse(self, line: str) -> None:
        self._refused = line, time.monotonic()
        self.get_logger().warning(line, throttle_duration_sec=5.0)

    def _on_image(self, name: str, message: CompressedImage | Image) -> None:
        self._scene.add_image(name, messages.from_stamp(message.header.stamp), messages.picture(message))

    def _on_info(self, name: str, message: CameraInfo) -> None:
        self._calibration.update(name, message)

    def _on_grid(self, message: OccupancyGrid) -> None:
        occupancy, grid = messages.cells_from_grid(message)
        stamp = messages.from_stamp(message.header.stamp)
        latency = self._ages.milliseconds(stamp)
        if latency is not None:
            self._vitals.add_latency(latency)
        self._scene.add_prediction(stamp, occupancy, grid, latency)

    def _on_truth(self, message: OccupancyGrid) -> None:
        cells, grid = messages.cells_from_grid(message)
        if not (cells >= 0).any():
            return  # nobody knows
        self._scene.add_truth(messages.from_stamp(message.header.stamp), cells > 50, grid)

    def _on_boxes(self, message: MarkerArray) -> None:
        if message.markers:
            stamp = messages.from_stamp(message.markers[0].header.stamp)
            self._scene.add_boxes(stamp, messages.boxes_from_markers(message))

    def _on_points(self, message: PointCloud2) -> None:
        frame = message.header.frame_id
        pose = messages.pose_from_transform(
            self._buffer.lookup_transform(self.config.base_frame, frame, Time())
        )
        points = pose.apply(messages.xyz_from_cloud(message))
        self._scene.add_points(messages.from_stamp(message.header.stamp), points)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if is_of_another_car(status.name, self.get_namespace()):
                continue
            level = int.from_bytes(status.level, "little")
            self._vitals.add_diagnostic(
                status.name, level, status.message, messages.diagnostic_values(status)
            )

    def _on_second(self) -> None:
        self._replay.look()
        self._answers.look()
        self._vitals.sample_rates(
            {"grid": [_GRID], "cameras": list(self._image_topics.values()), "lidar": [_POINTS]}
        )

    def _statuses(self) -> list[Status]:
        return [self._page_status(), self.refusal_status()]

    def _page_status(self) -> Status:
        if self._serving.problem:
            return Status("page", WARN, self._serving.problem)
        server = self._serving.server
        line, when = self._refused
        problem = (server.problem if server is not None else "") or (
            line if time.monotonic() - when < _REFUSAL_SHOWN else ""
        )
        channels = server.channels if server is not None else ()
        values: dict[str, object] = {"address": self._serving.address}
        values |= {f"{channel.name}_clients": channel.clients for channel in channels}
        values |= {f"{channel.name}_skipped": channel.skipped for channel in channels}
        if problem:
            return Status("page", WARN, problem, values)
        return Status("page", OK, self._serving.address, values)


class _ReplayServices(ReplayControl):
    """The services of the replay node. Requests come from the page's thread and are sent by the executor."""

    def __init__(self, node: Node, name: str) -> None:
        self._clients = {command: node.create_client(Trigger, f"{name}/{command}") for command in COMMANDS}
        self._requests: queue.SimpleQueue[tuple[str, Future[Answer]]] = queue.SimpleQueue()
        self._guard = node.create_guard_condition(self._send)
        self._available = False

    def available(self) -> bool:
        return self._available

    def look(self) -> None:
        """See whether the services are there; called in the executor."""
        self._available = all(client.service_is_ready() for client in self._clients.values())

    def request(self, command: str) -> Future[Answer]:
        future: Future[Answer] = Future()
        self._requests.put((command, future))
        self._guard.trigger()
        return future

    def _send(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                command, future = self._requests.get_nowait()
                sent = self._clients[command].call_async(Trigger.Request())
                sent.add_done_callback(partial(_answer, future))


def _answer(future: Future[Answer], sent: Answered) -> None:
    if future.set_running_or_notify_cancel():  # not where the page has stopped waiting
        response = sent.result()
        future.set_result(Answer(bool(response.success), response.message))


def main(args: list[str] | None = None) -> None:
    """Run the node, behind all others: where the processor is short, the page waits for the network."""
    os.nice(_NICENESS)
    sys.exit(with_spare(lambda: run(DashboardNode, args), _load))


def _load() -> None:
    """Import what the page is served by."""
    with contextlib.suppress(ModuleNotFoundError):  # without aiohttp there is no page
        from ..dashboard import server

        assert server


if __name__ == "__main__":
    main()
