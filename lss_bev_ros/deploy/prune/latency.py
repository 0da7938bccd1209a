"""Latency of every part of the network at a few widths, measured on the device that it shall run on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ...errors import DeployError
from ...model import ModelConfig, Widths
from .execution import executable
from .parts import CAMERA, NetworkPart, network_parts

LEVELS = (0.25, 0.5, 1.0)
"""Shares of its channels at which a width is measured."""

BUDGET = 0.05
"""Seconds that one measurement may repeat itself, once it has run REPEATS times."""

REPEATS = 3


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """One part's latencies.

    Attributes:
        name: of the part.
        widths: names of the widths along the axes of `milliseconds`.
        levels: for each axis the channels that were measured, rising.
        milliseconds: one axis a width.
    """

    name: str
    widths: tuple[str, ...]
    levels: tuple[tuple[int, ...], ...]
    milliseconds: np.ndarray

    def at(self, named: dict[str, int]) -> float:
        """Latency at any widths, ms: linear along each axis between what was measured, and beyond."""
        values = self.milliseconds
        for name, levels in zip(self.widths, self.levels, strict=True):
            width = named[name]
            if len(levels) == 1:
                values = values[0]
                continue
            high = min(max(int(np.searchsorted(levels, width)), 1), len(levels) - 1)
            share = (width - levels[high - 1]) / (levels[high] - levels[high - 1])
            values = values[high - 1] * (1 - share) + values[high] * share
        return float(values)


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """All parts' latencies on one device.

    Attributes:
        device: where and how it was measured.
        parts: in the order in which they run.
        fixed: of what no width changes, ms.
        elsewhere: whether that device is another machine, so that no network can be run on it from here.
    """

    device: str
    parts: tuple[MeasuredPart, ...]
    fixed: float = 0.0
    elsewhere: bool = False

    def total(self, named: dict[str, int]) -> float:
        """Latency of the network at some widths, ms."""
        return self.fixed + sum(part.at(named) for part in self.parts)

    def rows(self, before: dict[str, int], after: dict[str, int]) -> list[dict[str, object]]:
        """Each part's latency at two sets of widths, for a report."""
        return [
            {
                "part": part.name,
                "widths": {name: [before[name], after[name]] for name in part.widths},
                "before_ms": round(part.at(before), 3),
                "after_ms": round(part.at(after), 3),
            }
            for part in self.parts
        ]


def measure_latency(
    config: ModelConfig,
    device: str = "cpu",
    precision: str = "fp32",
    multiple: int = 8,
    progress: Callable[[int, int], None] | None = None,
    cameras: bool = True,
    fixed: float = 0.0,
) -> LatencyTable:
    """Measure every part alone, at all combinations of a few of its widths.

    The parts take turns: each round measures all of them once and the fastest of the rounds counts, since
    what else the machine does can only slow a part down.

    Args:
        config: of the network; its widths are the widest measured.
        device: `cpu` for the PyTorch engine, `cuda` for half precision on a GPU.
        precision: of the CPU engine.
        multiple: widths measured are multiples of this.
        progress: told of measurements done and all.
        cameras: whether the network has any.
        fixed: milliseconds of what no width changes.

    Raises:
        DeployError: no such device here.
    """
    if device not in ("cpu", "cuda"):
        raise DeployError(f"device {device!r} must be cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise DeployError(
            "device cuda: PyTorch finds no GPU here; use cpu, or prune on the machine with the GPU"
        )
    parts = [part for part in network_parts(config) if cameras or not part.name.startswith(CAMERA)]
    full = config.widths.named()
    jobs: dict[tuple[str, tuple[int, ...]], tuple[NetworkPart, Widths]] = {}
    levels = {part.name: _levels(part, full, multiple) for part in parts}
    for part in parts:
        for point in itertools.product(*levels[part.name]):
            widths = config.widths.with_named(dict(zip(part.widths, point, strict=True)))
            jobs.setdefault((part.kind, point), (part, widths))
    measured: dict[tuple[str, tuple[int, ...]], float] = {}
    with torch.inference_mode():
        for done, (key, (part, widths)) in enumerate(jobs.items()):
            measured[key] = fastest(executable(part, widths, config, device, precision), device)
            if progress:
                progress(done + 1, len(jobs))
    table = []
    for part in parts:
        shape = tuple(len(points) for points in levels[part.name])
        values = [measured[part.kind, point] for point in itertools.product(*levels[part.name])]
        grid = np.array(values).reshape(shape)
        # Fewer channels are never slower; what noise says otherwise is taken back.
        for axis in range(grid.ndim):
            grid = np.maximum.accumulate(grid, axis=axis)
        table.append(MeasuredPart(part.name, part.widths, levels[part.name], grid))
    how = f"cpu {precision}, {torch.get_num_threads()} threads"
    where = how if device == "cpu" else f"{torch.cuda.get_device_name()} fp16"
    return LatencyTable(where, tuple(table), fixed)


def fastest(run: Callable[[], object], device: str) -> float:
    """Milliseconds of the fastest of some runs, the first of which does not count."""
    run()
    times: list[float] = []
    while len(times) < REPEATS or sum(times) < BUDGET:
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        if len(times) >= 50:
            break
    return min(times) * 1e3


def _levels(part: NetworkPart, full: dict[str, int], multiple: int) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(sorted({min(full[n], max(multiple, round(s * full[n] / multiple) * multiple)) for s in LEVELS}))
        for n in part.widths
    )
