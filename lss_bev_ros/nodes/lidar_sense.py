"""The LiDAR as the network hears it: its newest clouds, in the car's frame at the time of an image."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import PointCloud2
from tf2_ros import Buffer, TransformException

from .. import messages
from ..doctor.lidar import check_lidar
from ..doctor.recording import Cloud, LidarRecord
from ..errors import GeometryError
from ..geometry import Pose
from ..runtime.camera_clock import stamp_apart
from ..runtime.multi_sense.moment import MOST_POINTS
from ..runtime.multi_sense.track import EgoTrack
from .qos import sensor_qos

_APART = 120_000_000
"""Nanoseconds between a cloud and the instant that it is used for, at most: a sweep of 10 Hz and some."""

_PATIENCE = 0.1
"""Seconds that an instant waits for its cloud, where clouds come."""

_REMEDY = "synchronise the clocks (PTP), or raise the LiDAR's rate to 10 Hz"

_KEPT = 4
_CHECKED = 10.0
"""Seconds between two looks at where the road is."""

_SAMPLE = 20_000
"""Returns that such a look takes."""


class LidarSense:
    """Keeps the newest clouds of one topic and tells what is wrong with them.

    Args:
        node: whose subscription it is.
        buffer: where the transforms of the sensors arrive.
        topic: of the clouds.
        base_frame: the car's frame.
        reliability: of the subscription.
        stale_after: seconds without a cloud after which it counts as silent.
        arrived: told the stamp of each cloud, in the executor.
    """

    def __init__(
        self,
        node: Node,
        buffer: Buffer,
        topic: str,
        base_frame: str,
        reliability: str,
        stale_after: float,
        arrived: Callable[[int], None],
    ) -> None:
        self._topic, self._base_frame, self._buffer = topic, base_frame, buffer
        self._stale_after = stale_after
        self._arrived = arrived
        self._came = threading.Condition()
        self._clouds: deque[tuple[int, PointCloud2]] = deque(maxlen=_KEPT)
        self._last: float | None = None
        self._problem = ""
        self._notes: tuple[str, ...] = ()
        self._mounting = ""
        self._checked = -np.inf
        self._points = 0
        self._subscription = node.create_subscription(
            PointCloud2, topic, self._on_cloud, sensor_qos(reliability)
        )

    def _on_cloud(self, cloud: PointCloud2) -> None:
        stamp = messages.from_stamp(cloud.header.stamp)
        with self._came:
            self._clouds.append((stamp, cloud))
            self._last = time.monotonic()
            self._came.notify_all()
        self._arrived(stamp)

    # -- the network's thread -----------------------------------------------------------------------

    def returns(self, stamp: int, track: EgoTrack | None = None) -> np.ndarray | None:
        """Returns at an instant, as `Moment.points` has them; None where there are none.

        Args:
            stamp: of the instant, nanoseconds.
            track: of the car, which carries a cloud on from its own stamp to the instant.
        """
        cloud = self._nearest(stamp)
        if cloud is None:
            self._notes = ()  # of the cloud before
            return None
        try:
            read = messages.returns_from_cloud(cloud, MOST_POINTS)
            transform = self._buffer.lookup_transform(self._base_frame, cloud.header.frame_id, Time())
            pose = messages.pose_from_transform(transform)
        except GeometryError as error:
            self._problem, self._notes = f"{self._topic}: {error}", ()
            return None
        except TransformException as error:
            self._problem = (
                f"{self._topic}: no transform from {cloud.header.frame_id!r} to {self._base_frame!r} "
                f"({error}): publish it (robot_state_publisher, static_transform_publisher)"
            )
            self._notes = ()
            return None
        self._points = int(cloud.width) * int(cloud.height)
        self._problem = ""
        self._look(cloud, read, pose)
        if not len(read):
            return None
        own = messages.from_stamp(cloud.header.stamp)
        moved = _carried(pose, own, stamp, track)
        read[:, :3] = moved.apply(read[:, :3])
        read[:, 4] += (stamp - own) / 1e9
        return read

    def _nearest(self, stamp: int) -> PointCloud2 | None:
        """The cloud of an instant, waited for where clouds come."""

        def near() -> PointCloud2 | None:
            nearest = min(self._clouds, key=lambda each: abs(each[0] - stamp), default=None)
            return nearest[1] if nearest is not None and abs(nearest[0] - stamp) <= _APART else None

        with self._came:
            if self._last is None or time.monotonic() - self._last > self._stale_after:
                return None
            found = near()
            if found is None and self._clouds[-1][0] < stamp:
                self._came.wait_for(lambda: near() is not None, _PATIENCE)
                found = near()
            if found is None:
                told = stamp_apart(self._clouds[-1][0], stamp, _REMEDY)
                self._problem = f"{self._topic}: the newest cloud's {told}"
            return found

    def _look(self, cloud: PointCloud2, read: np.ndarray, pose: Pose) -> None:
        """Note what a user should know of a cloud."""
        notes = []
        if not len(read):
            which = f"none of its {self._points} points is a return" if self._points else "the cloud is empty"
            notes.append(f"{self._topic}: {which}: check the driver, its range and its filters")
        elif np.isnan(read[:, 3]).all():
            notes.append(
                f"{self._topic}: the cloud has no field `intensity`: set the driver to publish it; until "
                f"then the network goes by places alone"
            )
        if self._points > MOST_POINTS:
            notes.append(
                f"{self._topic}: of {self._points} points a cloud {MOST_POINTS} are read, evenly: lower the "
                f"driver's resolution, or publish one sweep a cloud"
            )
        now = time.monotonic()
        if len(read) and now - self._checked >= _CHECKED:
            self._checked = now
            some = read[:: max(1, len(read) // _SAMPLE), :3]
            record = LidarRecord(self._topic, cloud.header.frame_id, pose=pose, clouds=(Cloud(0, some, 0),))
            self._mounting = "; ".join(str(problem) for problem in check_lidar(record))
        self._notes = tuple(notes)

    @property
    def comes(self) -> bool:
        """Whether clouds come, good or bad."""
        with self._came:
            return self._last is not None and time.monotonic() - self._last <= self._stale_after

    # -- diagnostics --------------------------------------------------------------------------------

    def problem(self) -> str:
        """Why there is no LiDAR, one line with the remedy; empty where there is."""
        with self._came:
            last = self._last
        if last is None:
            return f"{self._topic}: no clouds have arrived: start the LiDAR, or correct `lidar`"
        silence = time.monotonic() - last
        if silence > self._stale_after:
            return f"{self._topic}: no clouds for {silence:.1f} s: check the LiDAR and its network"
        return self._problem

    def notes(self) -> list[str]:
        """What is wrong with a LiDAR that is used all the same, one line each."""
        return [*self._notes, *([self._mounting] if self._mounting else [])]

    def values(self) -> dict[str, object]:
        """Numbers for the diagnostics."""
        return {"lidar_points": self._points}


def _carried(pose: Pose, own: int, stamp: int, track: EgoTrack | None) -> Pose:
    """A sensor's pose in base_link of another instant: what it saw stands still while the car drives on."""
    then, now = (None, None) if track is None else (track.pose(own), track.pose(stamp))
    return pose if then is None or now is None else now.inverse() @ then @ pose
