"""Where the car is and how it moves, by nav_msgs/Odometry or by transforms."""

from __future__ import annotations

import time

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformException

from .. import messages
from ..errors import GeometryError
from ..geometry import Pose
from ..runtime.camera_clock import duration, stamp_apart
from ..runtime.multi_sense.track import REACH, EgoTrack
from .qos import sensor_qos

_REMEDY = "synchronise the clocks (PTP), or publish it at 10 Hz or more"

_FIXED = ("odom", "map")
"""Frames that stand still (REP 105), the continuous one first."""


class OdometrySense:
    """Follows the car.

    Messages of the topic count where they come; else transforms from `odom`, or from `map`, which jumps where
    a localisation corrects itself.

    Args:
        node: whose subscription it is.
        buffer: where transforms arrive.
        topic: of nav_msgs/Odometry; empty for transforms alone.
        base_frame: the car's frame.
        stale_after: seconds without a message after which transforms count again.
    """

    def __init__(self, node: Node, buffer: Buffer, topic: str, base_frame: str, stale_after: float) -> None:
        self._topic, self._base_frame, self._buffer = topic, base_frame, buffer
        self._stale_after = stale_after
        self._last: float | None = None
        self._source = ""
        self._problem = ""
        self._fault = ""
        self._jumped = ""
        self._parted = ""
        self.track = EgoTrack()
        self._subscription = None
        if topic:
            qos = sensor_qos("best_effort")
            self._subscription = node.create_subscription(Odometry, topic, self._on_odometry, qos)

    @property
    def source(self) -> str:
        """Where the last pose came from: a topic or two frames."""
        return self._source

    @property
    def problem(self) -> str:
        """Why there was no pose the last time, one line with the remedy; empty where there was one."""
        return self._problem

    def _on_odometry(self, message: Odometry) -> None:
        try:
            pose = messages.pose_from_odometry(message) @ self._base_in(message.child_frame_id)
        except (GeometryError, TransformException) as error:
            self._fault = f"{self._topic}: {error}: correct the odometry"
            return
        self._go_by(self._topic)
        self._fault = ""
        self._last = time.monotonic()
        self._add(messages.from_stamp(message.header.stamp), pose)

    def _go_by(self, source: str) -> None:
        """Poses come from here now; those from elsewhere are of another frame."""
        if source != self._source:
            if self._source:
                self._parted = f"poses come by {source} now, and no more by {self._source}"
            self.track.forget()
            self._source, self._jumped = source, ""

    def _add(self, stamp: int, pose: Pose) -> None:
        if why := self.track.add(stamp, pose):
            self._parted = self._jumped = why

    def _base_in(self, child: str) -> Pose:
        """The car's frame in that which an odometry tells of."""
        if child.lstrip("/") in ("", self._base_frame):
            return Pose.identity()
        transform = self._buffer.lookup_transform(child.lstrip("/"), self._base_frame, Time())
        return messages.pose_from_transform(transform)

    # -- the network's thread -----------------------------------------------------------------------

    def parted(self) -> str:
        """Why poses say nothing of those before, one line, told once; empty where they do."""
        why, self._parted = self._parted, ""
        return why

    def pose(self, stamp: int) -> Pose | None:
        """The car at an instant, nanoseconds, in a frame that stands still; None where nobody knows."""
        if self._last is not None and time.monotonic() - self._last <= self._stale_after:
            return self._by_topic(stamp)
        for frame in _FIXED:
            if (found := self._by_transforms(frame, stamp)) is not None:
                return found
        if self._last is not None:
            silence = time.monotonic() - self._last
            self._problem = (
                f"{self._topic}: no odometry for {silence:.1f} s, so nothing is remembered: check what "
                f"publishes it"
            )
        elif not self._problem:
            self._problem = (
                f"no odometry, so nothing is remembered: publish nav_msgs/Odometry on "
                f"{self._topic or 'a topic that `odometry` names'}, or a transform from `odom` to "
                f"{self._base_frame!r}"
            )
        if self._fault:
            self._problem = self._fault
        return None

    def _by_topic(self, stamp: int) -> Pose | None:
        found = self.track.pose(stamp)
        self._problem = self._fault
        oldest = self.track.oldest
        if found is None and self._jumped and oldest is not None and stamp < oldest:
            self._problem = f"{self._topic}: {self._jumped}"
        elif found is None and not self._fault:
            told = stamp_apart(self.track.newest or 0, stamp, _REMEDY)
            self._problem = f"{self._topic}: the newest odometry's {told}; until then nothing is remembered"
        return found

    def _by_transforms(self, frame: str, stamp: int) -> Pose | None:
        """The car in a frame by tf2, carried on where the newest transform is a little older."""
        try:
            newest = self._buffer.lookup_transform(frame, self._base_frame, Time())
        except TransformException:
            return None
        try:
            exact = self._buffer.lookup_transform(frame, self._base_frame, Time(nanoseconds=stamp))
            own, message = stamp, exact
        except TransformException:
            own, message = messages.from_stamp(newest.header.stamp), newest
        try:
            pose = messages.pose_from_transform(message)
        except GeometryError as error:
            self._problem = f"transform from {frame!r} to {self._base_frame!r}: {error}"
            return None
        self._go_by(f"{frame} -> {self._base_frame}")
        self._add(own, pose)
        found = self.track.pose(stamp)
        self._problem = ""
        if found is None:
            apart = (stamp - own) / 1e9
            side = "behind" if apart > 0 else "ahead of"
            self._problem = (
                f"the newest transform from {frame!r} to {self._base_frame!r} is {duration(abs(apart))} "
                f"{side} the images (more than {REACH} s), so nothing is remembered: publish it at 10 Hz"
            )
        return found
