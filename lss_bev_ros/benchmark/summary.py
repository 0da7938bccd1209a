"""From single runs to what a report says of each mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..evaluation.frames import BenchmarkFrames
from ..model import ModelConfig
from ..runtime.field_of_view import visible_cells
from .modes import Mode
from .turns import quantiles, times_faster


@dataclass
class Turn:
    """What one turn of a mode took, milliseconds a run.

    Attributes:
        totals: wall time.
        processor: processor time of the whole process.
        stages: stage to time, of the runs in which stages were marked.
    """

    totals: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)


class Summary:
    """Collects turns and logits.

    Args:
        frames: that the modes run, in order.
        config: of the network.
    """

    def __init__(self, frames: BenchmarkFrames, config: ModelConfig):
        self._truth = np.stack(frames.truth) if frames.truth else None
        self._visible = np.stack(
            [visible_cells(frame.rig.subset(frame.images), config) for frame in frames.sets]
        )
        self._logits: dict[str, list[np.ndarray]] = {}
        self._turns: dict[str, dict[int, Turn]] = {}
        self._calibration: dict[str, list[float]] = {}
        self._exact: np.ndarray | None = None

    def keep_logits(self, mode: str, logits: np.ndarray) -> None:
        """Note what a mode says of the next frame."""
        self._logits.setdefault(mode, []).append(np.array(logits, dtype=np.float32))

    def kept(self, mode: str) -> list[np.ndarray] | None:
        """What was noted of a mode."""
        return self._logits.get(mode)

    def keep_exact(self, logits: Sequence[np.ndarray]) -> None:
        """Note what the published network says in float32, a map a frame."""
        self._exact = np.stack(logits)

    def add_calibration(self, mode: str, cost: float) -> None:
        """Note how many milliseconds longer a mode took because the calibration was new."""
        self._calibration.setdefault(mode, []).append(cost)

    def add(self, mode: str, repetition: int, turn: Turn) -> None:
        """Note a turn."""
        self._turns.setdefault(mode, {})[repetition] = turn

    def report(self, modes: Sequence[Mode]) -> dict[str, dict[str, object]]:
        """Everything by mode, compared with the reference on the same device, else with the first one."""
        references = [mode for mode in modes if mode.name.startswith("reference")]
        return {
            mode.name: self._times(mode.name)
            | {"about": mode.about, "device": mode.device, "network": mode.network}
            | self._scores(self._logits[mode.name])
            | self._compared(mode, references)
            | self._against_float32(mode.name)
            | self._recalibration(mode.name)
            for mode in modes
        }

    def _times(self, name: str) -> dict[str, object]:
        turns = self._turns[name].values()
        marked = [run for turn in turns for run in turn.stages]
        columns = {
            stage: [run[stage] for run in marked if stage in run] for stage in marked[0] if stage != "total"
        }
        columns["total"] = [total for turn in turns for total in turn.totals]
        found = {stage: quantiles(column) for stage, column in columns.items()}
        report: dict[str, Any] = {
            key: {stage: values[key] for stage, values in found.items() if key in values}
            for key in found["total"]
        }
        return report | {
            "runs": len(columns["total"]),
            "fps": 1e3 / report["median_ms"]["total"],
            "processor_ms": float(np.median([time for turn in turns for time in turn.processor])),
        }

    def _scores(self, logits: Sequence[np.ndarray]) -> dict[str, float | None]:
        """IoU over all frames' cells, as the evaluation counts them: what no camera sees is not predicted."""
        if self._truth is None:
            return {"iou": None}
        predicted = (np.stack(logits) >= 0) & self._visible
        union = (predicted | self._truth).sum()
        return {"iou": float((predicted & self._truth).sum() / union) if union else None}

    def _compared(self, mode: Mode, references: Sequence[Mode]) -> dict[str, object]:
        if not references:
            return {}
        reference = next((other for other in references if other.device == mode.device), references[0])
        ours, theirs = np.stack(self._logits[mode.name]), np.stack(self._logits[reference.name])
        error = np.abs(ours - theirs)
        return {
            "compared_with": reference.name,
            "speedup": self._ratio(reference.name, mode.name, "totals"),
            "processor_speedup": self._ratio(reference.name, mode.name, "processor"),
            "logit_error_max": float(error.max()),
            "logit_error_mean": float(error.mean()),
            "iou_with_reference": _agreement(ours, theirs),
        }

    def _against_float32(self, name: str) -> dict[str, object]:
        """How far logits are from those of the published network in float32, and what that does to IoU."""
        if self._exact is None:
            return {}
        ours, exact = np.stack(self._logits[name]), self._exact
        error = np.abs(ours - exact)
        found: dict[str, object] = {
            "float32_error_max": float(error.max()),
            "float32_error_mean": float(error.mean()),
            "float32_agreement": _agreement(ours, exact),
        }
        here, there = self._scores(list(ours))["iou"], self._scores(list(exact))["iou"]
        return found if here is None or there is None else found | {"float32_iou_change": here - there}

    def _recalibration(self, name: str) -> dict[str, object]:
        costs = self._calibration.get(name)
        return {} if not costs else {"calibration_ms": max(float(np.median(costs)), 0.0)}

    def _ratio(self, slow: str, fast: str, column: str) -> float:
        """Median of the ratios turn by turn, so that a slow moment of the machine counts on both sides."""
        shared = self._turns[slow].keys() & self._turns[fast].keys()
        medians = (
            [np.median(getattr(self._turns[mode][turn], column)) for turn in shared] for mode in (slow, fast)
        )
        return times_faster(*medians)


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """IoU of the cells that two sets of logits call occupied."""
    # Weights that see no vehicle make no cell positive at one half; half of the cells pass the median.
    level = 0.0 if (theirs >= 0).any() else float(np.median(theirs))
    both, either = (ours >= level) & (theirs >= level), (ours >= level) | (theirs >= level)
    return float(both.sum() / max(either.sum(), 1))
