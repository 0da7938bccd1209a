"""Small nuScenes data sets for tests, made of hand-written tables."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

JPEG = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()

CHANNELS = (
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
    "CAM_FRONT",
    "CAM_FRONT_LEFT",
    "CAM_FRONT_RIGHT",
    "LIDAR_TOP",
    "RADAR_FRONT",
)
IDENTITY = [1.0, 0.0, 0.0, 0.0]
QUARTER_LEFT = [0.5**0.5, 0.0, 0.0, 0.5**0.5]


def tables() -> dict[str, list[dict]]:
    """Two keyframes half a second apart, one sweep of camera and LiDAR between, one car driving north.

    The ego car looks north too (map +y), so that the car's velocity is along base_link's x.
    """
    made: dict[str, list[dict]] = {
        "category": [{"token": "cat", "name": "vehicle.car"}],
        "attribute": [],
        "visibility": [{"token": str(i)} for i in range(1, 5)],
        "instance": [{"token": "inst", "category_token": "cat"}],
        "sensor": [
            {"token": f"s_{name}", "channel": name, "modality": name.split("_")[0].lower()}
            for name in CHANNELS
        ],
        "calibrated_sensor": [
            {
                "token": f"c_{name}",
                "sensor_token": f"s_{name}",
                "translation": [1.0, 0.0, 1.5],
                "rotation": IDENTITY,
                "camera_intrinsic": [[1000.0, 0.0, 800.0], [0.0, 1000.0, 450.0], [0.0, 0.0, 1.0]]
                if name.startswith("CAM")
                else [],
            }
            for name in CHANNELS
        ],
        "log": [{"token": "log"}],
        "map": [{"token": "map", "log_tokens": ["log"], "filename": "maps/mask.png"}],
        "scene": [{"token": "scene", "name": "scene-0001"}],
        "sample": [
            {"token": f"sample{i}", "timestamp": 1_000_000 + 500_000 * i, "scene_token": "scene"}
            for i in range(2)
        ],
        "sample_data": [],
        "ego_pose": [],
        "sample_annotation": [
            {
                "token": f"ann{i}",
                "sample_token": f"sample{i}",
                "instance_token": "inst",
                "visibility_token": "4",
                "translation": [100.0, 220.0 + 2.0 * i, 1.0],
                "size": [2.0, 4.0, 1.5],
                "rotation": QUARTER_LEFT,
                "prev": "ann0" if i else "",
                "next": "" if i else "ann1",
                "num_lidar_pts": 7,
            }
            for i in range(2)
        ],
    }
    for sample, offset, folder, channels in (
        ("sample0", 0, "samples", CHANNELS),
        ("sample1", 250_000, "sweeps", ("CAM_FRONT", "LIDAR_TOP")),
        ("sample1", 500_000, "samples", CHANNELS),
    ):
        for channel in channels:
            token = f"{channel}{offset}"
            suffix = "jpg" if channel.startswith("CAM") else "pcd.bin"
            stamp = 1_000_000 + offset - (0 if channel == "LIDAR_TOP" else 10_000)
            made["ego_pose"].append(
                {"token": token, "translation": [100.0, 200.0, 0.0], "rotation": QUARTER_LEFT}
            )
            made["sample_data"].append(
                {
                    "token": token,
                    "sample_token": sample,
                    "ego_pose_token": token,
                    "calibrated_sensor_token": f"c_{channel}",
                    "timestamp": stamp,
                    "is_key_frame": folder == "samples",
                    "width": 1600 if channel.startswith("CAM") else 0,
                    "height": 900 if channel.startswith("CAM") else 0,
                    "filename": f"{folder}/{channel}/{token}.{suffix}",
                }
            )
    return made


def write(root: Path, made: dict[str, list[dict]], version: str = "v1.0-mini") -> Path:
    """Write tables and the files that they name."""
    (root / version).mkdir(parents=True, exist_ok=True)
    (root / "maps").mkdir(exist_ok=True)
    (root / "maps" / "mask.png").write_bytes(b"")
    for name, records in made.items():
        (root / version / f"{name}.json").write_text(json.dumps(records))
    points = np.arange(50, dtype="<f4").tobytes()
    for record in made["sample_data"]:
        if "filename" not in record:
            continue
        path = root / record["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG if path.suffix == ".jpg" else points)
    return root


@pytest.fixture(scope="session")
def maker() -> SimpleNamespace:
    """What makes small data sets: `tables()` to change, `write(root, tables, version)` and `JPEG`."""
    return SimpleNamespace(tables=tables, write=write, JPEG=JPEG)


@pytest.fixture(scope="session")
def small_root(tmp_path_factory) -> Path:
    """A sound data set that no test may change."""
    return write(tmp_path_factory.mktemp("nuscenes"), tables())
