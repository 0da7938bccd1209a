"""Peak memory of each mode, in a process that runs nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.frames import BenchmarkFrames
from .saved_frames import load_frames, save_frames

if TYPE_CHECKING:
    from .options import BenchmarkOptions

_TIMEOUT = 300.0
_RUNS = 3


def memory_of(
    frames: BenchmarkFrames, wanted: Sequence[str], options: BenchmarkOptions
) -> dict[str, dict[str, float]]:
    """Run each mode by itself.

    Returns:
        Mode to `process`, its largest resident memory, and on a GPU `gpu`, the most that PyTorch reserved
        there, MiB. A mode that does not run by itself is not in it.
    """
    from .modes import REFERENCES, usual_choices

    words = []
    for word in wanted:
        name, _, detail = word.partition(":")
        if name == "serial":
            continue
        known = [detail] if detail else [""] if name in REFERENCES else usual_choices(name)
        words += [f"{name}:{precision}" if precision else name for precision in known]
    one = BenchmarkFrames(frames.source, frames.sets[:1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npz"
        save_frames(one, path)
        found: dict[str, dict[str, float]] = {}
        for word in words:
            found |= _measure(path, word, options)
        return found


def _measure(path: Path, word: str, options: BenchmarkOptions) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", __name__, str(path), word, options.weights, str(options.threads)]
    package = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return {}


def main(path: str, word: str, weights: str, threads: str) -> None:
    """Run one mode a few times and print its memory as JSON."""
    import torch

    from ..model import build_model
    from .machine import peak_memory
    from .modes import open_modes

    if int(threads):
        torch.set_num_threads(int(threads))
    frames = load_frames(Path(path))
    opened = open_modes([word], lambda: build_model(weights), weights, frames.sets, int(threads))
    if not opened.modes:
        print(json.dumps({}))
        return
    mode = opened.modes[-1]
    for _ in range(_RUNS):
        mode.run(0, False)
    memory = {"process": peak_memory()}
    if mode.device == "cuda":
        memory["gpu"] = torch.cuda.max_memory_reserved() / 2**20
    opened.close()
    print(json.dumps({mode.name.removesuffix(" from JPEG"): memory}))


if __name__ == "__main__":
    main(*sys.argv[1:])
