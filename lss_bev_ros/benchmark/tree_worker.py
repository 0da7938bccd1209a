"""Runs the modes of a tree of this package, one run at a time, when it is told to: JSON, a line each way.

`other_tree` starts this source with whatever version of the package a tree has, so it uses nothing but what
all of them have, under the names that they had. Arguments: FRAMES.npz WEIGHTS THREADS MODE...
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType


def _part(module: str) -> ModuleType:
    """A module of this tree's benchmark, wherever it lies there."""
    try:
        return importlib.import_module(f"lss_bev_ros.benchmark.{module}")
    except ModuleNotFoundError:  # where it lay before
        return importlib.import_module(f"lss_bev_ros.deploy.benchmark.{module}")


def _answer(value: object) -> None:
    print(json.dumps(value), file=sys.__stdout__, flush=True)


def main(path: str, weights: str, threads: str, *words: str) -> None:
    """Open the modes, say which there are, and run them until the input ends."""
    sys.stdout = sys.stderr  # what libraries print is no answer
    import lss_bev_ros
    from lss_bev_ros.errors import LssBevError

    try:
        import torch

        from lss_bev_ros.model import build_model

        modes_there = _part("modes")
        if int(threads):
            torch.set_num_threads(int(threads))
        sets = _part("saved_frames").load_frames(Path(path)).sets
        model = build_model(weights)
        known, skipped = [], {}
        for word in words:
            try:
                modes_there.check_modes((word,))
                known.append(word)
            except LssBevError as error:
                skipped[word] = str(error)
        opened = modes_there.open_modes(known, lambda: model, weights, sets, int(threads))
    except LssBevError as error:
        _answer({"error": str(error)})
        return
    modes = {mode.name: mode for mode in opened.modes}
    assert lss_bev_ros.__file__ is not None, "it is a folder of files"
    _answer(
        {
            "version": getattr(lss_bev_ros, "__version__", ""),
            "package": os.path.dirname(os.path.abspath(lss_bev_ros.__file__)),
            "modes": list(modes),
            "skipped": {**skipped, **opened.skipped},
        }
    )
    for line in sys.stdin:
        name, index, runs, file = json.loads(line)
        logits = None
        times, processor = [], []
        for _ in range(runs):
            began, used = time.perf_counter(), time.process_time()
            logits = modes[name].run(index, False)[0]
            times.append((time.perf_counter() - began) * 1e3)
            processor.append((time.process_time() - used) * 1e3)
        if file and logits is not None:
            logits.astype("float32").tofile(file)
        _answer({"ms": times, "processor_ms": processor})
    opened.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
