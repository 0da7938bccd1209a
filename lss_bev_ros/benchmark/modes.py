"""The ways to run the network that can be measured here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..errors import LssBevError
from ..geometry.example_rig import raised
from ..model import LiftSplatShoot, ModelConfig, build_model, describe_weights
from ..runtime import Engine, FrameSet, create_engine
from ..runtime.backends import REGISTRY
from ..runtime.engine import NetworkEngine
from ..runtime.preprocess import NetworkInput
from ..runtime.stopwatch import Stopwatch
from .reference import ReferencePipeline
from .stopwatch import DeviceStopwatch

REFERENCES = ("serial", "reference")
VARIANTS = {"torch": ("cuda",), "cuda": ("exact",)}
"""Besides precisions: PyTorch's kernels on the GPU, in half precision and one CUDA graph, measured when they
are named; and our own that keep what half precision rounds away where logits would miss it."""

SERIAL_TURNS = 3
"""Turns that the serial splat takes part in: a loop over 264 000 points needs no more to be slow."""


@dataclass(frozen=True, eq=False)
class Mode:
    """One way to run the network.

    Attributes:
        name: as reports call it.
        device: `cpu` or `cuda`.
        network: whether it starts at normalised images, or else at JPEG bytes.
        run: runs frame i; gives (nx, ny) float32 logits on the host and, where told to mark them, stages in
            milliseconds.
        about: backend, precision and why, in a few words.
        recalibrated: runs frame i as `run` does with cameras that no run had before, `turn` apart; None where
            geometry is made every frame.
        turns: it takes part in, None for all.
    """

    name: str
    device: str
    network: bool
    run: Callable[[int, bool], tuple[np.ndarray, dict[str, float]]]
    about: str
    turns: int | None = None
    recalibrated: Callable[[int, int], object] | None = None


@dataclass(eq=False)
class OpenModes:
    """Modes with what they hold.

    Attributes:
        modes: in the order of reports.
        skipped: mode to why it cannot run here.
    """

    modes: list[Mode] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    _engines: list[Engine] = field(default_factory=list)

    def close(self) -> None:
        """Close the engines."""
        for engine in self._engines:
            engine.close()


def mode_names() -> tuple[str, ...]:
    """What `--modes` takes: the references, then every backend; each also as `name:precision`."""
    return (*REFERENCES, *REGISTRY)


def usual_choices(name: str) -> tuple[str, ...]:
    """The precisions of a backend, and what it chooses by itself, measured where no other is named."""
    return (*(VARIANTS[name] if name == "cuda" else ()), *REGISTRY[name].precisions)


def check_modes(wanted: Sequence[str]) -> None:
    """Raise LssBevError where a mode has no such name or precision."""
    for word in wanted:
        name, _, detail = word.partition(":")
        if name not in mode_names():
            raise LssBevError(f"mode {word!r} must be one of {', '.join(mode_names())}")
        known = ("cpu", "cuda") if name in REFERENCES else REGISTRY[name].precisions
        known = (*known, *VARIANTS.get(name, ()))
        if detail and detail not in known:
            raise LssBevError(f"mode {word!r}: {name} knows {', '.join(known)}")


def backend_choices(wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Backends and precisions that some modes mean; without any, what each backend chooses by itself.

    Raises:
        LssBevError: no such mode, or one that is no backend.
    """
    check_modes(wanted)
    pairs = [tuple(word.partition(":")[::2]) for word in wanted or REGISTRY]
    for name, _ in pairs:
        if name in REFERENCES:
            raise LssBevError(f"mode {name!r} is the published network: use {', '.join(REGISTRY)}")
    return [(name, precision or "auto") for name, precision in pairs]


def open_modes(
    wanted: Sequence[str],
    model: Callable[[], LiftSplatShoot],
    weights: str,
    sets: Sequence[FrameSet],
    threads: int = 0,
) -> OpenModes:
    """Make everything that is to be measured and can run here.

    Args:
        wanted: from `mode_names`, with or without `:precision` (references: `:cpu` or `:cuda`).
        model: makes the network for the references.
        weights: for the engines.
        sets: frames that the modes will run.
        threads: CPU threads, 0 leaves them alone.

    Raises:
        LssBevError: no such mode.
    """
    check_modes(wanted)
    opened = OpenModes()
    images = normalised(ModelConfig(), sets)
    try:
        for word in wanted:
            name, _, detail = word.partition(":")
            if name in REFERENCES:
                _open_reference(opened, model(), name, detail, sets, images)
            else:
                _open_backend(opened, name, detail, weights, sets, images, threads)
    except BaseException:
        opened.close()
        raise
    return opened


