"""A run's state on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from .. import files
from ..errors import TrainingError

AVERAGE = "average.safetensors"
"""Averaged weights in the folder of a multi-sense run."""


def save_checkpoint(path: Path, state: dict[str, object]) -> None:
    """Write so that a reader finds either the old file or the new one.

    Raises:
        TrainingError: it cannot be written there.
    """
    content = io.BytesIO()  # given a file, PyTorch hides the disk's error behind a RuntimeError of its own
    torch.save(state, content)
    files.write(path, content.getvalue(), TrainingError, "free the space")


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `save_checkpoint` wrote.

    Raises:
        TrainingError: no such file, or not a run's state.
    """
    if not path.is_file():
        raise TrainingError(f"no run to resume at {path}: leave --resume out to start one")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise TrainingError(f"{path} is damaged or not a training checkpoint: start a new run") from error
    missing = {"model", "average", "optimizer", "step", "elapsed"} - set(state)
    if missing:
        raise TrainingError(
            f"{path} lacks {', '.join(sorted(missing))}: it holds weights, not a run to resume"
        )
    return state


def next_world(out: Path) -> int:
    """Number of the first synthetic world that the run in a folder has not drawn, as rank 0 knows it.

    Raises:
        TrainingError: see `load_checkpoint`.
    """
    return int(load_checkpoint(out / "last.pt").get("world", 0))
