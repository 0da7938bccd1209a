"""The bundle's own command line: `python3 FILE.lssbundle run`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .archive import Archive, BundleError
from .conditions import Conditions
from .device import describe_device

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = ".results.npz"
"""What replaces the bundle's suffix in the name of its results."""


class _Session(Protocol):
    """A model that one of the runtimes has loaded."""

    name: str
    built: bool
    """Whether an engine was built to load it, instead of being found in the cache."""

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]: ...

    def layer_times(self, inputs: dict[str, np.ndarray]) -> dict[str, float]: ...

    def close(self) -> None: ...


def main(bundle: Path, arguments: list[str] | None = None) -> int:
    """Run, verify or describe the bundle that this runner lies in; the exit code."""
    parser = argparse.ArgumentParser(prog=bundle.name, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run every model on every frame; write outputs and latencies")
    run.add_argument("--runtime", choices=("auto", "tensorrt", "onnxruntime"), default="auto")
    run.add_argument("--model", action="append", help="only this model; repeatable")
    run.add_argument("--repetitions", type=int, default=50, help="timed runs per model")
    run.add_argument("--warm-up", type=int, default=10, help="runs before the first that counts")
    run.add_argument(
        "--threads", type=int, default=0, help="threads of onnxruntime on the CPU; 0: onnxruntime decides"
    )
    run.add_argument("--dla", type=int, help="TensorRT: build for this DLA core where possible")
    run.add_argument(
        "--workspace", type=int, default=1024, help="TensorRT: memory limit while building, in MiB"
    )
    run.add_argument("--engines", type=Path, help="TensorRT: folder for engines")
    run.add_argument("--fresh", action="store_true", help="TensorRT: build engines that are there already")
    run.add_argument("--layers", action="store_true", help="also measure each layer, in runs of their own")
    run.add_argument("--output", "-o", type=Path, help="results file; by default next to the bundle")
    commands.add_parser("verify", help="check that the bundle is complete and undamaged")
    commands.add_parser("info", help="print the manifest")
    options = parser.parse_args(arguments)
    try:
        with Archive(bundle) as archive:
            if options.command == "run":
                _run(archive, options)
            elif options.command == "verify":
                print(f"{bundle}: {archive.verify()} files as they were put in")
            else:
                print(json.dumps(archive.manifest, indent=2))
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(archive: Archive, options: argparse.Namespace) -> None:
    if options.repetitions < 1 or options.warm_up < 0:
        raise BundleError("--repetitions must be at least 1 and --warm-up at least 0")
    names = [model["name"] for model in archive.manifest["models"]]
    unknown = sorted(set(options.model or ()) - set(names))
    if unknown:
        raise BundleError(f"no model {', '.join(unknown)} in the bundle; it has {', '.join(names)}")
    output = options.output or archive.path.with_name(archive.path.stem + RESULTS)
    runtime = _runtime(options.runtime)
    options.engines = options.engines or Path("~/.cache/lss_bev_ros/bundles").expanduser()
    arrays: dict[str, np.ndarray] = {}
    models = []
    for model in archive.manifest["models"]:
        if options.model and model["name"] not in options.model:
            continue
        print(f"{model['name']}: loading with {runtime}", flush=True)
        report = _measure(archive, model, runtime, options, arrays)
        models.append(report)
        if "refused" in report:
            print(f"{model['name']}: not run: {report['refused']}", flush=True)
        else:
            print(f"{model['name']}: {report['median_ms']:.2f} ms median on {report['runtime']}", flush=True)
    if all("refused" in report for report in models):
        raise BundleError(f"no model ran: {models[0]['refused']}")
    _write(output, {"bundle": archive.manifest["id"], "device": describe_device(), "models": models}, arrays)
    print(f"results {output}")


def _runtime(asked: str) -> str:
    """The runtime to use: TensorRT where it is installed and CUDA works, else onnxruntime."""
    from importlib.util import find_spec

    installed = {"onnxruntime"} if find_spec("onnxruntime") is not None else set()
    if any(find_spec(name) is not None for name in ("tensorrt", "tensorrt_rtx")):
        installed.add("tensorrt")
    if asked != "auto":
        if asked in installed:
            return asked
        raise BundleError(f"{asked} is not installed for {sys.executable}")
    if not installed:
        raise BundleError(f"neither tensorrt nor onnxruntime is installed for {sys.executable}")
    if "tensorrt" in installed and "onnxruntime" in installed:
        from .cuda_memory import CudaMemory

        try:
            CudaMemory().close()
        except BundleError as error:
            print(f"TensorRT is left out, onnxruntime runs: {error}", flush=True)
            return "onnxruntime"
    return "tensorrt" if "tensorrt" in installed else "onnxruntime"


def _inputs(archive: Archive, model: dict[str, Any]) -> list[dict[str, np.ndarray]]:
    """What a model is fed for each frame: normalised images, the tables of the frame's calibration, and what
    else it senses; an empty memory.
    """
    normalise = archive.manifest["normalise"]
    mean, std = (np.array(normalise[name], dtype=np.float32) for name in ("mean", "std"))
    fed = []
    for index, frame in enumerate(archive.manifest["frames"]):
        arrays: dict[str, np.ndarray] = {}
        if "images" in model["inputs"]:
            pixels = archive.arrays(frame["input"])["pixels"].astype(np.float32)
            images = (pixels / np.float32(255) - mean) / std
            # (N, H, W, 3) to (1, N, 3, H, W)
            arrays["images"] = np.ascontiguousarray(images.transpose(0, 3, 1, 2))[None]
        if model["tables"]:
            arrays.update(archive.arrays(model["tables"][frame["calibration"]]))
        if model.get("sensed"):
            arrays.update(archive.arrays(model["sensed"][index]))
        if "memory" in model["inputs"]:
            arrays["memory"] = np.zeros(model["memory"]["shape"], np.float32)
        fed.append({name: arrays[name].astype(dtype, copy=False) for name, dtype in model["inputs"].items()})
    return fed


def _run_frames(
    session: _Session, model: dict[str, Any], frames: list[dict[str, np.ndarray]]
) -> Iterator[dict[str, np.ndarray]]:
    """Outputs of each frame; one that remembers gets what the model told of an earlier one."""
    remembered: list[np.ndarray] = []
    for index, frame in enumerate(frames):
        source = model["memory"]["of"][index] if "memory" in frame else None
        if source is not None:
            frame["memory"] = remembered[source].astype(frame["memory"].dtype)
        found = session.run(frame)
        if "memory" in frame:
            remembered.append(found.pop("remembered"))
        yield {name: kept(name, array) for name, array in found.items()}


def kept(name: str, array: np.ndarray) -> np.ndarray:
    """What results keep of an output: voxels by their classes, answers of other heads in half precision.

    Classes are counted from free, the last one, down, so that what is free is 0.
    """
    if name == "occupancy":
        return (array.shape[2] - 1 - array.argmax(2)).astype(np.uint8)
    return array if name == "logits" else array.astype(np.float16)


def _shapes(model: dict[str, Any], frames: list[dict[str, np.ndarray]]) -> dict[str, list[list[int]]]:
    """Smallest, usual and largest shape among the frames of each input with free sizes."""
    shapes = {}
    for name in model.get("free", ()):
        every = np.array([frame[name].shape for frame in frames])
        shapes[name] = [every.min(0).tolist(), every[0].tolist(), every.max(0).tolist()]
    return shapes


def _measure(
    archive: Archive,
    model: dict[str, Any],
    runtime: str,
    options: argparse.Namespace,
    arrays: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Run a model on all frames, keep its outputs in `arrays`, then time it; what it says for the report.

    It is loaded twice: the second time finds the engine, and the files in memory, as every later start does.
    """
    content = archive.read(model["file"])
    frames = _inputs(archive, model)
    try:
        session, loaded = _load(content, model, runtime, options, _shapes(model, frames))
        built = session.built
        session.close()
        fresh, options.fresh = options.fresh, False
        session, again = _load(content, model, runtime, options, _shapes(model, frames))
        options.fresh = fresh
        for index, found in enumerate(_run_frames(session, model, frames)):
            for name, array in found.items():
                arrays[f"{model['name']}/{index}/{name}"] = array
    except BundleError as error:
        return {"name": model["name"], "refused": str(error)}
    for index in range(options.warm_up):
        session.run(frames[index % len(frames)])
    conditions = Conditions()
    conditions.ask_gpu()
    times, looked = np.empty(options.repetitions), 0.0
    for index in range(options.repetitions):
        started = time.perf_counter()
        session.run(frames[index % len(frames)])
        ended = time.perf_counter()
        times[index] = (ended - started) * 1e3
        if ended - looked > LOOK or index == options.repetitions - 1:
            conditions.read()
            looked = ended
    conditions.ask_gpu()
    layers = session.layer_times(frames[0]) if options.layers else {}
    session.close()
    arrays[f"{model['name']}/times_ms"] = times.astype(np.float32)
    return {
        "name": model["name"],
        "runtime": session.name,
        "load_s": round(loaded, 3),
        "load_again_s": round(again, 3),
        "engine_built": built,
        "repetitions": options.repetitions,
        "median_ms": float(np.median(times)),
        "mean_ms": float(times.mean()),
        "deviation_ms": float(times.std()),
        **percentiles(times),
        "conditions": conditions.report(),
        "layers_ms": layers,
    }


LOOK = 1.0
"""Seconds between two looks at temperatures and clocks."""


def percentiles(times: np.ndarray) -> dict[str, float]:
    """Latencies that a share of the runs stayed below; those that need more runs are left out."""
    shares = {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "p99.9_ms": 99.9}
    return {
        name: float(np.percentile(times, share))
        for name, share in shares.items()
        if len(times) * (100.0 - share) >= 99.9
    }


def _load(
    content: bytes,
    model: dict[str, Any],
    runtime: str,
    options: argparse.Namespace,
    shapes: dict[str, list[list[int]]],
) -> tuple[_Session, float]:
    """A model, ready to run, and the seconds that it took."""
    started = time.perf_counter()
    session: _Session
    if runtime == "tensorrt":
        from .tensorrt_session import TensorRtSession

        session = TensorRtSession(model["name"], content, model["precision"], options, shapes=shapes)
    else:
        from .onnxruntime_session import OnnxRuntimeSession

        session = OnnxRuntimeSession(model["name"], content, options.threads)
    return session, time.perf_counter() - started


def _write(path: Path, report: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write the results, whole or not at all."""
    from .files import replacing  # lies beside this file in a bundle alone

    text = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    with replacing(path, BundleError) as partial, partial.open("wb") as file:
        np.savez_compressed(file, report=text, **arrays)
