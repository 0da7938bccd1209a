"""Measure every mode on the same frames, one after the other in turns."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..evaluation.frames import BenchmarkFrames
from ..model import Calibration, build_model, describe_weights, naive_splat
from ..model.lift_splat import LiftSplatShoot
from ..model.splat import SplatTable, splat
from ..runtime import FrameSet
from ..runtime.stopwatch import Stopwatch
from .machine import describe_code, describe_machine, peak_memory
from .memory import memory_of
from .modes import Mode, mode_names, normalised, open_modes
from .options import BenchmarkOptions
from .reference import ReferencePipeline
from .summary import Summary, Turn
from .turns import rotated

WARM_UP = 3
"""Runs of a mode before the first that counts, at least: kernels are compiled, tables made in them."""

BURST_MS = 25.0
"""A mode faster than this runs several times in its turn, so that its p99 is of many runs."""

BURST_MOST = 40

CALIBRATIONS = 3
"""New ones that a mode meets, each right after a run with the old one."""

FLOAT32 = "reference cpu fp32"
"""The mode that says what the published network says."""


def run_benchmark(
    frames: BenchmarkFrames,
    options: BenchmarkOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Compare the network's modes with the published pipeline.

    All modes get the same decoded and normalised images, already where they read them, so that `total` is
    from those to logits on the host; modes named `... from JPEG` decode and preprocess too, and make the
    grid. The modes take turns, in an order that moves on by one every time, so that whatever else the machine
    does hits them alike. A fast mode runs several times in its turn; the first of those does not count.

    Args:
        frames: to go round.
        options: what is measured and how.
        progress: told of turns done and all.

    Returns:
        The report: machine, code, configuration, modes with times and errors, splat error.

    Raises:
        LssBevError: the weights cannot be had, there is no such mode, or none can run.
    """
    options = options or BenchmarkOptions()
    if options.threads:
        torch.set_num_threads(options.threads)
    machine = describe_machine()
    model = build_model(options.weights)
    wanted = options.modes or mode_names()
    opened = open_modes(wanted, lambda: model, options.weights, frames.sets, options.threads)
    try:
        summary = Summary(frames, model.config)
        bursts = {mode.name: _warm_up(mode, len(frames.sets), summary) for mode in opened.modes}
        _take_turns(opened.modes, len(frames.sets), options.repetitions, bursts, summary, progress)
        for mode in opened.modes:
            _recalibrate(mode, summary)
        summary.keep_exact(summary.kept(FLOAT32) or float32_logits(model, frames.sets))
    finally:
        opened.close()
    modes = summary.report(opened.modes)
    if options.memory:
        for name, memory in memory_of(frames, wanted, options).items():
            for label, figures in modes.items():
                if label in (name, f"{name} from JPEG"):
                    figures["memory_mib"] = memory
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "machine": {**machine, "load_average_end": load},
        "code": describe_code(options.commit),
        "configuration": {
            "command": options.command,
            "data": frames.source,
            "weights": describe_weights(options.weights),
            "frames": len(frames.sets),
            "repetitions": options.repetitions,
            "cameras": len(frames.sets[0].images),
            "annotated": bool(frames.truth),
        },
        "modes": modes,
        "skipped": opened.skipped,
        "splat_error": splat_error(model, frames.sets[0]),
        "peak_memory_mib": peak_memory(),
    }


def float32_logits(model: LiftSplatShoot, sets: Sequence[FrameSet]) -> list[np.ndarray]:
    """(nx, ny) float32 logits of the published pipeline on the CPU, a map a frame."""
    pipeline = ReferencePipeline(model, "cpu")
    images = normalised(model.config, sets)
    return [
        pipeline(batch, frame.rig.subset(frame.images), Stopwatch())[0].numpy()
        for batch, frame in zip(images, sets, strict=True)
    ]


def splat_error(model: LiftSplatShoot, frame: FrameSet) -> float:
    """Largest difference between the fast splat and the naive sum in float64, over the largest value."""
    images = normalised(model.config, [frame])[0]
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


def _recalibrate(mode: Mode, summary: Summary) -> None:
    """Measure what a changed calibration costs once, its tables and all."""
    if mode.recalibrated is None:
        return
    for turn in range(CALIBRATIONS):
        started = time.perf_counter()
        mode.run(0, False)
        known = time.perf_counter() - started
        mode.recalibrated(0, turn)
        fresh = time.perf_counter() - started - known
        summary.add_calibration(mode.name, (fresh - known) * 1e3)


def _warm_up(mode: Mode, frames: int, summary: Summary) -> int:
    """Run a mode on every frame, keep what it says, and find how often it runs in a turn."""
    for index in range(frames):
        summary.keep_logits(mode.name, mode.run(index, True)[0])
    least = 1 if mode.turns else WARM_UP
    times = []
    for index in range(max(least - frames, 1)):
        started = time.perf_counter()
        mode.run(index % frames, True)
        times.append((time.perf_counter() - started) * 1e3)
    # On a device marks cost time, so there stages and totals come from different runs.
    fewest = 3 if mode.device == "cuda" and not mode.turns else 1
    return min(BURST_MOST, max(fewest, round(BURST_MS / min(times))))


def _take_turns(
    modes: Sequence[Mode],
    frames: int,
    repetitions: int,
    bursts: dict[str, int],
    summary: Summary,
    progress: Callable[[int, int], None] | None,
) -> None:
    gc.collect()
    for repetition in range(repetitions):
        for mode in rotated(modes, repetition):
            if mode.turns is None or repetition < mode.turns:
                summary.add(mode.name, repetition, _turn(mode, repetition, frames, bursts[mode.name]))
        if progress is not None:
            progress(repetition + 1, repetitions)


def _turn(mode: Mode, repetition: int, frames: int, burst: int) -> Turn:
    turn = Turn()
    if burst > 1:
        mode.run(repetition % frames, False)
    apart = mode.device == "cuda" and burst > 1
    if apart:
        turn.stages.append(mode.run(repetition % frames, True)[1])
    for run in range(burst):
        index = (repetition + run) % frames
        processor, started = time.process_time(), time.perf_counter()
        stages = mode.run(index, not apart)[1]
        # What the caller waits for, Python between the stages included.
        turn.totals.append((time.perf_counter() - started) * 1e3)
        turn.processor.append((time.process_time() - processor) * 1e3)
        if not apart:
            turn.stages.append(stages)
    return turn
