"""From a run's averaged weights to the file that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..errors import TrainingError
from ..model import LiftSplatShoot, ModelConfig
from ..model.multi_sense_weights import load_multi_sense, write_multi_sense
from ..model.weights import CONSTANTS, write_weights
from .checkpoint import AVERAGE
from .histogram import CENTERS, expected_calibration_error, scores

LAST = "bevencode.up2.4"
"""The layer whose output is the logit."""


def fit_sharpness(counts: np.ndarray) -> tuple[float, float]:
    """Scale and shift of the logits for weights that ship.

    Trained with a positive weight, one half is near the threshold of the best IoU, but the logits are too
    sure of themselves. Platt's two free parameters would calibrate every probability and move the best
    threshold down to about a third, away from the half that every user starts with. So the shift puts the
    best threshold at one half, and the scale alone is fitted, to the smallest cross entropy.

    Args:
        counts: (2, 2, BINS) of the validation samples.

    Returns:
        a, b: the published logit is a * logit + b.
    """
    best = scores(counts)["best_threshold"]
    middle = float(np.log(best / (1 - best)))
    total = counts.astype(np.float64).sum(0)

    def entropy(a: float) -> float:
        z = a * (CENTERS - middle)
        return float(total[1] @ np.logaddexp(0, -z) + total[0] @ np.logaddexp(0, z))

    scale = min(np.arange(0.3, 1.5, 0.005), key=entropy)
    return float(scale), float(-scale * middle)


def publish(
    state: dict[str, torch.Tensor], counts: np.ndarray, out: Path, facts: dict[str, str]
) -> dict[str, float]:
    """Fold scale and shift of the logits into the last layer and write safetensors in half precision.

    Args:
        state: of the averaged model, `average.pt`.
        counts: `validation_counts.npy` of the same run.
        out: file to write.
        facts: text to put into the file's header.

    Returns:
        The scale and shift, and the expected calibration error on the validation samples before and after.
    """
    a, b = fit_sharpness(counts)
    expected = LiftSplatShoot(ModelConfig()).state_dict()
    if set(state) != set(expected):
        raise TrainingError("these weights are not of the published model: publish the average.pt of a run")
    state = {
        name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in state.items()
    }
    state[f"{LAST}.weight"] = state[f"{LAST}.weight"] * a
    state[f"{LAST}.bias"] = state[f"{LAST}.bias"] * a + b
    constants = {name: expected[name] for name in CONSTANTS}
    write_weights(state | constants, out, facts, TrainingError)
    total = counts.sum(0)
    return {
        "scale": a,
        "shift": b,
        "ece_before": expected_calibration_error(total),
        "ece_after": expected_calibration_error(total, a * CENTERS + b),
    }


def publish_run(run: Path, out: Path) -> dict[str, float]:
    """Publish the averaged weights of a finished run.

    Args:
        run: its folder, with `average.pt` and `validation_counts.npy`, or `average.safetensors`.
        out: file to write.

    Returns:
        See `publish`, and `publish_multi_sense`.

    Raises:
        TrainingError: the run is not finished, or its weights do not fit.
    """
    if (run / AVERAGE).is_file():
        return publish_multi_sense(run, out)
    for name in ("average.pt", "validation_counts.npy"):
        if not (run / name).is_file():
            raise TrainingError(
                f"{run / name} is missing: give the folder of a finished run of lss-bev train"
            )
    state = torch.load(run / "average.pt", map_location="cpu", weights_only=True)
    return publish(state, np.load(run / "validation_counts.npy"), out, {"licence": "Apache-2.0"})


def publish_multi_sense(run: Path, out: Path) -> dict[str, float]:
    """Publish the averaged weights of a multi-sense run as they are: its losses leave nothing to calibrate.

    Args:
        run: its folder, with `average.safetensors`.
        out: file to write.

    Returns:
        Megabytes of the file.

    Raises:
        ModelError: the weights are damaged.
        TrainingError: they cannot be written.
    """
    model = load_multi_sense(run / AVERAGE)
    write_multi_sense(model, out, {"licence": "Apache-2.0"}, TrainingError)
    return {"megabytes": out.stat().st_size / 1e6}
