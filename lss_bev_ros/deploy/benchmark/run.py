"""Measure every mode on the same frames, one after the other in turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ...model import Calibration, ModelConfig, build_model, describe_weights, naive_splat
from ...model.lift_splat import LiftSplatShoot
from ...model.splat import SplatTable, splat
from ...runtime import FrameSet, create_engine
from ...runtime.image_decoder import ImageDecoder
from ...runtime.preprocess import Preprocessor
from ...runtime.stopwatch import Stopwatch
from ...runtime.torch_engine import DTYPES, TorchEngine, has_bfloat16
from .frames import dataset_frames, random_frames
from .machine import describe_machine, peak_memory
from .reference import ReferencePipeline
from .report import write_report

WARM_UP = 3
"""Rounds before the first that counts: kernels are compiled, weights packed and tables made in them."""

Mode = Callable[[int], tuple[np.ndarray, dict[str, float]]]
"""Runs frame i; gives (nx, ny) logits and stage times in ms with `total`."""


def run_benchmark(
    dataroot: Path | None = None,
    weights: str = "seed:0",
    frames: int = 4,
    repetitions: int = 20,
    threads: int = 0,
    output: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Compare the network's modes with the published pipeline.

    All modes get the same decoded and normalised images, so that `total` is from those to logits; modes named
    `... from JPEG` also decode and preprocess. The modes take turns within every repetition, so that whatever
    else the machine does hits them alike.

    Args:
        dataroot: nuScenes data to take frames from; None for random pictures.
        weights: see `lss_bev_ros.model.build_model`.
        frames: different frames to go round.
        repetitions: timed runs of each mode.
        threads: PyTorch's threads; 0 leaves them alone.
        output: JSON file to write.
        progress: told of repetitions done and all.

    Returns:
        The report: machine, configuration, modes with times and errors, splat error.

    Raises:
        LssBevError: the data or weights cannot be had, or the output cannot be written.
    """
    if threads:
        torch.set_num_threads(threads)
    machine = describe_machine()
    sets = dataset_frames(dataroot, frames) if dataroot else random_frames(frames)
    model = build_model(weights)
    modes, engines = _modes(model, weights, sets)
    try:
        logits = _warm_up(modes, len(sets))
        times = _take_turns(modes, len(sets), repetitions, progress)
    finally:
        for engine in engines:
            engine.close()
    report: dict[str, object] = {
        "machine": machine,
        "configuration": {
            "data": str(dataroot) if dataroot else "random pictures",
            "weights": describe_weights(weights),
            "frames": len(sets),
            "repetitions": repetitions,
            "cameras": len(sets[0].images),
        },
        "modes": {name: _summary(name, times, logits) for name in modes},
        "splat_error": splat_error(model, sets[0]),
        "peak_memory_mib": peak_memory(),
    }
    if output is not None:
        write_report(report, output)
    return report


def splat_error(model: LiftSplatShoot, frame: FrameSet) -> float:
    """Largest difference between the fast splat and the naive sum in float64, over the largest value."""
    images = _normalised(model.config, [frame])[0]
    rig = frame.rig.subset(frame.images)
    shape = model.config.grid.shape
    with torch.inference_mode():
        depth, features = model.camencode(images)
        cells = model.cells(Calibration.of_rig(rig, model.config))
        fast = splat(
            depth.permute(0, 2, 3, 1).flatten(0, 2).contiguous(),
            features.permute(0, 2, 3, 1).flatten(0, 2).contiguous(),
            SplatTable.build(cells, shape),
        )
        naive = naive_splat(depth.double(), features.double(), cells, shape)
    return float((fast.double() - naive).abs().max() / naive.abs().max().clamp(min=1e-30))


def _modes(
    model: LiftSplatShoot, weights: str, sets: list[FrameSet]
) -> tuple[dict[str, Mode], list[TorchEngine]]:
    images = _normalised(model.config, sets)
    modes: dict[str, Mode] = {"reference": _reference_mode(ReferencePipeline(model), images, sets)}
    engines = []
    for precision in DTYPES:
        if precision == "bf16" and not has_bfloat16():
            continue
        engine = create_engine("torch", weights, precision=precision)
        assert isinstance(engine, TorchEngine)
        engines.append(engine)
        modes[f"torch {precision}"] = _network_mode(engine, images, sets, DTYPES[precision])
        modes[f"torch {precision} from JPEG"] = _engine_mode(engine, sets)
    return modes, engines


