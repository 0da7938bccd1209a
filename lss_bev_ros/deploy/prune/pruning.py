"""From a trained network to a smaller one that is so many times faster on this device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...errors import DeployError
from ...evaluation.answers import HEADLINE, AnswersScore
from ...evaluation.frames import random_frames
from ...evaluation.multi_sense import annotated_moments, frame_answers, voxel_grid
from ...model import LiftSplatShoot, build_model, describe_weights
from ...model.multi_sense import MultiSense, Network, sizes_of
from ...model.multi_sense_names import is_multi_sense
from ...runtime.cpu.engine import DTYPES, has_bfloat16
from ...runtime.multi_sense.answers import ANSWERS
from ...runtime.multi_sense.engine import MultiSenseEngine
from ...runtime.multi_sense.weights import read_multi_sense
from .allocation import allocate
from .channels import N, narrow
from .comparison import Speed, compare_speed, parts_of, usual_moment
from .device_latency import DeviceLatency
from .example import Example
from .examples import read_examples, read_moments
from .importance import channel_importance
from .latency import LatencyTable, fastest, measure_latency
from .preset import check_preset, preset_channels
from .reconstruction import reconstruct

HEAD = 8
"""Channels that are left of the classification head, which never runs: it is half of a small file."""

MEASURED = ("camera encoder", "BEV encoder")
"""Parts of a multi-sense network that are measured width by width."""

ATTEMPTS = 4
"""Allocations tried until the whole network, and not only the sum of its parts, is as fast as asked."""

Progress = Callable[[str, int, int], None]

Measure = Callable[[LiftSplatShoot], float]
"""Milliseconds of a network on another device."""


@dataclass(frozen=True)
class PruneOptions:
    """What is asked for.

    Attributes:
        speedup: how many times faster the network alone shall be, decoding and resizing apart.
        device: `cpu` or `cuda`, on which latency is measured.
        precision: of the CPU engine: `auto`, `fp32` or `bf16`.
        multiple: widths that change become multiples of this.
        frames: annotated frames that channels are scored on.
        threads: CPU threads; 0 leaves them alone.
        target: latency of the network alone to reach, ms, in place of the speedup; 0 for none.
        results: what another device measured, see `DeviceLatency`; None to prune for this one.
        preset: a name in `PRESETS`, whose widths are taken in place of any latency; empty for none.
    """

    speedup: float = 2.0
    device: str = "cpu"
    precision: str = "auto"
    multiple: int = 8
    frames: int = 32
    threads: int = 0
    target: float = 0.0
    results: Path | None = None
    preset: str = ""

    @property
    def chosen_precision(self) -> str:
        """Of the CPU engine, decided."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if has_bfloat16() else "fp32"

    def __post_init__(self) -> None:
        if not self.target >= 0:
            raise DeployError(f"target {self.target:g} ms must be above 0, or 0 for none")
        if not self.speedup >= 1:
            raise DeployError(f"speedup {self.speedup:g} must be at least 1 (times faster than before)")
        if self.precision not in ("auto", *DTYPES):
            raise DeployError(f"precision {self.precision!r} must be auto, {' or '.join(DTYPES)}")
        if not 1 <= self.multiple <= 64:
            raise DeployError(f"multiple {self.multiple} must be 1 to 64 channels")
        if self.frames < 1:
            raise DeployError(f"frames {self.frames} must be at least 1: channels are scored on frames")
        if self.preset:
            check_preset(self.preset)
            if self.target or self.results is not None:
                raise DeployError(
                    f"preset {self.preset} says all widths: leave the target and another device's results out"
                )

    @property
    def goal(self) -> float:
        """How many times faster the network has to be; a preset is what it is."""
        return 0.0 if self.preset else self.speedup


@dataclass(frozen=True, eq=False)
class Pruned:
    """A smaller network and how it came about.

    Attributes:
        model: in evaluation mode, not yet trained further.
        table: measured latencies; without parts for a preset.
        speed: of the whole network before and after, in turns.
        goal: the speedup that was asked for, 0 for any.
        report: everything for the report file.
    """

    model: Network
    table: LatencyTable
    speed: Speed
    goal: float
    report: dict[str, Any]

    @property
    def missed(self) -> str:
        """That the network is not as fast as asked, in one line with the remedy; empty where it is."""
        if self.speed.speedup >= self.goal:
            return ""
        return (
            f"the goal is missed: the network is {self.speed.speedup:.2f} times faster, not {self.goal:g}, "
            f"in the best of up to {ATTEMPTS} attempts; ask for less, or take this one"
        )


