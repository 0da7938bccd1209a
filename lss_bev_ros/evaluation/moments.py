"""Keyframes as a multi-sense network takes them, so that a data set can be answered without ROS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..dataset import Keyframe
from ..geometry.intensity import intensity_shares
from ..runtime import FrameSet
from ..runtime.multi_sense.moment import Moment
from ..runtime.multi_sense.track import EgoTrack


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
        yield (
            keyframe,
            Moment(
                keyframe.stamp,
                FrameSet(keyframe.stamp, keyframe.rig, images) if images else None,
                None if keyframe.lidar is None else scan_returns(keyframe),
                keyframe.ego,
                track.motion(keyframe.stamp),
            ),
        )


def scan_returns(keyframe: Keyframe) -> np.ndarray:
    """(N, 4) float32 returns of a keyframe's scan: x, y, z in metres, base_link, and intensity 0 to 1."""
    assert keyframe.lidar is not None, "it has a scan"
    points = keyframe.lidar.points()
    placed = keyframe.lidar.pose.apply(points[:, :3])
    return np.column_stack([placed, intensity_shares(points[:, 3])]).astype(np.float32)
