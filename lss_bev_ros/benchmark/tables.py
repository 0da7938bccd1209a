"""Opening tables as large as v1.0-trainval's: this package's reader against nuscenes-devkit's, in one run.

`python -m lss_bev_ros.benchmark.tables FOLDER` writes the tables into FOLDER where they are not there yet
(3 GB), and opens them with each reader in turn, in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .large_tables import VERSION, TableSizes, write_large_tables

SUBJECTS = ("devkit", "cold", "warm")
"""nuscenes-devkit; this package's reader at the first opening; the same with the index that this left."""


def compare_readers(root: Path, turns: int = 1) -> dict[str, list[dict[str, float]]]:
    """Open the tables with each reader.

    Args:
        root: data root with tables of `write_large_tables`.
        turns: how often, every reader in every turn.

    Returns:
        Subject to one measurement a turn: `seconds` to open, `processor_seconds`, `mebibytes` of all
        processes together at their peaks, `scene_seconds` for the first scene's keyframes after that.
        A reader that cannot run here is not in it.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as cache:
            for subject in SUBJECTS:
                done = subprocess.run(
                    [sys.executable, "-m", f"{__package__}.tables", str(root), "--subject", subject],
                    env={**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": os.pathsep.join(sys.path)},
                    stdout=subprocess.PIPE,
                    text=True,
                )
                if done.returncode == 0:
                    found.setdefault(subject, []).append(json.loads(done.stdout.splitlines()[-1]))
    return found


def _measure(root: Path, subject: str) -> dict[str, float]:
    if subject == "devkit":
        from nuscenes.nuscenes import NuScenes as Reader

        def opened() -> Any:
            return Reader(VERSION, str(root), verbose=False)
    else:
        from ..dataset import NuScenesReader

        def opened() -> Any:
            return NuScenesReader(root, VERSION)

    wall, processor = time.perf_counter(), _processor()
    reader = opened()
    result = {"seconds": time.perf_counter() - wall, "processor_seconds": _processor() - processor}
    # What was open at once: this process, and the child that read the tables, at their peaks.
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result["mebibytes"] = sum(peaks) / 1024
    if subject != "devkit":
        wall = time.perf_counter()
        list(reader.keyframes(reader.scenes[0]))
        result["scene_seconds"] = time.perf_counter() - wall
    return result


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the tables, compare the readers and print a table."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}.tables", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the tables")
    parser.add_argument("--scenes", type=int, default=TableSizes().scenes, help="fewer make smaller tables")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.subject:
        print(json.dumps(_measure(given.folder, given.subject)))
        return
    if not (given.folder / VERSION / "scene.json").is_file():  # the last one that is written
        write_large_tables(given.folder, TableSizes().scaled(given.scenes))
    found = compare_readers(given.folder, given.turns)
    table = Table(
        "reader", "opens in, s", "processor, s", "memory, MiB", "a scene, s", "times faster", "of the memory"
    )
    for turn in range(given.turns):
        for subject, measured in found.items():
            one, devkit = measured[turn], found.get("devkit", [{}] * given.turns)[turn]
            ratios = ("", "")
            if devkit and subject != "devkit":
                faster, part = devkit["seconds"] / one["seconds"], one["mebibytes"] / devkit["mebibytes"]
                ratios = (f"{faster:.1f}", f"1/{1 / part:.1f}")
            numbers = [
                one.get(name) for name in ("seconds", "processor_seconds", "mebibytes", "scene_seconds")
            ]
            table.add_row(
                subject,
                *("" if n is None else f"{n:.3g}" if n < 100 else f"{n:.0f}" for n in numbers),
                *ratios,
            )
    Console().print(table)


if __name__ == "__main__":
    main()
