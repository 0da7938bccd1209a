"""What was taken out is learned back, as far as the rest can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import nn

from ...model import LiftSplatShoot, build_model
from ...training import TrainingConfig, fine_tune
from ...training.publish import LAST, fit_sharpness


def tune(
    model: LiftSplatShoot,
    weights: str | Path,
    out: Path,
    minutes: float,
    data: str = "synthetic",
    rate: float = 1e-3,
    batch: int = 32,
    message: Callable[[str], None] | None = None,
) -> tuple[LiftSplatShoot, dict[str, float]]:
    """Fine-tune a pruned network, taught by the one it was made from, and rescale its logits as `publish`.

    Args:
        model: pruned; left as it is.
        weights: of the network before pruning.
        out: folder of the run.
        minutes: of training.
        data: `synthetic` or a nuScenes root.
        rate: highest learning rate.
        batch: samples a step.
        message: takes lines for the user.

    Returns:
        The network, and the last validation's scores.
    """
    config = TrainingConfig(seconds=60 * minutes, rate=rate, batch=batch, warm_up=100, average=0.995)
    tuned, scores = fine_tune(model, out, config, data, message=message, teacher=build_model(weights))
    return rescaled(tuned, np.load(out / "validation_counts.npy")), scores


def rescaled(model: LiftSplatShoot, counts: np.ndarray) -> LiftSplatShoot:
    """Fold scale and shift of the logits into the last layer, so that one half is the best threshold.

    Args:
        model: changed in place.
        counts: (2, 2, BINS) of its validation.
    """
    scale, shift = fit_sharpness(counts)
    last = model.get_submodule(LAST)
    assert isinstance(last, nn.Conv2d), last
    assert last.bias is not None, last
    last.weight.data.mul_(scale)
    last.bias.data.mul_(scale).add_(shift)
    return model
