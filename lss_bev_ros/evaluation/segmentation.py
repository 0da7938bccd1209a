"""Scores of several layers of one grid: each against its own truth, by distance, and their mean.

| name | meaning |
|---|---|
| miou | mean IoU of the layers that are measured; of lines it is that within a cell |
| iou_drivable, iou_drivable_0_10 ... | of a layer, whole and by distance from base_link |
| precision_drivable, recall_drivable | of a layer |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid
from ..geometry.classes import LINES, SEGMENTS
from .lanes import BoundaryScore
from .metrics import DISTANCE_EDGES, AnnotationScore
from .occupancy import mean_of_known

AREAS = tuple(name for name in SEGMENTS if name not in LINES)

_KEPT = ("iou", "precision", "recall")


class SegmentationScore:
    """Scores layers frame by frame: areas as vehicles are scored, lines within a cell."""

    def __init__(
        self,
        grid: BevGrid | None = None,
        areas: Sequence[str] = AREAS,
        lines: Sequence[str] = LINES,
        thresholds: Mapping[str, float] | None = None,
        tolerance: int = 1,
        edges: Sequence[float] = DISTANCE_EDGES,
    ) -> None:
        """Prepare.

        Args:
            grid: cells of all layers; LSS's where not given.
            areas: names of layers whose cells are right or wrong.
            lines: names of layers whose cells may be to the side.
            thresholds: probability from which a cell of a layer is predicted, where it is not 0.5.
            tolerance: cells that lines may be to the side.
            edges: of the distance bins of areas, metres.
        """
        self.grid = grid or BevGrid()
        thresholds = dict(thresholds or {})
        unknown = sorted(set(thresholds) - {*areas, *lines})
        if unknown:
            raise EvaluationError(
                f"no layer {unknown[0]!r} is scored; choose among {', '.join((*areas, *lines))}"
            )
        self._layers: dict[str, AnnotationScore | BoundaryScore] = {
            name: AnnotationScore(self.grid, thresholds.get(name, 0.5), edges=edges) for name in areas
        }
        for name in lines:
            self._layers[name] = BoundaryScore(self.grid, thresholds.get(name, 0.5), tolerance)
        self._last: tuple[str, ...] = ()
        self.frames = 0

    @property
    def names(self) -> frozenset[str]:
        """The layers that are scored."""
        return frozenset(self._layers)

    def reset(self) -> None:
        """Forget all frames."""
        for layer in self._layers.values():
            layer.reset()
        self._last = ()
        self.frames = 0

    def merge(self, later: SegmentationScore) -> None:
        """Count the frames of a score of the same layers too, as if they came after these."""
        for mine, theirs in zip(self._layers.values(), later._layers.values(), strict=True):
            mine.merge(theirs)  # type: ignore[arg-type]  # layers of one name are of one kind
        if later.frames:
            self._last = later._last
            self.frames += later.frames

    def update(
        self,
        occupancies: Mapping[str, np.ndarray],
        truths: Mapping[str, np.ndarray],
        known: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            occupancies: layer name to (nx, ny) integers, -1 unknown, 0 to 100 percent.
            truths: layer name to (nx, ny) bool; a layer that either lacks is not scored.
            known: layer name to (nx, ny) bool where its truth is known, for layers of which that is not
                everywhere.

        Returns:
            The frame's metrics by name.
        """
        unknown = sorted({*occupancies, *truths} - set(self._layers))
        if unknown:
            raise EvaluationError(
                f"no layer {unknown[0]!r} is scored; choose among {', '.join(self._layers)}"
            )
        scored = [name for name in self._layers if name in occupancies and name in truths]
        for name in scored:
            self._layers[name].update(occupancies[name], truths[name], (known or {}).get(name))
        self._last = tuple(scored)
        self.frames += 1
        return self.last

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame by name."""
        return _joined({name: self._layers[name].last for name in self._last}) if self.frames else {}

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name."""
        return _joined({name: layer.running for name, layer in self._layers.items() if layer.frames})


def _joined(layers: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    metrics = {"miou": mean_of_known([layer["iou"] for layer in layers.values()])}
    for name, layer in layers.items():
        for metric, value in layer.items():
            if metric in _KEPT:
                metrics[f"{metric}_{name}"] = value
            elif metric.startswith("iou_"):
                metrics[f"iou_{name}_{metric.removeprefix('iou_')}"] = value
    return metrics
