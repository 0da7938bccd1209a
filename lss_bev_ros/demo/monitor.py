"""What a running system says of itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from ..geometry import CAMERA_NAMES
from ..nodes.diagnostics import is_of_another_car
from ..nodes.receiver import Receiver
from ..topics import image_topic, raw_image_topic

_MOST_STATUSES = 200
"""Names that are kept; anybody may publish diagnostics."""


class DemoMonitor:
    """Listens to /diagnostics on a thread of its own and calls the replay's services."""

    def __init__(
        self, namespace: str = "", cameras: Sequence[str] = CAMERA_NAMES, transport: str = "compressed"
    ) -> None:
        """Start listening.

        Args:
            namespace: of the nodes.
            cameras: names of the cameras that they take.
            transport: `compressed` or `raw`, the images that they take.
        """
        self._namespace = namespace.strip("/")
        image = raw_image_topic if transport == "raw" else image_topic
        # What a node of the demonstration subscribes to.
        self._topics = (
            *(image(name) for name in cameras),
            *(f"{name}/camera_info" for name in cameras),
            "lidar_top/points",
            "ground_truth/occupancy",
            "bev/occupancy",
        )
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C is the caller's
        self._node = Receiver("demo_monitor", namespace=f"/{self._namespace}")
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._resume = self._node.create_client(Trigger, "replay/resume")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="monitor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(timeout=2.0)
        self._node.destroy_node()
        rclpy.try_shutdown()

    def values(self, name: str) -> Mapping[str, str]:
        """Newest values of the status whose name ends with `name`; none before it was heard."""
        status = self._statuses.get(name)
        return {pair.key: pair.value for pair in status.values} if status else {}

    def state(self, name: str) -> tuple[str, str]:
        """Level and message of a status: `OK`, `WARN`, `ERROR`, `STALE` or, before it was heard, `...`."""
        status = self._statuses.get(name)
        if status is None:
            return "...", ""
        levels = {DiagnosticStatus.OK: "OK", DiagnosticStatus.WARN: "WARN", DiagnosticStatus.ERROR: "ERROR"}
        return levels.get(status.level, "STALE"), status.message

    def ready(self, subscribers: int) -> bool:
        """Whether every node has spoken and every topic between them has so many subscribers."""
        heard = all(name in self._statuses for name in ("replay", "network", "metrics"))
        return heard and all(self._node.count_subscribers(topic) >= subscribers for topic in self._topics)

    def resume(self, timeout: float = 5.0) -> bool:
        """Start the paused replay; whether it answered within `timeout` seconds."""
        if not self._resume.wait_for_service(timeout_sec=timeout):
            return False
        future = self._resume.call_async(Trigger.Request())
        deadline = time.monotonic() + timeout
        while not future.done() and time.monotonic() < deadline:
            time.sleep(0.02)
        return future.done() and future.result().success

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if is_of_another_car(status.name, self._namespace):
                continue
            name = status.name.rpartition(": ")[2]
            if name in self._statuses or len(self._statuses) < _MOST_STATUSES:
                self._statuses[name] = status

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
