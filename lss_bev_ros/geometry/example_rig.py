"""Rigs for where there is no data set: about as on the cars of nuScenes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .pose import Pose
from .rig import CAMERA_NAMES, Camera, Rig

WIDTH, HEIGHT = 1600, 900
HEADINGS = (55.0, 0.0, -55.0, 110.0, 180.0, -110.0)
"""Degrees to the left that the six cameras look, about as on the cars of nuScenes (Caesar et al. 2020)."""

OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical axes (x right, y down, z forward) of a camera that looks along base_link's x."""


def nuscenes_like_rig() -> Rig:
    """Six 1600x900 cameras at 1.5 m, the rear one wider, as on nuScenes' cars."""
    focal = {"cam_back": 800.0}
    return Rig(
        tuple(
            level_camera(name, heading, focal.get(name, 1260.0))
            for name, heading in zip(CAMERA_NAMES, HEADINGS, strict=True)
        )
    )


def raised(rig: Rig, height: float) -> Rig:
    """The rig with every camera some metres higher: another calibration."""
    up = np.array([0.0, 0.0, height])
    return Rig(
        tuple(
            replace(camera, pose=Pose(camera.pose.rotation, camera.pose.translation + up))
            for camera in rig.cameras
        )
    )


def level_camera(name: str, heading: float, focal: float) -> Camera:
    """A 1600x900 camera at 1.5 m that looks `heading` degrees to the left, its focal length in pixels."""
    intrinsics = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1.0]])
    pose = Pose.from_yaw(np.radians(heading)) @ Pose(OPTICAL, np.array([0.5, 0.0, 1.5]))
    return Camera(name, intrinsics, WIDTH, HEIGHT, pose)
