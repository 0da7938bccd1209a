"""What a run says of itself as it goes: its logs, and lines for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from .log import RunLog
from .monitor import UtilisationMonitor

TRAIN_FIELDS = (
    "step",
    "seconds",
    "samples",
    "loss",
    "iou",
    "depth_loss",
    "gradient",
    "rate",
    "trained_per_s",
    "drawn",
    "drawn_per_s",
    "gpu_percent",
)
VALIDATION_FIELDS = (
    "step",
    "seconds",
    "iou",
    "near_iou",
    "precision",
    "recall",
    "best_iou",
    "best_threshold",
    "ece",
    "nll",
)

Watch = Callable[[dict[str, float]], None]


class Journal:
    """The two logs of a run, `train.csv` and `validation.csv`, and how busy its GPU is; rank 0 alone writes.

    Args:
        out: folder of the run.
        device: whose use is logged.
        rank: of this process.
        step: that the run goes on from; 0 begins the logs anew.
        message: takes a line for the user.
        watch: takes each log line's figures and the run's `progress`, 0 to 1.
        train_fields: columns of `train.csv`.
        validations: columns of each log of validations, by its name.
    """

    def __init__(
        self,
        out: Path,
        device: torch.device,
        rank: int,
        step: int,
        message: Callable[[str], None],
        watch: Watch,
        train_fields: tuple[str, ...] = TRAIN_FIELDS,
        validations: Mapping[str, tuple[str, ...]] | None = None,
    ):
        self._message, self._watch = message, watch
        self._monitor = UtilisationMonitor(device)
        self._writes = rank == 0
        if self._writes:
            keep = step or None
            self._train = RunLog(out, "train", train_fields, keep)
            validations = validations or {"validation": VALIDATION_FIELDS}
            self._validations = {
                name: RunLog(out, name, wanted, keep) for name, wanted in validations.items()
            }

    def trained(self, row: Mapping[str, float], progress: float) -> None:
        """Log the figures of a training step."""
        if self._writes:
            row = {**row, "gpu_percent": self._monitor.take()}
            self._train.write(row)
            self._watch(row | {"progress": progress})

    def validated(self, step: int, seconds: float, scores: Mapping[str, float]) -> None:
        """Log the scores of a validation."""
        if self._writes:
            self.scored("validation", step, seconds, scores)
            self._message(
                f"step {step} validation IoU {scores['iou']:.4f} within 20 m {scores['near_iou']:.4f} best "
                f"{scores['best_iou']:.4f} at {scores['best_threshold']:.2f} ECE {scores['ece']:.4f}"
            )

    def scored(self, name: str, step: int, seconds: float, scores: Mapping[str, float]) -> None:
        """Log scores in one of the logs of validations, and say nothing."""
        if self._writes:
            self._validations[name].write({"step": step, "seconds": seconds, **scores})

    def close(self) -> None:
        """Stop watching the GPU."""
        self._monitor.close()
