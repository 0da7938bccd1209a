"""What a data set says that it has, from its small tables, without opening it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import DatasetError
from ..geometry import CAMERA_NAMES
from .nuscenes import find_version
from .records import each_record, load_records
from .scene_index import CAMERA
from .tables import camera_order, frame_names, scene_names, sensor_kind, unknown_scene

_QUICKLY_READ = 64 << 20
"""Bytes of a table that take a second or so."""


def count_keyframes(dataroot: str | Path, version: str = "", scenes: Sequence[str] = ()) -> int:
    """Count the keyframes of some scenes without opening the data set, which takes seconds or minutes.

    Args:
        dataroot: folder that holds the version folder.
        version: version folder; "" takes the only one there is.
        scenes: their names, all where none are named.

    Raises:
        DatasetError: root, version or scene is missing, or one of the tables is damaged.
    """
    root = Path(dataroot).expanduser()
    tables = root / find_version(root, version)
    records = load_records(tables / "scene.json", {"name", "token"})
    tokens = dict(zip(scene_names(records), (record["token"] for record in records), strict=True))
    for name in scenes:
        if name not in tokens:
            raise DatasetError(unknown_scene(tables, name, tuple(tokens)))
    samples = Counter(
        record["scene_token"] for record in load_records(tables / "sample.json", {"scene_token"})
    )
    return sum(samples[tokens[name]] for name in scenes or tokens)


def camera_names(dataroot: str | Path, version: str = "") -> tuple[str, ...]:
    """Names of the cameras: nuScenes' six first, others by name.

    A camera that the tables know but that never took an image is left out where that is quick to tell.

    Raises:
        DatasetError: root or version is missing, or one of the tables is damaged.
    """
    root = Path(dataroot).expanduser()
    tables = root / find_version(root, version)
    channels = {
        str(record["token"]): str(record["channel"])
        for record in load_records(tables / "sensor.json", {"token", "channel", "modality"})
        if sensor_kind(record) == CAMERA
    }
    names = frame_names(list(channels.values()))
    data = tables / "sample_data.json"
    if not set(names.values()) <= set(CAMERA_NAMES) and data.stat().st_size < _QUICKLY_READ:
        used = {str(r["calibrated_sensor_token"]) for r in each_record(data, {"calibrated_sensor_token"})}
        records = load_records(tables / "calibrated_sensor.json", {"token", "sensor_token"})
        seen = {str(r["sensor_token"]) for r in records if str(r["token"]) in used}
        channels = {token: channel for token, channel in channels.items() if token in seen}
    return tuple(sorted({names[channel] for channel in channels.values()}, key=camera_order))
