"""How many times faster one network is than another, run in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...benchmark.frames import random_frames
from ...model import LiftSplatShoot
from ...runtime.cpu.engine import TorchEngine
from ...runtime.engine import Engine
from ...runtime.frame_set import FrameSet

WARM_UP = 2


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
    times: list[list[float]] = [[], []]
    engines: list[Any] = []
    try:
        for model in (before, after):
            engines.append(_engine(model, precision, device))
        images = torch.randn(6, 3, before.config.image_height, before.config.image_width)
        prepared = [(engine.prepare(images), engine.tables(frame)) for engine in engines]
        with torch.inference_mode():
            for turn in range(turns + WARM_UP):
                for engine, arguments, measured in zip(engines, prepared, times, strict=True):
                    _wait(device)
                    start = time.perf_counter()
                    engine.network(*arguments)
                    _wait(device)
                    if turn >= WARM_UP:
                        measured.append((time.perf_counter() - start) * 1e3)
    finally:
        for engine in engines:
            engine.close()
    dense, pruned = np.array(times)
    return Speed(float(np.median(dense)), float(np.median(pruned)), float(np.median(dense / pruned)))


def _engine(model: LiftSplatShoot, precision: str, device: str) -> Engine:
    if device == "cpu":
        return TorchEngine(model, "", precision)
    from ...runtime.cuda.engine import CudaEngine, can_be_exact

    return CudaEngine(model, "", exact=can_be_exact())


def _wait(device: str) -> None:
    """Launches on a GPU return before the work is done."""
    if device == "cuda":
        torch.cuda.synchronize()
