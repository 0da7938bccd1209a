"""Every kind of file that the package writes or reads: a small sample, and how it is read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LssBevError
from ..geometry import BevGrid
from .damage import FileKind, Reading

_SIZES: dict[str, Any] = {
    "depth_min": 2.0,
    "depth_max": 10.0,
    "channels": 8,
    "grid": BevGrid(-8, 8, -8, 8, 0.5),
}


def _digest(*parts: bytes | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _of_model(model: Any) -> Reading:
    state = model.state_dict()
    return Reading(_digest(*(bytes(state[name].contiguous().numpy().data) for name in sorted(state))))


# -- networks ---------------------------------------------------------------------------------------


def _make_weights(folder: Path) -> Path:
    from ..model import ModelConfig
    from ..model.multi_sense import MultiSense
    from ..model.multi_sense_weights import write_multi_sense
    from ..model.senses import SensesConfig

    config = SensesConfig(ModelConfig(64, 96, **_SIZES), ("cameras",), ("segmentation",), embedding=16)
    path = folder / "weights.safetensors"
    write_multi_sense(MultiSense(config), path, {"licence": "none"})
    return path


def _read_weights(path: Path) -> Reading:
    from ..model.multi_sense_weights import load_multi_sense

    return _of_model(load_multi_sense(path))


def _make_checkpoint(folder: Path) -> Path:
    import torch

    from ..model import LiftSplatShoot, ModelConfig
    from ..model.weights import seed_state

    model = LiftSplatShoot(ModelConfig(64, 96, **_SIZES))
    state = seed_state(model, 0)
    path = folder / "checkpoint.pt"
    torch.save({name: tensor for name, tensor in state.items() if "_conv_head" not in name}, path)
    return path


def _read_checkpoint(path: Path) -> Reading:
    from ..model import ModelConfig
    from ..model.weights import read_checkpoint

    return _of_model(read_checkpoint(path, ModelConfig(64, 96, **_SIZES)))


def _make_onnx(folder: Path) -> Path:
    from ..model import LiftSplatShoot, ModelConfig
    from ..model.weights import seed_state
    from ..runtime.onnx import OnnxOptions, write_network
    from ..runtime.onnx.seal import sealed

    model = LiftSplatShoot(ModelConfig(64, 96, **_SIZES)).eval()
    model.load_state_dict(seed_state(model, 0))
    path = folder / "bev.onnx"
    path.write_bytes(sealed(write_network(model, OnnxOptions("bev"))))
    return path


def _read_onnx(path: Path) -> Reading:
    from ..runtime.onnx import OnnxDescription
    from ..runtime.onnx.session import OnnxSession

    session = OnnxSession(path, threads=1)
    description = OnnxDescription.read(session.metadata, session.name)
    shape = [size if isinstance(size, int) else 1 for size in next(iter(session.shapes.values()))]
    fed = {name: np.ones(shape, dtype) for name, dtype in session.dtypes.items()}
    return Reading(_digest(str(description), *(bytes(out.data) for out in session.run(fed).values())))


def _make_kept(folder: Path) -> Path:
    import torch

    from ..model import build_model
    from ..runtime.cpu import kept_network

    path = folder / "network.folded"
    network = kept_network.FoldedNetwork.of(build_model("builtin-pruned"), torch.float32)
    kept_network.write(path, network)
    return path


def _read_kept(path: Path) -> Reading:
    from ..runtime.cpu import kept_network

    # None is a network that is made again.
    network = kept_network.read(path)
    if network is None:
        raise LssBevError("it is made again")
    return Reading(str(network.config))


def _make_engine(folder: Path) -> Path:
    from ..runtime.tensorrt.engine_file import EngineNote, Machine, sha256, write_engine

    plan = np.random.default_rng(0).bytes(5000)
    machine = Machine("11.0", "a GPU", "9.0")
    path = folder / "network.engine"
    write_engine(path, plan, EngineNote(machine, "network.onnx", "0" * 64, sha256(plan), "0" * 64, {}, {}))
    return path


def _read_engine(path: Path) -> Reading:
    from ..runtime.tensorrt.engine_file import read_engine

    plan, note = read_engine(path)
    return Reading(_digest(bytes(plan), str(note)))


def _make_bundle(folder: Path) -> Path:
    from ..deploy.bundle.runner.archive import FORMAT, MANIFEST, VERSION

    files = {f"models/{number}.onnx": np.random.default_rng(number).bytes(3000) for number in range(3)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    path = folder / "network.lssbundle"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {MANIFEST: json.dumps(manifest).encode(), **files}.items():
            archive.writestr(name, content)
    return path


def _read_bundle(path: Path) -> Reading:
    from ..deploy.bundle.runner.archive import Archive

    with Archive(path) as archive:
        names = sorted(archive.manifest["files"])
        return Reading(_digest(*names, *(archive.read(name) for name in names)))


# -- recordings -------------------------------------------------------------------------------------


def _write_bag(folder: Path) -> Path:
    from pipros.bag import BagStorage

    chance = np.random.default_rng(0)
    storage = BagStorage(folder / "bag")
    topics = [storage.add_topic(f"/topic_{number}", "std_msgs/msg/String") for number in range(3)]
    for number in range(60):
        storage.write(topics[number % 3], 10**9 * (number + 1), b"\0\1\0\0" + chance.bytes(400))
        if number % 10 == 9:
            storage.flush()
    storage.close()
    return folder / "bag"


def _make_bag(folder: Path) -> Path:
    return _write_bag(folder) / "bag_0.mcap"


def _make_metadata(folder: Path) -> Path:
    return _write_bag(folder) / "metadata.yaml"


def _make_sqlite_bag(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    path = folder / "bag_0.db3"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, "
            "offered_qos_profiles TEXT); CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
            "timestamp INTEGER, data BLOB); INSERT INTO topics VALUES (1, '/topic', 'std_msgs/msg/String', "
            "'cdr', '');"
        )
        rows = [(1, 10**9 * (number + 1), b"\0\1\0\0" + chance.bytes(400)) for number in range(60)]
        database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    return path


def _read_sqlite_bag(path: Path) -> Reading:
    return _reading_of_bag(path)


def _read_bag(path: Path) -> Reading:
    return _reading_of_bag(path.parent)


def _reading_of_bag(path: Path) -> Reading:
    from pipros.bag import Bag

    with Bag(path) as bag:
        read = [part for topic, stamp, data in bag.messages() for part in (topic, str(stamp), data)]
        offered = [f"{topic.name} {topic.type} {topic.offered_qos}" for topic in bag.topics]
        said = [*bag.lost, *bag.notes, *([] if bag.complete else ["the recorder was killed"])]
    return Reading(_digest(*read, *offered), "; ".join(said))


# -- data sets --------------------------------------------------------------------------------------


def _make_table(name: str) -> Callable[[Path], Path]:
    """A drive of two keyframes; of its files the table of this name is damaged."""

    def make(folder: Path) -> Path:
        from ..dataset.recorded_tables import DriveFile, RecordedTables
        from ..geometry import Pose
        from ..geometry.example_rig import nuscenes_like_rig

        tables = RecordedTables("drive")
        keys, files = [1_700_000_000_000_000, 1_700_000_000_500_000], []
        for micros in keys:
            for camera in nuscenes_like_rig().cameras:
                channel, size = camera.name.upper(), (camera.width, camera.height)
                where = f"samples/{channel}/{micros}.jpg"
                calibration = tables.calibrated(channel, camera)
                files.append(DriveFile(channel, micros, micros, where, Pose.identity(), calibration, size))
        tables.add_scene("scene-0001", tables.add_log("2024-01-01"), "", keys, files)
        tables.write(folder, "v1.0-mini")
        return folder / "v1.0-mini" / f"{name}.json"

    return make


def _read_tables(path: Path) -> Reading:
    from ..dataset.nuscenes import NuScenesReader

    reader, read = NuScenesReader(path.parent.parent, "v1.0-mini"), []
    for scene in reader.scenes:
        for keyframe in reader.keyframes(scene):
            read += [scene, str(keyframe.stamp), str(keyframe.rig.cameras), str(sorted(keyframe.cameras))]
    return Reading(_digest(*read), "; ".join(reader.notices))


def _image() -> np.ndarray:
    chance = np.random.default_rng(0)
    return np.kron(chance.integers(0, 255, (6, 9, 3), np.uint8), np.ones((8, 8, 1), np.uint8))


def _make_picture(suffix: str) -> Any:
    def make(folder: Path) -> Path:
        import cv2

        path = folder / f"picture{suffix}"
        path.write_bytes(cv2.imencode(suffix, _image())[1].tobytes())
        return path

    return make


def _read_picture(path: Path) -> Reading:
    from .. import images

    return Reading(_digest(images.decode(path.read_bytes()).tobytes()))


def _make_scan(folder: Path) -> Path:
    points = np.random.default_rng(0).uniform(-50, 50, (300, 5)).astype(np.float32)
    points[:, 3], points[:, 4] = np.arange(300) % 256, np.arange(300) % 32
    path = folder / "scan.pcd.bin"
    path.write_bytes(points.tobytes())
    return path


def _read_scan(path: Path) -> Reading:
    from ..dataset.lidar_file import read_points

    return Reading(_digest(read_points(path).tobytes()))


# -- results and settings ---------------------------------------------------------------------------


def _make_report(folder: Path) -> Path:
    scores = {"layers.iou_vehicle": 0.25, "boxes.map": 0.5, "voxels.miou": 0.33}
    report = {
        "engine": {"backend": "cpu", "weights": "builtin-multi"},
        "frames": {"evaluated": 40},
        "data": {"scenes": ["scene-0001"]},
        "settings": dict.fromkeys(("cameras", "cameras, lidar"), scores),
    }
    path = folder / "report.json"
    path.write_text(json.dumps(report))
    return path


def _read_report(path: Path) -> Reading:
    from ..evaluation.card import BEGIN, END, write_card

    card = path.with_name("card.md")
    card.write_text(f"{BEGIN}\n{END}\n")
    write_card(path, card)
    return Reading(card.read_text())


def _make_parameters(folder: Path) -> Path:
    from ..nodes.parameter_file import parameter_file

    path = folder / "parameters.yaml"
    lines = parameter_file().splitlines()
    path.write_text("\n".join(line for line in lines if not line.lstrip().startswith("#")) + "\n")
    return path


def _read_parameters(path: Path) -> Reading:
    import rclpy

    from ..nodes.configuration import ReplayParameters
    from ..nodes.parameters import declare

    context = rclpy.Context()
    rclpy.init(args=["--ros-args", "--params-file", str(path)], context=context)
    try:
        node = rclpy.create_node(
            "replay", context=context, start_parameter_services=False, enable_rosout=False
        )
        try:
            return Reading(str(declare(node, ReplayParameters)))
        finally:
            node.destroy_node()
    finally:
        rclpy.shutdown(context=context)


KINDS = {
    "weights": FileKind(_make_weights, _read_weights, True, share=0.2),
    "checkpoint": FileKind(_make_checkpoint, _read_checkpoint, True, share=0.02),
    "onnx": FileKind(_make_onnx, _read_onnx, True, share=0.2),
    "kept network": FileKind(_make_kept, _read_kept, True, share=0.1),
    "engine": FileKind(_make_engine, _read_engine, True),
    "bundle": FileKind(_make_bundle, _read_bundle, True),
    "bag": FileKind(_make_bag, _read_bag, True),
    "metadata of a bag": FileKind(_make_metadata, _read_bag, False),
    "bag of SQLite": FileKind(_make_sqlite_bag, _read_sqlite_bag, False),
    **{
        f"table {name}": FileKind(_make_table(name), _read_tables, False, share=0.1)
        for name in ("scene", "sample", "sample_data", "calibrated_sensor", "ego_pose")
    },
    "jpeg": FileKind(_make_picture(".jpg"), _read_picture, False),
    "png": FileKind(_make_picture(".png"), _read_picture, True),
    "lidar scan": FileKind(_make_scan, _read_scan, False),
    "report": FileKind(_make_report, _read_report, False),
    "parameters": FileKind(_make_parameters, _read_parameters, False),
}
"""By name. What carries no checksum can change in silence, since any number may be meant."""