def _normalised(config: ModelConfig, sets: list[FrameSet]) -> list[torch.Tensor]:
    """(N, 3, H, W) float32 for each frame set."""
    decoder, preprocess = ImageDecoder(threads=2), Preprocessor(config, torch.float32)
    try:
        return [preprocess(decoder(frame)).contiguous() for frame in sets]
    finally:
        decoder.close()


def _reference_mode(pipeline: ReferencePipeline, images: list[torch.Tensor], sets: list[FrameSet]) -> Mode:
    def run(index: int) -> tuple[np.ndarray, dict[str, float]]:
        watch = Stopwatch()
        with torch.inference_mode():
            logits = pipeline(images[index], sets[index].rig.subset(sets[index].images), watch)
        return logits[0].numpy(), watch.timings()

    return run


def _network_mode(
    engine: TorchEngine, images: list[torch.Tensor], sets: list[FrameSet], dtype: torch.dtype
) -> Mode:
    batches = [batch.to(dtype).contiguous(memory_format=torch.channels_last) for batch in images]

    def run(index: int) -> tuple[np.ndarray, dict[str, float]]:
        watch = Stopwatch()
        with torch.inference_mode():
            logits = engine.network(batches[index], engine.tables(sets[index]), watch)
        return logits[0].numpy(), watch.timings()

    return run


def _engine_mode(engine: TorchEngine, sets: list[FrameSet]) -> Mode:
    def run(index: int) -> tuple[np.ndarray, dict[str, float]]:
        prediction = engine.infer(sets[index])
        return prediction.logits, dict(prediction.timings)

    return run


def _warm_up(modes: dict[str, Mode], frames: int) -> dict[str, list[np.ndarray]]:
    """Run every mode on every frame a few times; what they say is kept to be compared."""
    logits = {}
    for name, mode in modes.items():
        for _ in range(WARM_UP):
            logits[name] = [mode(index)[0].copy() for index in range(frames)]
    return logits


def _take_turns(
    modes: dict[str, Mode], frames: int, repetitions: int, progress: Callable[[int, int], None] | None
) -> dict[str, list[dict[str, float]]]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in modes}
    gc.collect()
    for repetition in range(repetitions):
        for name, mode in modes.items():
            start = time.perf_counter()
            stages = mode(repetition % frames)[1]
            # What the caller waits for, Python between the stages included.
            times[name].append({**stages, "total": (time.perf_counter() - start) * 1e3})
        if progress is not None:
            progress(repetition + 1, repetitions)
    return times


def _summary(
    name: str, times: dict[str, list[dict[str, float]]], logits: dict[str, list[np.ndarray]]
) -> dict[str, object]:
    """Times of a mode and how far its logits are from the reference's."""
    stages = list(times[name][0])
    columns = {stage: np.array([run[stage] for run in times[name]]) for stage in stages}
    reference = np.array([run["total"] for run in times["reference"]])
    ours, theirs = np.stack(logits[name]), np.stack(logits["reference"])
    error = np.abs(ours - theirs)
    # Weights that see no vehicle make no cell positive at one half; half of the cells pass the median.
    level = np.median(theirs)
    union = ((ours > level) | (theirs > level)).sum()
    return {
        "median_ms": {stage: float(np.median(column)) for stage, column in columns.items()},
        "p95_ms": {stage: float(np.percentile(column, 95)) for stage, column in columns.items()},
        # Turn by turn, so that a slow moment of the machine counts on both sides.
        "speedup": float(np.median(reference / columns["total"])),
        "logit_error_max": float(error.max()),
        "logit_error_mean": float(error.mean()),
        "iou_with_reference": float(((ours > level) & (theirs > level)).sum() / max(union, 1)),
    }
