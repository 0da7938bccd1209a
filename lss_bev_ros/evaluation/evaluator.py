"""Scores predictions one by one, against annotations and against LiDAR, and reports on all of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import EvaluationError
from ..files import to_json
from ..geometry import BevGrid, Box, vehicle_raster
from .agreement import LidarScore
from .lidar import LidarGrid, LidarReference
from .metrics import AnnotationScore
from .report import REPORT_VERSION, write_report
from .thresholds import Thresholds, Verdict

_FRAMES_KEPT = 10_000
"""Frames whose scores a report lists, the newest ones, where nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class FrameScore:
    """What one prediction scored.

    Attributes:
        stamp: nanoseconds, of the prediction.
        metrics: name to value, of this frame; without annotations or scan those of that reference are absent.
        lidar: the scan on the grid, None without a scan.
        latency_ms: from image to prediction, None where not given.
    """

    stamp: int
    metrics: Mapping[str, float]
    lidar: LidarGrid | None = None
    latency_ms: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


class Evaluator:
    """Composes the two references. A node and `evaluate_dataset` use this class, so their numbers agree."""

    def __init__(
        self,
        grid: BevGrid | None = None,
        threshold: float = 0.5,
        thresholds: Thresholds | None = None,
        annotation: AnnotationScore | None = None,
        reference: LidarReference | None = None,
        frames_kept: int = _FRAMES_KEPT,
    ) -> None:
        """Prepare for a grid.

        Args:
            grid: cells of the predictions; LSS's grid where not given.
            threshold: probability from which a cell is predicted, to 1; 0 for each frame's own, see
                `metrics.own_percent`.
            thresholds: what the metrics must reach.
            annotation: score against annotations, where its parameters differ from the defaults.
            reference: LiDAR reference, where its parameters differ from the defaults.
            frames_kept: newest frames whose own scores a report lists; the running scores are of all.
        """
        self.frames_kept = frames_kept
        self.grid = grid or BevGrid()
        self.threshold = threshold
        self.thresholds = thresholds or Thresholds()
        self.annotation = annotation or AnnotationScore(self.grid, threshold)
        self.reference = reference or LidarReference(self.grid)
        self.agreement = LidarScore(self.grid, threshold)
        for name, part in (("annotation", self.annotation), ("reference", self.reference)):
            if part.grid != self.grid:
                raise EvaluationError(f"{name} is for {part.grid}, but the predictions are on {self.grid}")
        if self.annotation.threshold != threshold:
            raise EvaluationError(f"annotation has threshold {self.annotation.threshold}, not {threshold}")
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self.annotation.reset()
        self.agreement.reset()
        self.frames = 0
        self.scores: deque[FrameScore] = deque(maxlen=self.frames_kept)
        self.missing: Counter[str] = Counter()

    def update(
        self,
        stamp: int,
        occupancy: np.ndarray,
        truth: np.ndarray | None = None,
        boxes: Iterable[Box] | None = None,
        scan: tuple[np.ndarray, np.ndarray] | None = None,
        latency_ms: float | None = None,
        **facts: object,
    ) -> FrameScore:
        """Score one prediction.

        Args:
            stamp: nanoseconds, of the prediction.
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
            truth: (nx, ny) bool, annotated vehicles at that time, None where there are none to be had.
            boxes: annotations in base_link to make `truth` from, where that is not given.
            scan: LiDAR points (N, 3 or more) in base_link and the LiDAR's place (3,) there, metres; None
                without a scan. One without a return counts as none.
            latency_ms: from image to prediction, milliseconds.
            facts: anything that the report should list with the frame, such as the scene.
        """
        if truth is None and boxes is not None:
            truth = vehicle_raster(boxes, self.grid)
        if truth is not None:
            truth = np.asarray(truth, dtype=bool)
        metrics: dict[str, float] = {}
        lidar = None
        if truth is None:
            self.missing["annotations"] += 1
        else:
            metrics.update(self.annotation.update(occupancy, truth))
        if scan is not None:
            lidar = self.reference.observe(*scan)
            if not len(lidar.points):  # a scan without a return has seen nothing
                lidar = None
        if lidar is None:
            self.missing["lidar"] += 1
        else:
            metrics.update(self.agreement.update(occupancy, lidar, truth))
        self.frames += 1
        score = FrameScore(int(stamp), metrics, lidar, latency_ms, facts)
        # The grid of a scan is large; the list of past frames needs the numbers only.
        self.scores.append(FrameScore(score.stamp, metrics, None, latency_ms, facts))
        return score

    def miss(self, what: str, count: int = 1) -> None:
        """Note that something was not there to score, such as `images` or `predictions`."""
        self.missing[what] += count

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames since the start, NaN where nothing was measured."""
        return {**self.annotation.running, **self.agreement.running}

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame; empty before the first, and without what was missing from it."""
        return dict(self.scores[-1].metrics) if self.scores else {}

    @property
    def verdicts(self) -> list[Verdict]:
        """Running metrics against their thresholds."""
        return self.thresholds.judge(self.running)

    @property
    def last_verdicts(self) -> list[Verdict]:
        """The newest frame's metrics against their thresholds."""
        return self.thresholds.judge(self.last)

    def report(self, **facts: object) -> dict[str, object]:
        """Everything measured so far, as JSON has it.

        Args:
            facts: what was evaluated, such as `data={...}` and `engine={...}`; listed as it is.
        """
        verdicts = self.verdicts
        judged = [verdict.passed for verdict in verdicts if verdict.passed is not None]
        report = {
            "report_version": REPORT_VERSION,
            **facts,
            "frames": {
                "evaluated": self.frames,
                "with_annotations": self.annotation.frames,
                "with_lidar": self.agreement.frames,
                "missing": dict(self.missing),
            },
            "metrics": {"running": self.running, "last_frame": self.last},
            "thresholds": [
                {
                    "metric": running.metric,
                    "threshold": running.threshold,
                    "running": running.value,
                    "running_passed": running.passed,
                    "last_frame": last.value,
                    "last_frame_passed": last.passed,
                }
                for running, last in zip(verdicts, self.last_verdicts, strict=True)
            ],
            "passed": all(judged) if judged else None,
            "latency_ms": _latency(self.scores),
            "parameters": self._parameters(),
            "per_frame": [
                {"stamp": score.stamp, **score.facts, "latency_ms": score.latency_ms, **score.metrics}
                for score in self.scores
            ],
        }
        return {name: to_json(value) for name, value in report.items()}

    def write(self, path: str | Path, **facts: object) -> Path:
        """Write the report to a file, whole or not at all."""
        return write_report(path, self.report(**facts))

    def _parameters(self) -> dict[str, object]:
        grid, annotation, reference = self.grid, self.annotation, self.reference
        return {
            "threshold": self.threshold,
            "grid": {
                "x": [grid.x_min, grid.x_max],
                "y": [grid.y_min, grid.y_max],
                "resolution": grid.resolution,
                "cells": list(grid.shape),
            },
            "near_radius": annotation.near_radius,
            "near_weight": annotation.near_weight,
            "distance_edges": list(annotation.edges),
            "lidar": {
                "min_height": reference.min_height,
                "max_height": reference.max_height,
                "free_height": reference.free_height,
                "min_returns": reference.min_returns,
            },
        }


def _latency(scores: Iterable[FrameScore]) -> dict[str, float] | None:
    """Mean and 95th percentile of the frames that have a latency, None where none has."""
    values = [score.latency_ms for score in scores if score.latency_ms is not None]
    if not values:
        return None
    return {"frames": len(values), "mean": float(np.mean(values)), "p95": float(np.percentile(values, 95))}
