"""Make a bundle of exported models and of frames."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import __version__, errors
from ... import files as whole_files
from ...errors import DeployError
from ...evaluation.frames import BenchmarkFrames
from ...evaluation.moments import RecordedMoments
from ...geometry import Rig
from ...model import IMAGE_MEAN, IMAGE_STD, LiftSplatShoot, ModelConfig, build_model, describe_weights
from ...runtime.calibration_tables import CalibrationCache
from ...runtime.cpu.engine import TorchEngine
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.session import OnnxSession
from ...runtime.preprocess import NetworkInput
from ...runtime.segment_tables import SegmentSizes, SegmentTables
from ...runtime.tensorrt import builder
from .contents import BundledModel, add_images, frame_entry, packed
from .moments import add_moments
from .runner.archive import FORMAT, MANIFEST, VERSION

RUNNER = Path(__file__).with_name("runner")
MAIN = """\
import sys
from pathlib import Path

from runner.command import main

sys.exit(main(Path(sys.argv[0])))
"""
"""What Python runs when it is given a bundle: an archive with this file in it is a program."""


def create_bundle(
    out: Path,
    models: Sequence[Path],
    frames: BenchmarkFrames | RecordedMoments,
    weights: str = "builtin",
    repetitions: int = 20,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a bundle: it appears under its name when it is whole.

    What the models should give is computed by PyTorch in fp32 from the weights, and each model is run in
    onnxruntime here, so that a device's accuracy and latency stand beside those of this machine.

    Args:
        out: file to write.
        models: ONNX files of whole networks that `lss-bev export` or `lss-bev quantize` wrote.
        frames: with an image of every camera; moments for a multi-sense network.
        weights: that the models were made from, see `lss_bev_ros.model.build_model`.
        repetitions: timed runs of each model here.
        progress: told of frames done and all.

    Raises:
        DeployError: a model is no whole network or is of another rig, or the file cannot be written.
        ModelError: a model or the weights cannot be read.
    """
    if not models:
        raise DeployError(
            "a bundle needs at least one model: give --model, or leave it out for fp32 and fp16"
        )
    opened = [_open(path) for path in models]
    names = [model.name for model in opened]
    if len(set(names)) != len(names):
        raise DeployError(f"two models have the same file name among {', '.join(names)}")
    if isinstance(frames, RecordedMoments) != any(model.description.senses for model in opened):
        raise DeployError(
            "a bundle is of the published network or of the multi-sense one: name its --weights"
        )
    files: dict[str, bytes] = {f"models/{model.name}.onnx": model.content for model in opened}
    files.update(runner_files())
    entries = [_entry(model) for model in opened]
    if isinstance(frames, RecordedMoments):
        listed, fed = add_moments(frames, weights, opened, entries, files, progress)
    else:
        listed, fed = _add_frames(frames, build_model(weights), opened, entries, files, progress)
    for model, entry in zip(opened, entries, strict=True):
        entry["home"] = _time(model, fed[model.name], repetitions)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "id": hashlib.sha256(json.dumps(checksums).encode()).hexdigest(),
        "package": __version__,
        "weights": describe_weights(weights),
        "source": frames.source,
        "grid": list(opened[0].description.config.grid.shape),
        "normalise": {"mean": list(IMAGE_MEAN), "std": list(IMAGE_STD)},
        "models": entries,
        "frames": listed,
        "calibrations": {frame.rig.fingerprint: _rig(frame.rig) for frame in frames.sets},
        "files": checksums,
    }
    _write(out, {MANIFEST: json.dumps(manifest, indent=1).encode(), **files})
    return out


def runner_files() -> dict[str, bytes]:
    """What makes a bundle run by itself, by name."""
    files = {"__main__.py": MAIN.encode()}
    shared = (builder, whole_files, errors)
    for path in [*sorted(RUNNER.glob("*.py")), *(Path(str(module.__file__)) for module in shared)]:
        files[f"runner/{path.name}"] = path.read_bytes()
    return files


def _open(path: Path) -> BundledModel:
    session = OnnxSession(path, path.name)
    description = OnnxDescription.read(session.metadata, path.name)
    if description.part != "network":
        raise DeployError(
            f"{path.name} is the {description.part} encoder alone; a bundle takes whole networks"
        )
    batch = session.shapes["images" if "images" in session.shapes else "return_cells"][0]
    if isinstance(batch, int) and batch != 1:
        raise DeployError(f"{path.name} takes {batch} samples at once; export it with a batch of 1")
    return BundledModel(path.stem, path.read_bytes(), description, session)


