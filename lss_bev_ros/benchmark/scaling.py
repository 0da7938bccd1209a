"""How the network's cost grows with cameras, image size, depth bins and BEV cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..errors import LssBevError
from ..geometry import BevGrid, Rig
from ..geometry.example_rig import level_camera, raised
from ..model import ModelConfig
from ..runtime import FrameSet
from ..runtime.backends import REGISTRY
from ..runtime.engine import NetworkEngine
from ..runtime.options import EngineOptions
from ..runtime.stopwatch import Stopwatch
from .stopwatch import DeviceStopwatch

CAMERAS = (1, 2, 4, 6, 9, 12)
IMAGES = ((64, 192), (128, 352), (192, 512), (256, 704))
BINS = (20, 41, 82, 123)
SIDES = (104, 200, 304, 400)
"""Cells along a side of the grid, of 0.5 m."""

TABLES = "new tables"
"""What a changed calibration costs, once; not part of `total`."""


Plans = Mapping[str, Sequence[tuple[int, ModelConfig, int]]]
"""Name of a size to its values, each with the network's sizes and the number of cameras."""


@dataclass(frozen=True)
class ScaledOptions(EngineOptions):
    """Options of an engine for a network of other sizes, untrained."""

    sizes: ModelConfig = ModelConfig()

    @property
    def config(self) -> ModelConfig:
        """Sizes of the network."""
        return self.sizes


class ProcessorStopwatch(Stopwatch):
    """Counts processor time of all threads, which other work on the machine distorts least."""

    def __init__(self) -> None:
        super().__init__()
        self._start = self._last = time.process_time()

    def stage(self, name: str) -> None:
        """End the stage `name`."""
        now = time.process_time()
        self._stages[name] = (now - self._last) * 1e3
        self._last = now


@dataclass(frozen=True, eq=False)
class _Case:
    """One network and rig: its size along the study, and how to run it."""

    size: int
    engine: NetworkEngine
    batch: object
    frame: FrameSet


def run_scaling(
    backend: str = "torch",
    precision: str = "auto",
    threads: int = 0,
    repetitions: int = 5,
    plans: Plans | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Vary one size at a time from the published network, on one backend.

    Args:
        backend: a name in the registry of backends whose network can be run alone.
        precision: of the backend.
        threads: CPU threads, 0 leaves them alone.
        repetitions: turns within each study.
        plans: what is varied, `published_plans` where none are given.
        progress: told of turns done and all.

    Returns:
        `studies`: size to its values, each stage's median at each of them in milliseconds, and the straight
        line through those (slope, intercept, r2); on a CPU the times are processor time.

    Raises:
        RuntimeBackendError: the backend cannot run here.
        LssBevError: its network cannot be run alone.
    """

    def make(sizes: ModelConfig) -> NetworkEngine:
        options = ScaledOptions("seed:0", precision, threads, sizes.grid, sizes=sizes)
        engine = REGISTRY[backend].make(options, "as asked")
        if not isinstance(engine, NetworkEngine):
            engine.close()
            raise LssBevError(f"backend {backend!r} does not run its network alone: choose another")
        return engine

    plans = plans or published_plans()
    studies, done, name = {}, 0, ""
    for label, plan in plans.items():
        engines: dict[ModelConfig, NetworkEngine] = {}
        try:
            cases = []
            for size, sizes, cameras in plan:
                if sizes not in engines:
                    engines[sizes] = make(sizes)
                cases.append(_case(size, engines[sizes], sizes, cameras))
            name = next(iter(engines.values())).name
            turns = []
            for turn in range(repetitions + 1):
                turns.append([_measure(case, turn) for case in cases])
                done += 1
                if progress is not None:
                    progress(done, len(plans) * (repetitions + 1))
        finally:
            for engine in engines.values():
                engine.close()
        # The first turn warms up.
        studies[label] = _study([case.size for case in cases], turns[1:])
    return {"engine": name, "repetitions": repetitions, "studies": studies}


def published_plans() -> Plans:
    """One size at a time, the others as published."""
    config = ModelConfig()
    return {
        "cameras": [(count, config, count) for count in CAMERAS],
        "pixels of an image": [
            (rows * columns, replace(config, image_height=rows, image_width=columns), 6)
            for rows, columns in IMAGES
        ],
        "depth bins": [(bins, replace(config, depth_max=45.0, depth_step=41.0 / bins), 6) for bins in BINS],
        "BEV cells": [
            (side * side, replace(config, grid=BevGrid(-side / 4, side / 4, -side / 4, side / 4)), 6)
            for side in SIDES
        ],
    }


def line_fit(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """The straight line through points by least squares, and how much of y's variance it explains."""
    slope, intercept = np.polyfit(x, y, 1)
    values = np.asarray(y)
    residual = values - (slope * np.asarray(x) + intercept)
    spread = ((values - values.mean()) ** 2).sum()
    return {
        "slope": float(slope),
        "intercept": float(intercept),
        "r2": float(1.0 - (residual**2).sum() / spread) if spread else 1.0,
    }


def ring_rig(count: int, shift: float = 0.0) -> Rig:
    """Cameras that look evenly around, `shift` metres higher than 1.5 m."""
    cameras = [level_camera(f"cam_{index}", 360.0 * index / count, 1260.0) for index in range(count)]
    return raised(Rig(tuple(cameras)), shift)


def _frame(rig: Rig) -> FrameSet:
    # Only which cameras have an image is read.
    return FrameSet(0, rig, dict.fromkeys(rig.names, b""))


def _case(size: int, engine: NetworkEngine, config: ModelConfig, cameras: int) -> _Case:
    generator = torch.Generator().manual_seed(size)
    shape = (cameras, 3, config.image_height, config.image_width)
    batch = engine.prepare(torch.randn(shape, generator=generator))
    return _Case(size, engine, batch, _frame(ring_rig(cameras)))


def _measure(case: _Case, turn: int) -> dict[str, float]:
    on_device = getattr(case.batch, "is_cuda", False)
    clock = time.perf_counter if on_device else time.process_time
    # A height that no turn had before, so that the tables are new.
    changed = _frame(ring_rig(len(case.frame.rig), 1e-4 * (turn + 1)))
    with torch.inference_mode():
        started = clock()
        case.engine.tables(changed)
        if on_device:
            torch.cuda.synchronize()
        fresh = (clock() - started) * 1e3
        tables = case.engine.tables(case.frame)
        case.engine.network(case.batch, tables)
        watch = DeviceStopwatch() if on_device else ProcessorStopwatch()
        case.engine.network(case.batch, tables, watch)
    return {**watch.timings(), TABLES: fresh}


def _study(sizes: list[int], turns: list[list[dict[str, float]]]) -> dict[str, object]:
    stages = list(turns[0][0])
    medians = {
        stage: [float(np.median([turn[place][stage] for turn in turns])) for place in range(len(sizes))]
        for stage in stages
    }
    return {
        "size": sizes,
        "stages": medians,
        "fits": {stage: line_fit(sizes, values) for stage, values in medians.items()},
    }
