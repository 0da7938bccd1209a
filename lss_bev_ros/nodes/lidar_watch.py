"""Whether the LiDAR fits the pictures, looked at now and then while the node runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import cv2
import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from tf2_ros import Buffer

from .. import images, messages
from ..doctor.watch import FitWatch
from ..errors import LssBevError
from ..geometry import Rig
from .latest import LatestSlot
from .qos import sensor_qos
from .receiver import one_line

_APART = 100_000_000
"""Nanoseconds between a scan and a picture that are compared, at most."""

_WIDTH = 640
"""Pixels across of the pictures that are compared."""

_POLL = 0.25
"""Seconds between two looks whether a comparison is due."""

_KEPT = 4
"""Sets of images that are kept for the scan that may come after them."""

_PATIENCE = 20
"""Scans without a picture of their time, after which the next comparison is waited for."""


class LidarWatch:
    """Compares one scan every few seconds with the pictures of its time, on a thread of its own.

    Clouds are large and the node has no other use for them, so it subscribes to them only while a comparison
    is due.

    Args:
        node: whose subscription it is.
        buffer: where the transforms of the sensors arrive.
        topic: of the clouds.
        base_frame: the car's frame.
        reliability: of the subscription.
        period: seconds between two comparisons.
    """

    def __init__(
        self, node: Node, buffer: Buffer, topic: str, base_frame: str, reliability: str, period: float
    ) -> None:
        self._node, self._buffer = node, buffer
        self._topic, self._base_frame, self._qos = topic, base_frame, sensor_qos(reliability)
        self._watch = FitWatch(period)
        self._subscription: Subscription | None = None
        self._sets: tuple[tuple[Rig, Mapping[str, CompressedImage | Image]], ...] = ()
        self._slot: LatestSlot[PointCloud2] = LatestSlot()
        self._warnings: tuple[str, ...] = ()
        self._period = period
        self._alone = 0
        self._resume = -np.inf
        self._timer = node.create_timer(_POLL, self._on_poll, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._thread = threading.Thread(target=self._work, name="lidar watch", daemon=True)
        self._thread.start()

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each camera that the LiDAR does not fit, or for the LiDAR."""
        return self._warnings

    def offer(self, rig: Rig, items: Mapping[str, CompressedImage | Image]) -> None:
        """Keep the newest set of images, from any thread."""
        self._sets = (*self._sets[1 - _KEPT :], (rig, items))

    def close(self) -> None:
        """Stop the thread."""
        self._slot.close()
        self._thread.join(timeout=5.0)

    # -- executor -----------------------------------------------------------------------------------

    def _on_poll(self) -> None:
        now = time.monotonic()
        due = bool(self._sets) and now >= self._resume and self._watch.is_due(now)
        if due and self._subscription is None:
            self._subscription = self._node.create_subscription(
                PointCloud2, self._topic, self._slot.put, self._qos
            )
        elif not due and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    # -- the thread -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while (cloud := self._slot.take()) is not None:
            if not self._watch.is_due(time.monotonic()):
                continue
            try:
                self._compare(cloud)
            except Exception as error:  # whatever a cloud holds, the next one may be good
                self._node.get_logger().warning(
                    f"{self._topic}: {one_line(error)}", throttle_duration_sec=60.0
                )

    def _compare(self, cloud: PointCloud2) -> None:
        stamp = messages.from_stamp(cloud.header.stamp)
        found = self._set_of(stamp)
        if found is None:
            self._alone += 1
            if self._alone % _PATIENCE == 0:
                self._resume = time.monotonic() + self._period
            return
        rig, items = found
        transform = self._buffer.lookup_transform(self._base_frame, cloud.header.frame_id, Time())
        points = messages.pose_from_transform(transform).apply(messages.xyz_from_cloud(cloud))
        grays, apart = {}, {}
        for camera in rig.cameras:
            item = items.get(camera.name)
            if item is not None and (gray := _gray(item)) is not None:
                grays[camera.name] = gray
                apart[camera.name] = (messages.from_stamp(item.header.stamp) - stamp) / 1e9
        if grays:
            self._watch.compare(time.monotonic(), rig.cameras, points, grays, apart)
            self._warnings = tuple(str(problem) for problem in self._watch.problems)

    def _set_of(self, stamp: int) -> tuple[Rig, Mapping[str, CompressedImage | Image]] | None:
        """The kept set that is nearest to a scan, if it is near enough."""

        def distance(kept: tuple[Rig, Mapping[str, CompressedImage | Image]]) -> int:
            stamps = [messages.from_stamp(item.header.stamp) for item in kept[1].values()]
            return min((abs(each - stamp) for each in stamps), default=_APART + 1)

        nearest = min(self._sets, key=distance, default=None)
        return nearest if nearest is not None and distance(nearest) <= _APART else None


def _gray(item: CompressedImage | Image) -> np.ndarray | None:
    """A small grey picture of a message; None where it cannot be read."""
    try:
        picture = images.preview(messages.picture(item), _WIDTH)
    except LssBevError:
        return None
    if picture is None:
        return None
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    factor = gray.shape[1] // _WIDTH
    if factor < 2:
        return gray
    return cv2.resize(gray, (gray.shape[1] // factor, gray.shape[0] // factor), interpolation=cv2.INTER_AREA)
