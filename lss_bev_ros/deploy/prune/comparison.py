"""How many times faster one network is than another, run in turns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from ...benchmark.turns import take_turns, times_faster
from ...evaluation.frames import random_frames
from ...model import LiftSplatShoot
from ...model.multi_sense import MultiSense, Network
from ...runtime.cpu.engine import TorchEngine
from ...runtime.engine import Engine
from ...runtime.frame_set import FrameSet
from ...runtime.multi_sense.engine import MultiSenseEngine
from ...runtime.multi_sense.moment import Moment

RETURNS = 34_000
"""Of a sweep of 32 beams."""


@dataclass(frozen=True)
class Speed:
    """Latencies of the networks alone, without decoding and resizing, median ms.

    Attributes:
        before, after: of the two.
        speedup: median over the turns of before / after.
    """

    before: float
    after: float
    speedup: float


def compare_speed(
    before: Network,
    after: Network,
    precision: str = "fp32",
    turns: int = 10,
    frames: Sequence[FrameSet] = (),
    device: str = "cpu",
) -> Speed:
    """Measure two networks in turns, so that what else the machine does hits both alike.

    Args:
        before: of the two networks the first.
        after: the second.
        precision: of the CPU engine; a GPU runs what `auto` would choose.
        turns: that count.
        frames: of which the first gives the calibration; by default one like nuScenes'.
        device: `cpu` or `cuda`.
    """
    frame = frames[0] if frames else random_frames(1).sets[0]
    if isinstance(before, MultiSense) and isinstance(after, MultiSense):
        return _compare_parts(before, after, precision, turns, usual_moment(frame), device)
    assert isinstance(before, LiftSplatShoot), before
    assert isinstance(after, LiftSplatShoot), after
    engines: list[Any] = []
    try:
        for model in (before, after):
            engines.append(_engine(model, precision, device))
        images = torch.randn(6, 3, before.config.image_height, before.config.image_width)
        with torch.inference_mode():
            runs = [_run(engine, engine.prepare(images), engine.tables(frame), device) for engine in engines]
            dense, pruned = take_turns(runs, turns)
    finally:
        for engine in engines:
            engine.close()
    return Speed(float(np.median(dense)), float(np.median(pruned)), times_faster(dense, pruned))


def usual_moment(frame: FrameSet) -> Moment:
    """A frame with as many LiDAR returns as one sweep has, which lie as one's do: the nearer, the denser."""
    draw = np.random.default_rng(0)
    away, where = 50.0 * draw.random(RETURNS), draw.uniform(0.0, 2 * np.pi, RETURNS)
    points = np.column_stack([away * np.cos(where), away * np.sin(where), draw.random((RETURNS, 2))])
    return Moment(frame.stamp, frame, points)


def parts_of(engine: MultiSenseEngine, moment: Moment) -> dict[str, Callable[[], object]]:
    """The parts of a network that run for a moment, each once."""
    parts = engine.parts(moment)
    if "fuser with memory" in parts:
        del parts["fuser"]
    return parts


def _compare_parts(
    before: MultiSense, after: MultiSense, precision: str, turns: int, moment: Moment, device: str
) -> Speed:
    """The same of multi-sense networks: all parts one behind the other."""
    engines = [
        MultiSenseEngine(copy.deepcopy(model), "", precision, device=device) for model in (before, after)
    ]
    try:
        runs = [partial(_each, parts_of(engine, moment), device) for engine in engines]
        dense, pruned = take_turns(runs, turns)
    finally:
        for engine in engines:
            engine.close()
    return Speed(float(np.median(dense)), float(np.median(pruned)), times_faster(dense, pruned))


def _each(parts: Mapping[str, Callable[[], object]], device: str, _: int) -> None:
    for part in parts.values():
        part()
    if device == "cuda":
        torch.cuda.synchronize()


def _engine(model: LiftSplatShoot, precision: str, device: str) -> Engine:
    if device == "cpu":
        return TorchEngine(model, "", precision)
    from ...runtime.cuda.engine import CudaEngine, can_be_exact

    return CudaEngine(model, "", exact=can_be_exact())


def _run(engine: Any, images: torch.Tensor, tables: Any, device: str) -> Callable[[int], None]:
    def run(_: int) -> None:
        engine.network(images, tables)
        if device == "cuda":
            # Launches on a GPU return before the work is done.
            torch.cuda.synchronize()

    return run
