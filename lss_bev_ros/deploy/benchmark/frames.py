"""The frames that all modes are measured on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ...dataset.nuscenes import NuScenesReader
from ...errors import DatasetError
from ...geometry import CAMERA_NAMES, Camera, Pose, Rig
from ...runtime import FrameSet

WIDTH, HEIGHT = 1600, 900
HEADINGS = (55.0, 0.0, -55.0, 110.0, 180.0, -110.0)
"""Degrees to the left that the six cameras look, about as on the cars of nuScenes (Caesar et al. 2020)."""

OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical axes (x right, y down, z forward) of a camera that looks along base_link's x."""


def dataset_frames(dataroot: Path, count: int) -> list[FrameSet]:
    """Read the first keyframes of a nuScenes data set.

    Raises:
        DatasetError: it is missing, damaged, or has no keyframe.
    """
    reader = NuScenesReader(dataroot, version="")
    frames: list[FrameSet] = []
    for scene in reader.scenes:
        for keyframe in reader.keyframes(scene):
            images = {name: shot.jpeg() for name, shot in keyframe.cameras.items()}
            frames.append(FrameSet(keyframe.stamp, keyframe.rig, images))
            if len(frames) == count:
                return frames
    if not frames:
        raise DatasetError(f"{dataroot} has no keyframe: make one with `lss-bev synthesize {dataroot}`")
    return frames


def random_frames(count: int, seed: int = 0) -> list[FrameSet]:
    """Make smooth random pictures and a rig like nuScenes', for a machine without data."""
    rng = np.random.default_rng(seed)
    rig = nuscenes_like_rig()
    frames = []
    for stamp in range(count):
        images = {}
        for name in rig.names:
            # Smooth, so that the JPEG is about as large as that of a photograph.
            coarse = rng.integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            images[name] = cv2.imencode(".jpg", picture)[1].tobytes()
        frames.append(FrameSet(stamp, rig, images))
    return frames


def nuscenes_like_rig() -> Rig:
    """Six 1600x900 cameras at 1.5 m, the rear one wider, as on nuScenes' cars."""
    cameras = []
    for name, heading in zip(CAMERA_NAMES, HEADINGS, strict=True):
        focal = 800.0 if name == "cam_back" else 1260.0
        intrinsics = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1.0]])
        turn = Pose.from_yaw(np.radians(heading))
        pose = turn @ Pose(OPTICAL, np.array([0.5, 0.0, 1.5]))
        cameras.append(Camera(name, intrinsics, WIDTH, HEIGHT, pose))
    return Rig(tuple(cameras))
