"""A model of the bundle, run on its frames and timed."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .archive import Archive, BundleError
from .conditions import Conditions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class _Session(Protocol):
    """A model that one of the runtimes has loaded."""

    name: str
    built: bool
    """Whether an engine was built to load it, instead of being found in the cache."""

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]: ...

    def layer_times(self, inputs: dict[str, np.ndarray]) -> dict[str, float]: ...

    def close(self) -> None: ...


def prepared(options: argparse.Namespace) -> str:
    """Check the options of whatever measures; the runtime to use."""
    if options.repetitions < 1 or options.warm_up < 0:
        raise BundleError("--repetitions must be at least 1 and --warm-up at least 0")
    return _runtime(options.runtime)


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


def inputs_of(archive: Archive, model: dict[str, Any]) -> list[dict[str, np.ndarray]]:
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


def measure(
    content: bytes,
    model: dict[str, Any],
    frames: list[dict[str, np.ndarray]],
    runtime: str,
    options: argparse.Namespace,
    arrays: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Run a model on all frames, keep its outputs in `arrays`, then time it; what it says for the report.

    Of one that is refused, or whose device is lost on the way, nothing is kept but the reason.
    """
    found: dict[str, np.ndarray] = {}
    try:
        report = _measured(content, model, frames, runtime, options, found)
    except BundleError as error:
        return {"name": model["name"], "refused": str(error)}
    arrays.update(found)
    return report


def _measured(
    content: bytes,
    model: dict[str, Any],
    frames: list[dict[str, np.ndarray]],
    runtime: str,
    options: argparse.Namespace,
    arrays: dict[str, np.ndarray],
) -> dict[str, Any]:
    """The same of one that runs.

    It is loaded twice: the second time finds the engine, and the files in memory, as every later start does.
    """
    session, loaded = _load(content, model, runtime, options, _shapes(model, frames))
    built = session.built
    session.close()
    fresh, options.fresh = options.fresh, False
    session, again = _load(content, model, runtime, options, _shapes(model, frames))
    options.fresh = fresh
    for index, found in enumerate(_run_frames(session, model, frames)):
        for name, array in found.items():
            arrays[f"{model['name']}/{index}/{name}"] = array
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