def normalised(config: ModelConfig, sets: Sequence[FrameSet]) -> list[torch.Tensor]:
    """(N, 3, H, W) float32 for each frame set."""
    with NetworkInput(config) as read:
        return [read(frame).contiguous() for frame in sets]


def _open_reference(
    opened: OpenModes,
    model: LiftSplatShoot,
    name: str,
    device: str,
    sets: Sequence[FrameSet],
    images: Sequence[torch.Tensor],
) -> None:
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        opened.skipped[f"{name}:cuda"] = "no CUDA device here"
        return
    pipeline = ReferencePipeline(model, device, serial=name == "serial")
    batches = [pipeline.prepare(batch) for batch in images]

    def run(index: int, marked: bool) -> tuple[np.ndarray, dict[str, float]]:
        watch = _stopwatch(device, marked)
        frame = sets[index]
        logits = pipeline(batches[index], frame.rig.subset(frame.images), watch)
        return _on_host(logits), watch.timings() if marked else {}

    splat = "a loop over points on the CPU" if name == "serial" else "index_put_"
    autocast = ", autocast to fp16" if pipeline.precision == "fp16" else ""
    about = f"eager PyTorch on {device}{autocast}; geometry every frame, outer product, {splat}"
    label = f"{name} {device} {pipeline.precision}"
    opened.modes.append(Mode(label, device, True, run, about, SERIAL_TURNS if name == "serial" else None))


def _open_backend(
    opened: OpenModes,
    name: str,
    precision: str,
    weights: str,
    sets: Sequence[FrameSet],
    images: Sequence[torch.Tensor],
    threads: int,
) -> None:
    problem = REGISTRY[name].unusable()
    if problem is not None:
        opened.skipped[name] = problem
        return
    for choice in [precision] if precision else usual_choices(name):
        try:
            engine = _engine(name, weights, threads, choice)
            opened._engines.append(engine)
            opened.modes += _modes_of(engine, f"{name} {choice}", sets, images)
        except LssBevError as error:
            opened.skipped[f"{name} {choice}"] = str(error)


def _engine(name: str, weights: str, threads: int, precision: str) -> Engine:
    """A backend or a variant of one."""
    if precision not in VARIANTS.get(name, ()):
        return create_engine(name, weights, threads, precision)
    from ..runtime.cuda.engine import CudaEngine

    variant = {"kernels": "torch"} if name == "torch" else {"exact": True}
    return CudaEngine(build_model(weights), describe_weights(weights), "fp16", "to compare", **variant)


def _modes_of(
    engine: Engine, label: str, sets: Sequence[FrameSet], images: Sequence[torch.Tensor]
) -> list[Mode]:
    modes = []
    device = "cuda" if "cuda" in engine.name or "tensorrt" in engine.name else "cpu"
    about = f"{engine.name}: {engine.reason}"
    if isinstance(engine, NetworkEngine):
        with torch.inference_mode():
            batches = [engine.prepare(batch) for batch in images]

        def network(index: int, marked: bool) -> tuple[np.ndarray, dict[str, float]]:
            watch = _stopwatch(device, True) if marked else None
            with torch.inference_mode():
                logits = engine.network(batches[index], engine.tables(sets[index]), watch)
            return _on_host(logits), watch.timings() if watch else {}

        def recalibrated(index: int, turn: int) -> object:
            moved = replace(sets[index], rig=raised(sets[index].rig, 1e-4 * (turn + 1)))
            with torch.inference_mode():
                return _on_host(engine.network(batches[index], engine.tables(moved)))

        modes.append(Mode(label, device, True, network, about, recalibrated=recalibrated))

    def whole(index: int, marked: bool) -> tuple[np.ndarray, dict[str, float]]:
        prediction = engine.infer(sets[index])
        started = time.perf_counter()
        # The grid is what a node publishes; making it belongs to the cost.
        _ = prediction.occupancy
        stages = {**prediction.timings, "grid": (time.perf_counter() - started) * 1e3}
        return prediction.logits, stages if marked else {}

    modes.append(Mode(f"{label} from JPEG", device, False, whole, about))
    return modes


def _stopwatch(device: str, marked: bool) -> Stopwatch:
    return DeviceStopwatch() if marked and device == "cuda" and torch.cuda.is_available() else Stopwatch()


def _on_host(logits: torch.Tensor | np.ndarray) -> np.ndarray:
    """(nx, ny) float32 of the first output, the vehicle. Waits for the device."""
    array = logits.float().cpu().numpy() if isinstance(logits, torch.Tensor) else np.asarray(logits)
    return array.reshape(-1, *array.shape[-2:])[0].astype(np.float32, copy=False)
