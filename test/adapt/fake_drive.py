"""A drive of small pictures and few returns, in nuScenes' format, made in a second or so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lss_bev_ros.dataset.recorded_tables import DriveFile, RecordedTables
from lss_bev_ros.geometry import Camera, Pose
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig

WIDTH, HEIGHT = 80, 45
LIDAR = Pose(np.eye(3), np.array([0.9, 0.0, 1.84]))
BEGIN = 1_700_000_000_000_000


def cloud(rng: np.random.Generator, ahead: float) -> np.ndarray:
    """(N, 5) float32: a level road, and a car's side at some metres ahead."""
    road = np.column_stack([rng.uniform(-20, 20, (1500, 2)), np.zeros(1500)])
    side = np.column_stack([np.full(60, ahead), rng.uniform(-1, 1, 60), rng.uniform(0.4, 1.4, 60)])
    points = LIDAR.inverse().apply(np.concatenate([road, side]))
    rest = np.column_stack([rng.uniform(1, 200, len(points)), np.full(len(points), 5.0)])
    return np.column_stack([points, rest]).astype("<f4")


def write_drive(
    root: Path, seconds: float = 126.0, speed: float = 6.0, lidar: bool = True, turned: float = 0.0
) -> Path:
    """Write one.

    Args:
        root: folder to make.
        seconds: how long.
        speed: of the car, m/s.
        lidar: whether there are scans.
        turned: radians by which the front camera is rolled about its axis.
    """
    rng = np.random.default_rng(0)
    tables = RecordedTables("fake")
    picture = cv2.imencode(".jpg", rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))[1].tobytes()
    scale = np.diag([WIDTH / 1600, HEIGHT / 900, 1.0])
    cameras = [
        Camera(
            each.name,
            scale @ each.intrinsics,
            WIDTH,
            HEIGHT,
            _rolled(each.pose, turned * (each.name == "cam_front")),
        )
        for each in nuscenes_like_rig().cameras
    ]
    files, keys = [], []
    for step in range(int(seconds * 2)):
        micros = BEGIN + step * 500_000
        ego = Pose.from_yaw(0.0, (speed * step / 2, 0.0, 0.0))
        keys.append(micros)
        for camera in cameras:
            channel = camera.name.upper()
            name = f"samples/{channel}/{micros}.jpg"
            _write(root / name, picture)
            calibration = tables.calibrated(channel, camera)
            files.append(DriveFile(channel, micros, micros, name, ego, calibration, (WIDTH, HEIGHT)))
        if lidar:
            name = f"samples/LIDAR_TOP/{micros}.pcd.bin"
            _write(root / name, cloud(rng, 8.0 + step % 3).tobytes())
            files.append(
                DriveFile("LIDAR_TOP", micros, micros, name, ego, tables.calibrated("LIDAR_TOP", LIDAR))
            )
    tables.add_scene("scene-0001", tables.add_log("2024-01-01"), "a fake drive", keys, files)
    tables.write(root, "v1.0-mini")
    return root


def _rolled(pose: Pose, angle: float) -> Pose:
    cos, sin = np.cos(angle), np.sin(angle)
    return pose @ Pose(np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]]), np.zeros(3))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
