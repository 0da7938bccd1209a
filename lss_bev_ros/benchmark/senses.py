"""What each part of the multi-sense network costs, and all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from ..dataset import NuScenesReader
from ..errors import DatasetError, LssBevError, RuntimeBackendError
from ..evaluation.moments import moments
from ..images import decode
from ..model import describe_weights
from ..runtime import create_engine
from ..runtime.backends import REGISTRY
from ..runtime.multi_sense.answers import ANSWERS
from ..runtime.multi_sense.engine import MultiSenseEngine
from ..runtime.multi_sense.memory import MemoryKeeper
from ..runtime.multi_sense.moment import Moment
from .machine import describe_code, describe_machine
from .modes import backend_choices
from .progress import Progress, part_of
from .report import milliseconds
from .turns import WARM_UP, Turns, quantiles

SETTINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vehicles from cameras": (("cameras",), ("segmentation",)),
    "all from cameras": (("cameras",), tuple(ANSWERS)),
    "all from LiDAR": (("lidar",), tuple(ANSWERS)),
    "all from both, with memory": (("cameras", "lidar", "memory"), tuple(ANSWERS)),
}
"""What is measured whole: senses and answers."""


def benchmark_senses(
    dataroot: Path,
    count: int,
    modes: Sequence[str] = (),
    weights: str = "builtin-multi",
    repetitions: int = 20,
    threads: int = 0,
    commit: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure the parts of each backend alone, and whole moments in each setting of the senses.

    Args:
        dataroot: of keyframes, nuScenes.
        count: keyframes, the first ones of it, since memory wants them consecutive.
        modes: backends, with or without `:precision`; all that run here where empty.
        weights: of the network, or an exported file.
        repetitions: rounds that count.
        threads: CPU threads; 0 leaves them alone.
        commit: of the code, where it lies in no checkout.
        progress: told of rounds done and all.

    Returns:
        The report, ready for JSON: `engines`, each with `parts` and `settings`, and `skipped`.

    Raises:
        LssBevError: no such mode, or none can run.
        DatasetError: no keyframe can be read.
    """
    machine = describe_machine()
    engines: dict[str, MultiSenseEngine] = {}
    skipped: dict[str, str] = {}
    choices = [("auto", "auto")] if Path(weights).suffix == ".onnx" else backend_choices(modes)
    for backend, precision in choices:
        problem = REGISTRY[backend].unusable() if backend in REGISTRY else None
        try:
            if problem is not None:
                raise RuntimeBackendError(problem)
            engine = create_engine(backend, weights, threads, precision)
            assert isinstance(engine, MultiSenseEngine), engine
            engines[engine.name] = engine
        except LssBevError as error:
            skipped[backend if precision == "auto" else f"{backend}:{precision}"] = str(error)
    if not engines:
        raise LssBevError(f"no backend runs here: {'; '.join(skipped.values())}")
    found = {}
    try:
        recorded = _moments(dataroot, count)
        for place, (name, engine) in enumerate(engines.items()):
            told = part_of(progress, place, len(engines))
            found[name] = _engine_report(engine, recorded, repetitions, told)
    finally:
        for engine in engines.values():
            engine.close()
    return {
        "machine": machine,
        "code": describe_code(commit),
        "configuration": {
            "data": f"the first {count} keyframes of {dataroot.name}",
            "weights": describe_weights(weights),
            "repetitions": repetitions,
        },
        "engines": found,
        "skipped": skipped,
    }


def senses_tables(report: dict[str, Any]) -> list[Table]:
    """The parts, and whole moments, a column an engine."""
    engines = report["engines"]
    tables = []
    titles = {"parts": "parts alone, median ms", "settings": "decoded images to answers, median ms"}
    for key, title in titles.items():
        rows = dict.fromkeys(row for each in engines.values() for row in each[key])
        if not rows:
            continue
        table = Table(title=title, title_justify="left", caption=report["configuration"]["data"])
        table.add_column("")
        for name in engines:
            table.add_column(name, justify="right")
        for row in rows:
            cells = (each[key].get(row, {}).get("median_ms") for each in engines.values())
            table.add_row(row, *map(milliseconds, cells))
        tables.append(table)
    return tables


@dataclass(frozen=True, eq=False)
class _Known:
    """A moment, and what is remembered of the one before it."""

    moment: Moment
    memory: MemoryKeeper


def _engine_report(
    engine: MultiSenseEngine,
    recorded: Sequence[Moment],
    repetitions: int,
    progress: Progress,
) -> dict[str, Any]:
    there = set(engine.config.senses)
    settings = {name: each for name, each in SETTINGS.items() if set(each[0]) <= there}
    known = _remembering(engine, recorded)
    parts = {} if engine.whole else engine.parts(known[0].moment)
    turns, whole = Turns(len(parts), WARM_UP), Turns(len(settings), WARM_UP)
    for number in range(repetitions):
        if parts:
            turns.round([partial(_finished, run) for run in parts.values()])
        asked = partial(_answered, engine, known[number % len(known)])
        whole.round([partial(_finished, partial(asked, *each)) for each in settings.values()])
        progress(number + 1, repetitions)
    return {
        "reason": engine.reason,
        "parts": {
            name: quantiles(list(times)) for name, times in zip(parts, turns.milliseconds, strict=True)
        },
        "settings": {
            name: quantiles(list(times)) for name, times in zip(settings, whole.milliseconds, strict=True)
        },
    }


def _moments(dataroot: Path, count: int) -> list[Moment]:
    """The first keyframes of the first scene, decoded."""
    reader = NuScenesReader(dataroot, version="")
    frames = (keyframe for scene in reader.scenes[:1] for keyframe in reader.keyframes(scene))
    found = []
    for _, moment in moments(islice(frames, count)):
        cameras = moment.cameras
        if cameras is not None:
            images = {
                name: decode(image) for name, image in cameras.images.items() if isinstance(image, bytes)
            }
            cameras = replace(cameras, images={**cameras.images, **images})
        found.append(replace(moment, cameras=cameras))
    if not found:
        raise DatasetError(f"{dataroot} has no keyframe: make one with `lss-bev synthesize {dataroot}`")
    return found


def _remembering(engine: MultiSenseEngine, recorded: Sequence[Moment]) -> list[_Known]:
    """Each moment but the first with a memory of the one before; that one alone where there is no other."""
    found = []
    for before, moment in pairwise(recorded):
        engine.memory = MemoryKeeper()
        engine.answer(before, ())
        found.append(_Known(moment, engine.memory))
    return found or [_Known(recorded[0], MemoryKeeper())]


def _answered(
    engine: MultiSenseEngine, known: _Known, senses: Sequence[str], wanted: Sequence[str]
) -> object:
    engine.memory = known.memory
    return engine.answer(known.moment, wanted, senses)


def _finished(run: Callable[[], object]) -> object:
    """Run, and wait for the device where there is one."""
    result = run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result
