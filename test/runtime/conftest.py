from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lss_bev_ros.geometry import CAMERA_NAMES, Camera, Pose, Rig
from lss_bev_ros.runtime import FrameSet


@pytest.fixture(scope="session")
def real_frame(nuscenes_frame) -> FrameSet:
    """The six JPEG images of the real keyframe with their calibration."""
    tables = {
        name: json.loads((nuscenes_frame / "v1.0-mini" / f"{name}.json").read_text())
        for name in ("sample_data", "calibrated_sensor", "sensor")
    }
    calibrations = {row["token"]: row for row in tables["calibrated_sensor"]}
    channels = {row["token"]: row["channel"].lower() for row in tables["sensor"]}
    cameras, images = {}, {}
    for row in tables["sample_data"]:
        calibration = calibrations[row["calibrated_sensor_token"]]
        name = channels[calibration["sensor_token"]]
        if name in CAMERA_NAMES:
            pose = Pose.from_quaternion(calibration["rotation"], calibration["translation"])
            cameras[name] = Camera(name, np.array(calibration["camera_intrinsic"]), 1600, 900, pose)
            images[name] = (nuscenes_frame / row["filename"]).read_bytes()
    return FrameSet(7, Rig(tuple(cameras[name] for name in CAMERA_NAMES)), images)


GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="session")
def street_frame() -> FrameSet:
    """The six JPEG images of the synthetic keyframe in test/golden with their calibration."""
    golden = np.load(GOLDEN / "golden.npz")
    cameras, images = [], {}
    for index, name in enumerate(CAMERA_NAMES):
        pose = Pose(golden["rotations"][index].astype(float), golden["translations"][index].astype(float))
        cameras.append(Camera(name, golden["intrinsics"][index].astype(float), 1600, 900, pose))
        images[name] = (GOLDEN / f"{name}.jpg").read_bytes()
    return FrameSet(8, Rig(tuple(cameras)), images)


@pytest.fixture(scope="session")
def reference_frame(request: pytest.FixtureRequest, lss_reference: Path) -> FrameSet:
    """The frame that the golden outputs were made from."""
    return request.getfixturevalue("street_frame" if lss_reference == GOLDEN else "real_frame")


@pytest.fixture(scope="session")
def ring() -> Rig:
    """Six cameras all round, 60 degrees apart, each 70 degrees wide, 1.5 m above the ground."""
    optical = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    focal = 320 / np.tan(np.radians(35))
    intrinsics = np.array([[focal, 0, 320], [0, focal, 180], [0, 0, 1.0]])
    cameras = []
    for name, yaw in zip(CAMERA_NAMES, (60, 0, -60, 120, 180, -120), strict=True):
        turn = Pose.from_yaw(np.radians(yaw)).rotation
        cameras.append(Camera(name, intrinsics, 640, 360, Pose(turn @ optical, np.array([0.0, 0.0, 1.5]))))
    return Rig(tuple(cameras))
