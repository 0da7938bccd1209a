"""Frames as a multi-sense network takes them, so that a data set can be answered without ROS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError
from ..geometry import BevGrid, Pose, vehicle_raster
from ..geometry.intensity import intensity_shares
from ..geometry.returns import returned
from ..runtime import FrameSet
from ..runtime.multi_sense.moment import Moment
from ..runtime.multi_sense.track import EgoTrack
from .corruptions import SensedFrame

_MOTION = 0.5
"""Seconds over which a car's motion is told."""


def moments(keyframes: Iterable[Keyframe]) -> Iterator[tuple[Keyframe, Moment]]:
    """Keyframes of one scene after another, each with what the senses gave.

    An engine that is given them in this order remembers within a scene, and forgets where another begins.

    Args:
        keyframes: in the order of their times within a scene.

    Yields:
        The keyframe and its moment: images as files, LiDAR returns in base_link, the pose in the map, and the
        motion since the keyframe before, where the scene has one.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    track, scene = EgoTrack(), None
    for keyframe in keyframes:
        if keyframe.scene != scene:
            track, scene = EgoTrack(), keyframe.scene
        track.add(keyframe.stamp, keyframe.ego)
        images = {name: shot.encoded() for name, shot in keyframe.cameras.items()}
        lidar = keyframe.lidar
        yield (
            keyframe,
            Moment(
                keyframe.stamp,
                FrameSet(keyframe.stamp, keyframe.rig, images) if images else None,
                None if lidar is None else placed_returns(lidar.points(), lidar.pose),
                keyframe.ego,
                track.motion(keyframe.stamp),
            ),
        )


@dataclass(frozen=True, eq=False)
class RecordedMoments:
    """Moments of one scene, in their order.

    Attributes:
        source: where they come from, in a few words.
        moments: with cameras.
        truth: (nx, ny) bool, annotated vehicles over the published grid, for each; or nothing.
    """

    source: str
    moments: Sequence[Moment]
    truth: Sequence[np.ndarray] = ()

    @property
    def sets(self) -> list[FrameSet]:
        """The cameras' part of each moment."""
        return [moment.cameras for moment in self.moments if moment.cameras is not None]


def recorded_moments(dataroot: Path, count: int) -> RecordedMoments:
    """The first keyframes of a data set that have all their cameras.

    Raises:
        DatasetError: it is missing, damaged, or has no such keyframe.
    """
    reader = NuScenesReader(dataroot, version="")
    found: list[Moment] = []
    truth = []
    for scene in reader.scenes:
        annotated = reader.annotated(scene)
        for keyframe, moment in moments(reader.keyframes(scene)):
            if len(found) >= count:
                break
            if moment.cameras is None:
                continue
            found.append(moment)
            if annotated:
                truth.append(vehicle_raster(keyframe.boxes, BevGrid()))
        if len(found) >= count:
            break
    if not found:
        raise DatasetError(f"{dataroot} has no keyframe: make one with `lss-bev synthesize {dataroot}`")
    source = f"the first {len(found)} keyframes of {Path(dataroot).name}"
    return RecordedMoments(source, found, truth if len(truth) == len(found) else ())


def moment_of(frame: SensedFrame) -> Moment:
    """What the senses gave of a frame, spoiled or not; its motion is that of its twist."""
    points = None
    if frame.points is not None and frame.lidar is not None:
        points = placed_returns(frame.points, frame.lidar)
    return Moment(
        frame.stamp,
        FrameSet(frame.stamp, frame.rig, frame.images) if frame.images else None,
        points,
        frame.ego,
        _motion(frame.twist),
    )


def placed_returns(points: np.ndarray, lidar: Pose) -> np.ndarray:
    """A scan as `Moment.points`.

    Args:
        points: (N, 3 or more) x, y and z in metres in the LiDAR's frame, and intensities on any scale.
        lidar: the LiDAR to base_link.

    Returns:
        (R, 3 or 4) float32 x, y and z in base_link of the returns among them, and intensities from 0 to 1
        where there are any.
    """
    points = points[returned(points)]
    places = lidar.apply(points[:, :3].astype(np.float64))
    if points.shape[1] < 4:
        return places.astype(np.float32)
    return np.column_stack([places, intensity_shares(points[:, 3])]).astype(np.float32)


def _motion(twist: np.ndarray | None) -> tuple[float, float, float, float] | None:
    """How the car has gone in half a second, as `Moment.motion`, from how it moves."""
    if twist is None:
        return None
    forward, left, turn = (float(value) * _MOTION for value in twist)
    cos, sin = np.cos(turn / 2), np.sin(turn / 2)
    return float(cos * forward - sin * left), float(sin * forward + cos * left), turn, _MOTION
