"""How many times faster one network is than another, run in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...model import LiftSplatShoot
from ...runtime.frame_set import FrameSet
from ...runtime.torch_engine import TorchEngine
from ..benchmark.frames import random_frames

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
) -> Speed:
    """Measure two networks on the CPU engine in turns, so that what else the machine does hits both alike."""
    frame = frames[0] if frames else random_frames(1).sets[0]
    times: list[list[float]] = [[], []]
    engines = [TorchEngine(model, "", precision) for model in (before, after)]
    try:
        images = torch.randn(6, 3, before.config.image_height, before.config.image_width)
        prepared = [(engine.prepare(images), engine.tables(frame)) for engine in engines]
        with torch.inference_mode():
            for turn in range(turns + WARM_UP):
                for engine, arguments, measured in zip(engines, prepared, times, strict=True):
                    start = time.perf_counter()
                    engine.network(*arguments)
                    if turn >= WARM_UP:
                        measured.append((time.perf_counter() - start) * 1e3)
    finally:
        for engine in engines:
            engine.close()
    dense, pruned = np.array(times)
    return Speed(float(np.median(dense)), float(np.median(pruned)), float(np.median(dense / pruned)))
