"""A short run from given weights, for a network that was changed after training: pruned, say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch

from ..model import LiftSplatShoot
from .config import TrainingConfig
from .training_run import SYNTHETIC, train

RATE = 3e-4
"""Highest learning rate where none is given: a tenth or so of what a network from scratch takes."""


def fine_tune(
    model: LiftSplatShoot,
    out: Path | str,
    config: TrainingConfig | None = None,
    data: str = SYNTHETIC,
    version: str = "",
    workers: int = 0,
    device: str = "auto",
    message: Callable[[str], None] | None = None,
    teacher: LiftSplatShoot | None = None,
) -> tuple[LiftSplatShoot, dict[str, float]]:
    """Train a model further.

    Args:
        model: of any layer widths; left as it is.
        out: folder of the run; `average.pt` and `validation_counts.npy` in it are what `publish` reads.
        config: the recipe; `config.seconds` or `config.steps` ends it. By default 5 minutes at `RATE`.
        data: as for `train`, as are the next four.
        version: of the nuScenes root.
        workers: processes that draw worlds.
        device: `auto`, `cpu` or `cuda`.
        message: takes lines for the user.
        teacher: a network whose predictions are learned too: the one that the model was pruned from.

    Returns:
        The model with the averaged weights, on the CPU and ready for use, and the last validation's scores.

    Raises:
        TrainingError, DatasetError: the run cannot start.
    """
    config = config or TrainingConfig(seconds=300.0, rate=RATE, warm_up=100, average=0.995)
    scores = train(
        out,
        data,
        config,
        version,
        workers,
        device=device,
        message=message,
        model=copy.deepcopy(model),
        teacher=teacher,
    )
    tuned = copy.deepcopy(model).cpu().float()
    state = torch.load(Path(out) / "average.pt", map_location="cpu", weights_only=True)
    tuned.load_state_dict(state)
    return tuned.eval(), scores