def prune(
    weights: str | Path,
    dataroot: Path,
    options: PruneOptions | None = None,
    progress: Progress | None = None,
    measure: Measure | None = None,
) -> Pruned:
    """Take those channels out whose loss costs least for the time that they take here.

    The whole network is measured after every attempt. Where none is as fast as asked, the fastest is
    returned and its `missed` says so.

    Args:
        weights: of the network, see `build_model`.
        dataroot: annotated nuScenes data, to score channels on.
        options: what is asked for.
        progress: told of a step's name, what of it is done and all.
        measure: of a whole network on the device whose results are given; None to believe their layers.

    Raises:
        LssBevError: weights or data cannot be had, or the speedup is out of reach of any widths.
    """
    options = options or PruneOptions()
    tell = progress or (lambda *_: None)
    if options.threads:
        torch.set_num_threads(options.threads)
    if is_multi_sense(weights):
        return _prune_multi_sense(weights, dataroot, options, tell)
    measured = DeviceLatency.read(options.results) if options.results is not None else None
    model = build_model(weights)
    examples = read_examples(dataroot, options.frames, model.config)
    precision = options.chosen_precision
    if options.preset:
        pruned = shrink(model, examples, _unmeasured(options, precision), options, precision, tell)
        pruned.report.update(weights=describe_weights(weights), data=Path(dataroot).name)
        return pruned
    table = measure_latency(
        model.config,
        options.device,
        precision,
        options.multiple,
        lambda done, total: tell("latency of every part", done, total),
    )
    full = model.config.widths.named()
    if measured is not None:
        table = measured.table(table, full)
    if options.target:
        options = replace(options, speedup=_speedup(table, full, options.target))
    pruned = shrink(model, examples, table, options, precision, tell, measure)
    pruned.report.update(weights=describe_weights(weights), data=Path(dataroot).name)
    return pruned


def _speedup(table: LatencyTable, full: dict[str, int], target: float) -> float:
    """How many times faster a network has to become for a latency."""
    now = table.total(full)
    if now <= target:
        raise DeployError(
            f"the network takes {now:.2f} ms on {table.device}, which is within {target:g} ms already"
        )
    return now / target


def _prune_multi_sense(weights: str | Path, dataroot: Path, options: PruneOptions, tell: Progress) -> Pruned:
    """The same of the multi-sense network: its camera trunk and BEV encoder become narrower.

    The report has the scores of every answer before and after.
    """
    if options.results is not None or options.target:
        raise DeployError(
            "figures of another device and a target in ms are for the published network: use --speedup"
        )
    if options.preset:
        raise DeployError(f"preset {options.preset} is of the published network: use --speedup for {weights}")
    model = read_multi_sense(weights)
    precision = options.chosen_precision
    gpu = "fp16" if options.device == "cuda" else precision
    with MultiSenseEngine(copy.deepcopy(model), str(weights), gpu, device=options.device) as engine:
        examples = read_moments(dataroot, options.frames, engine)
        parts = parts_of(engine, usual_moment(random_frames(1).sets[0]))
        fixed = sum(fastest(run, options.device) for name, run in parts.items() if name not in MEASURED)
        before = scores(engine, dataroot, options.frames)
    table = measure_latency(
        model.config.model,
        options.device,
        precision,
        options.multiple,
        lambda done, total: tell("latency of every part", done, total),
        "cameras" in model.config.senses,
        fixed,
    )
    pruned = shrink(model, examples, table, options, precision, tell)
    assert isinstance(pruned.model, MultiSense), pruned.model
    with MultiSenseEngine(copy.deepcopy(pruned.model), "pruned", gpu, device=options.device) as engine:
        after = scores(engine, dataroot, options.frames)
    pruned.report.update(
        weights=describe_weights(weights),
        data=Path(dataroot).name,
        scores={name: [value, after.get(name)] for name, value in before.items()},
    )
    return pruned


def scores(engine: MultiSenseEngine, dataroot: Path, frames: int) -> dict[str, float]:
    """How every answer scores on some keyframes, as `lss-bev evaluate` counts it."""
    grid = voxel_grid(engine)
    score = AnswersScore(grid)
    for moment, known in annotated_moments(dataroot, engine, frames):
        score.update(frame_answers(engine.answer(moment, ANSWERS), grid), known)
    return {name: score.running[name] for name in HEADLINE if name in score.running}


