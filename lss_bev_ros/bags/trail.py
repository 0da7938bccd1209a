"""Where a car was while a bag was recorded, by its transforms or its odometry."""

from __future__ import annotations

import numpy as np

from pipros.bag import Bag

from .. import messages
from ..errors import GeometryError, RosError
from ..geometry import Pose, TransformTree
from .car import RecordedMounting, Warn, decoded
from .sensors import Sensors

LONGEST = 1_500_000_000
"""Nanoseconds between two poses between which the car's way is still told by them."""

_BEYOND = 20_000_000
"""Nanoseconds before the first pose and after the last one at which the car still counts as there."""

_FASTEST, _JITTER = 60.0, 0.5
"""Metres a second, and metres besides: no car drives faster, so its odometry has jumped."""


class Trail:
    """The car's poses by stamp, in one frame that stands still.

    Args:
        bag: open.
        sensors: of the car.
        mounting: its transforms.
        warn: told of poses that cannot be used.
        fixed: frame that stands still; by default odom, or map.
        prefer_odometry: whether the odometry comes before transforms.

    Attributes:
        source: where the poses come from, in a few words.

    Raises:
        RosError: nothing tells where the car is.
    """

    def __init__(
        self,
        bag: Bag,
        sensors: Sensors,
        mounting: RecordedMounting,
        warn: Warn,
        fixed: str = "",
        prefer_odometry: bool = False,
    ) -> None:
        self._mounting = mounting
        self._odometry: TransformTree | None = None
        self._child: Pose = Pose.identity()
        frame = None if prefer_odometry else mounting.fixed_frame(fixed)
        times: list[int] = []
        if frame is not None:
            self._frame, self.source = frame, f"transforms from {frame} to {mounting.base}"
            times = mounting.travelled(frame)
        if not times and sensors.odometry and not fixed:
            times = self._read_odometry(bag, sensors.odometry, warn)
            self.source = sensors.odometry
        if not times:
            asked = f"a transform from {fixed or 'odom or map'} to {mounting.base} on /tf"
            why = f" ({warn.lines[-1]})" if warn.lines else ""
            raise RosError(
                f"bag {bag.path} does not tell where the car is{why}: record {asked}, or nav_msgs/Odometry"
            )
        self._times = np.array(times, np.int64)

    def _read_odometry(self, bag: Bag, topic: str, warn: Warn) -> list[int]:
        tree, times, child = TransformTree(), [], ""
        for _, message in decoded(bag, [topic], warn):
            try:
                pose = messages.pose_from_odometry(message)
            except GeometryError as error:
                warn(f"a pose of {topic} is left out: {error}")
                continue
            stamp = messages.from_stamp(message.header.stamp)
            tree.insert("world", "car", pose, stamp)
            times.append(stamp)
            child = message.child_frame_id
        if times and child.lstrip("/") not in ("", self._mounting.base.lstrip("/")):
            mounted = self._mounting.pose(child, times[0], f"the odometry's {child!r}")
            if mounted is None:
                return []
            self._child = mounted.inverse()
        self._odometry = tree
        return sorted(set(times))

    def known(self, stamps: np.ndarray) -> np.ndarray:
        """(S,) bool, at which of some stamps, nanoseconds, it is told where the car is."""
        times = self._times
        after = np.clip(np.searchsorted(times, stamps), 0, len(times) - 1)
        before = np.maximum(after - 1, 0)
        between = (times[before] <= stamps) & (stamps <= times[after])
        close = np.minimum(np.abs(times[after] - stamps), np.abs(times[before] - stamps)) <= _BEYOND
        found: np.ndarray = (between & (times[after] - times[before] <= LONGEST)) | close
        return found

    def pose(self, stamp: int) -> Pose:
        """base_link in the frame that stands still at a stamp that is known."""
        if self._odometry is not None:
            return self._odometry.lookup("world", "car", stamp) @ self._child
        return self._mounting.in_frame(self._frame, stamp)

    def jumps(self, stamps: np.ndarray) -> list[int]:
        """Rows of some stamps before which the car moved as no car can: nothing connects the two sides."""
        places = np.empty((len(stamps), 3))
        for row, stamp in enumerate(stamps):
            places[row] = self.pose(int(stamp)).translation
        moved = np.linalg.norm(np.diff(places, axis=0), axis=1)
        seconds = np.diff(stamps) / 1e9
        return [int(row) + 1 for row in np.flatnonzero(moved > _FASTEST * seconds + _JITTER)]
