"""This tree beside another one, in one run: the modes that both have, and their inference nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ..errors import LssBevError
from ..evaluation.frames import BenchmarkFrames
from .experiment import BURST_MOST, BURST_MS, WARM_UP
from .modes import mode_names
from .options import BenchmarkOptions
from .other_tree import Tree, TreeWorker
from .report import milliseconds
from .saved_frames import save_frames
from .turns import quantiles, rotated


def benchmark_against(
    frames: BenchmarkFrames,
    tree: Tree,
    options: BenchmarkOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Run the modes of this tree and of another one by turns, each tree in a process of its own.

    The trees alternate frame by frame, and which of them begins moves on by one every turn; who waits sleeps.

    Args:
        frames: to go round.
        tree: the other one.
        options: `modes`, `weights`, `threads` and `repetitions` count.
        progress: told of turns done and all.

    Returns:
        `modes`: for each that both have, `here` and `there` with `median_ms` and its like and
        `processor_ms`; `ratio` and `processor_ratio`, medians over turns of here / there;
        `largest_difference` of a logit. `skipped`: mode to reason. `versions` of the two.

    Raises:
        LssBevError: a tree's code does not run, or no mode is in both.
    """
    words = tuple(options.modes or mode_names())
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        path = Path(folder) / "frames.npz"
        save_frames(frames, path)
        workers = [
            stack.enter_context(TreeWorker(each, path, words, options.weights, options.threads))
            for each in (tree, Tree.here())
        ]
        there, here = workers
        both = [name for name in here.modes if name in there.modes]
        skipped = {name: f"here: {why}" for name, why in here.skipped.items()}
        skipped |= {name: f"there: {why}" for name, why in there.skipped.items()}
        for one, other, where in ((here, there, "there"), (there, here, "here")):
            unknown = [name for name in one.modes if name not in other.modes and name not in skipped]
            skipped |= dict.fromkeys(unknown, f"{where}: it is unknown")
        if not both:
            reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items()) or "none was named"
            raise LssBevError(f"no mode runs both here and in {tree.path}: {reasons}")
        modes = _take_turns(both, (here, there), len(frames.sets), options.repetitions, progress)
        return {
            "modes": modes,
            "skipped": skipped,
            "versions": {"here": here.version, "there": there.version},
        }


def _take_turns(
    modes: Sequence[str],
    workers: tuple[TreeWorker, TreeWorker],
    frames: int,
    repetitions: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    largest, bursts = {}, {}
    for name in modes:
        maps = [[worker.logits(name, frame) for frame in range(frames)] for worker in workers]
        largest[name] = float(max(np.abs(a - b).max() for a, b in zip(*maps, strict=True)))
        fastest = min(min(worker.run(name, 0, WARM_UP)[0]) for worker in workers)
        bursts[name] = min(BURST_MOST, max(1, round(BURST_MS / fastest)))
    # mode -> tree -> turn -> runs
    wall: dict[str, list[list[list[float]]]] = {name: [[], []] for name in modes}
    used: dict[str, list[list[list[float]]]] = {name: [[], []] for name in modes}
    for turn in range(repetitions):
        for name in rotated(modes, turn):
            for which in rotated((0, 1), turn):
                runs = bursts[name] + (bursts[name] > 1)
                times, processor = workers[which].run(name, turn % frames, runs)
                wall[name][which].append(times[-bursts[name] :])
                used[name][which].append(processor[-bursts[name] :])
        progress(turn + 1, repetitions)
    return {
        name: {
            label: {
                **quantiles([time for turn in wall[name][which] for time in turn]),
                "processor_ms": float(np.median([time for turn in used[name][which] for time in turn])),
            }
            for which, label in enumerate(("here", "there"))
        }
        | {
            "ratio": _ratio(wall[name]),
            "processor_ratio": _ratio(used[name]),
            "largest_difference": largest[name],
            "runs": repetitions * bursts[name],
        }
        for name in modes
    }


def _ratio(turns: Sequence[Sequence[Sequence[float]]]) -> float:
    """Median over turns of the first tree's time by the second's."""
    here, there = (np.array([np.median(runs) for runs in each]) for each in turns)
    return float(np.median(here / np.maximum(there, 1e-6)))


def against_table(report: dict[str, Any]) -> Table:
    """The modes that both trees have, a row each."""
    versions = report["versions"]
    table = Table(
        title=f"this tree ({versions['here']}) against another ({versions['there']}), "
        f"medians; ratios turn by turn, below 1: this one takes less",
        title_justify="left",
    )
    table.add_column("mode")
    columns = ("here, ms", "there, ms", "ratio", "p99 here", "p99 there", "processor here", "there", "ratio")
    for column in (*columns, "largest difference of a logit"):
        table.add_column(column, justify="right")
    for name, mode in report["modes"].items():
        here, there = mode["here"], mode["there"]
        table.add_row(
            name,
            milliseconds(here["median_ms"]),
            milliseconds(there["median_ms"]),
            f"{mode['ratio']:.2f}",
            milliseconds(here["p99_ms"]),
            milliseconds(there["p99_ms"]),
            milliseconds(here["processor_ms"]),
            milliseconds(there["processor_ms"]),
            f"{mode['processor_ratio']:.2f}",
            f"{mode['largest_difference']:.1e}",
        )
    return table