def shrink(
    model: N,
    examples: Sequence[Example],
    table: LatencyTable,
    options: PruneOptions,
    precision: str = "fp32",
    tell: Progress = lambda *_: None,
    measure: Measure | None = None,
) -> Pruned:
    """The part of `prune` that follows once frames are read and latencies measured."""
    # Impossible wishes are said before the minutes that scoring takes.
    every = {name: torch.ones(width) for name, width in sizes_of(model).widths.named().items()}
    if options.preset:
        preset_channels(every, options.preset)
    else:
        flat = {name: ones for name, ones in every.items() if name in _timed(table)}
        allocate(flat, table, options.speedup, options.multiple)
    importance = channel_importance(
        model, examples, lambda done, total: tell("importance of every channel", done, total)
    )
    kept, smaller, speed = _fastest(model, importance, table, options, precision, tell, measure)
    reconstruct(model, smaller, kept, examples, lambda done, total: tell("least squares", done, total))
    before, after = (sizes_of(each).widths.named() for each in (model, smaller))
    report: dict[str, object] = {
        "options": {**asdict(options), "results": options.results and options.results.name},
        "device": table.device,
        "frames": len(examples),
        "parameters": [_parameters(model), _parameters(smaller)],
        "table_ms": [round(table.total(before), 2), round(table.total(after), 2)],
        "measured": asdict(speed),
        "goal_met": speed.speedup >= options.goal,
        "widths": {name: [before[name], after[name]] for name in before},
        "parts": table.rows(before, after),
    }
    return Pruned(smaller, table, speed, options.goal, report)


def _unmeasured(options: PruneOptions, precision: str) -> LatencyTable:
    """A device of which only the whole network's latency is asked."""
    where = f"cpu {precision}, {torch.get_num_threads()} threads"
    return LatencyTable(where if options.device == "cpu" else f"{options.device} fp16", ())


def _fastest(
    model: N,
    importance: Mapping[str, torch.Tensor],
    table: LatencyTable,
    options: PruneOptions,
    precision: str,
    tell: Progress,
    measure: Measure | None,
) -> tuple[dict[str, torch.Tensor], N, Speed]:
    """The preset, or the first network that is as fast as asked when it runs whole, or the fastest of all."""
    if options.preset:
        kept = preset_channels(importance, options.preset)
        smaller = narrow(model, {**kept, **_head(model)})
        tell("the whole network, alternating", 0, 1)
        return kept, smaller, compare_speed(model, smaller, precision, device=options.device)
    goal, best = options.speedup, None
    for attempt in range(ATTEMPTS):
        try:
            kept = allocate(importance, table, goal, options.multiple)
        except DeployError:
            if best is None:
                raise
            break  # The table has nothing more to give; what was measured stands.
        smaller = narrow(model, {**kept, **_head(model)})
        if table.elsewhere:
            before, after = (table.total(sizes_of(each).widths.named()) for each in (model, smaller))
            if measure is None:
                return kept, smaller, Speed(before, after, before / after)
            tell("the whole network, on the device", attempt, ATTEMPTS)
            assert isinstance(smaller, LiftSplatShoot), "results of another device are of no other network"
            after = measure(smaller)
            speed = Speed(before, after, before / after)
        else:
            tell("the whole network, alternating", attempt, ATTEMPTS)
            speed = compare_speed(model, smaller, precision, device=options.device)
        if best is None or speed.speedup > best[2].speedup:
            best = kept, smaller, speed
        if speed.speedup >= options.speedup:
            break
        goal *= 1.02 * options.speedup / speed.speedup
    assert best is not None  # ATTEMPTS is at least 1.
    return best


def _timed(table: LatencyTable) -> set[str]:
    return {name for part in table.parts for name in part.widths}


def _head(model: N) -> dict[str, torch.Tensor]:
    """The first few channels of the head."""
    widths = sizes_of(model).widths
    return {
        "head.0": torch.arange(min(HEAD, widths.head[0])),
        "classes.0": torch.arange(min(HEAD, widths.classes[0])),
    }


def _parameters(model: torch.nn.Module) -> int:
    """Parameters that run."""
    unused = ("trunk._conv_head.", "trunk._bn1.", "trunk._fc.")
    return sum(p.numel() for name, p in model.named_parameters() if not any(part in name for part in unused))
