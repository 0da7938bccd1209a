"""How many times faster one network is than another, run in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...benchmark.turns import take_turns, times_faster
from ...evaluation.frames import random_frames
from ...model import LiftSplatShoot
from ...runtime.cpu.engine import TorchEngine
from ...runtime.engine import Engine
from ...runtime.frame_set import FrameSet


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
    before: LiftSplatShoot,
    after: LiftSplatShoot,
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
