"""What is good enough: a threshold for each metric that has one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import EvaluationError

_AT_MOST = frozenset({"lidar_contradiction"})


@dataclass(frozen=True)
class Thresholds:
    """The value that each metric must reach; None or NaN asks nothing of it.

    All are lower bounds but lidar_contradiction, which must not be exceeded.
    """

    iou: float | None = 0.45
    precision: float | None = 0.75
    recall: float | None = 0.80
    f1: float | None = 0.77
    near_iou: float | None = 0.50
    iou_0_10: float | None = 0.60
    iou_10_20: float | None = 0.50
    iou_20_30: float | None = 0.45
    iou_30_50: float | None = None
    lidar_support: float | None = None
    lidar_contradiction: float | None = None
    lidar_recall: float | None = None

    def __post_init__(self) -> None:
        for name, value in self.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
                raise EvaluationError(f"threshold {name} is {value!r}; it must be between 0 and 1")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the metrics that can have a threshold."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_mapping(cls, values: Mapping[str, float | None]) -> Thresholds:
        """The defaults with some replaced; EvaluationError names an unknown metric."""
        unknown = sorted(set(values) - set(cls.names()))
        if unknown:
            raise EvaluationError(
                f"no metric {unknown[0]!r} has a threshold; choose among {', '.join(cls.names())}"
            )
        return cls(**values)

    def items(self) -> list[tuple[str, float]]:
        """Name and value of the thresholds that ask something."""
        pairs = ((name, getattr(self, name)) for name in self.names())
        return [
            (name, value)
            for name, value in pairs
            if value is not None and not (isinstance(value, float) and math.isnan(value))
        ]

    def judge(self, metrics: Mapping[str, float]) -> list[Verdict]:
        """Compare metrics with their thresholds; one not measured (absent or NaN) is neither good nor bad."""
        verdicts = []
        for name, bound in self.items():
            value = float(metrics.get(name, math.nan))
            good = value <= bound if name in _AT_MOST else value >= bound
            verdicts.append(Verdict(name, value, float(bound), None if math.isnan(value) else good))
        return verdicts


@dataclass(frozen=True)
class Verdict:
    """One metric against its threshold.

    Attributes:
        metric: name.
        value: as measured, NaN where it was not.
        threshold: what was asked.
        passed: None where nothing was measured.
    """

    metric: str
    value: float
    threshold: float
    passed: bool | None