def _entry(model: BundledModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "file": f"models/{model.name}.onnx",
        "precision": model.description.precision,
        "weights_sha256": model.description.weights_sha256,
        "inputs": {name: str(dtype) for name, dtype in model.session.dtypes.items()},
        "free": [
            name
            for name, shape in model.session.shapes.items()
            if not all(isinstance(size, int) for size in shape)
        ],
        "tables": {},
    }


def _add_frames(
    frames: BenchmarkFrames,
    network: LiftSplatShoot,
    models: Sequence[BundledModel],
    entries: Sequence[dict[str, Any]],
    files: dict[str, bytes],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, np.ndarray]]]]:
    """Put frames, tables and expected logits into `files`; the manifest's list, and each model's inputs."""
    engine = TorchEngine(network, "", "fp32")
    read = NetworkInput(network.config)
    calibrations = CalibrationCache(network.config)
    listed: list[dict[str, Any]] = []
    fed: dict[str, list[dict[str, np.ndarray]]] = {model.name: [] for model in models}
    try:
        for index, frame in enumerate(frames.sets):
            folder = f"frames/{index:04d}"
            pixels = read.pixels(frame)
            add_images(files, folder, frame, pixels)
            normalised = read.preprocess.normalise(pixels)
            with torch.inference_mode():
                tables = engine.tables(frame)
                expected = {"logits": engine.network(normalised, tables).numpy()[None]}
            if frames.truth:
                expected["truth"] = frames.truth[index]
            files[f"{folder}/expected.npz"] = packed(visible=tables.visible, **expected)
            for model, entry in zip(models, entries, strict=True):
                arrays = _tables(model, frame.rig, calibrations, network.config)
                if arrays:
                    name = f"tables/{model.name}-{frame.rig.fingerprint[:16]}.npz"
                    entry["tables"][frame.rig.fingerprint] = name
                    files[name] = packed(**arrays)
                images = normalised.contiguous().numpy()[None].astype(model.session.dtypes["images"])
                fed[model.name].append({"images": images, **arrays})
            listed.append(frame_entry(folder, frame))
            if progress is not None:
                progress(index + 1, len(frames.sets))
    finally:
        read.close()
        engine.close()
    return listed, fed


def _tables(
    model: BundledModel, rig: Rig, calibrations: CalibrationCache, config: ModelConfig
) -> dict[str, np.ndarray]:
    """The splat's tables as the model takes them; none where they are constants in it."""
    if model.description.tables == "constant":
        if model.description.rig != rig.fingerprint:
            raise DeployError(
                f"{model.name}.onnx holds the tables of another rig than the frames'; "
                f"export it with tables as inputs, or for this rig"
            )
        return {}
    shapes = model.session.shapes
    sizes = [size for size in (shapes["points"][0], *shapes["segments"]) if isinstance(size, int)]
    rows, columns = config.feature_shape
    return SegmentTables.build(
        [calibrations[rig].splat],
        len(rig) * rows * columns,
        config.depth_bins,
        SegmentSizes(*sizes) if len(sizes) == 3 else None,
    ).arrays()


def _time(model: BundledModel, frames: list[dict[str, np.ndarray]], repetitions: int) -> dict[str, Any]:
    """Latency of a model in onnxruntime on this machine."""
    times = []
    for index in range(repetitions + 2):
        started = time.perf_counter()
        model.session.run(frames[index % len(frames)])
        times.append((time.perf_counter() - started) * 1e3)
    counted = np.array(times[2:])
    return {
        "runtime": "onnxruntime CPU",
        "median_ms": float(np.median(counted)),
        "deviation_ms": float(counted.std()),
    }


def _rig(rig: Rig) -> list[dict[str, Any]]:
    return [
        {
            "name": camera.name,
            "width": camera.width,
            "height": camera.height,
            "intrinsics": camera.intrinsics.tolist(),
            "distortion_model": camera.lens.model,
            "distortion": list(camera.lens.coefficients),
            "rotation": camera.pose.rotation.tolist(),
            "translation": camera.pose.translation.tolist(),
        }
        for camera in rig.cameras
    ]


def _write(out: Path, files: dict[str, bytes]) -> None:
    # Stored: weights, JPEG and packed arrays shrink no further.
    with whole_files.replacing(out, DeployError) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
