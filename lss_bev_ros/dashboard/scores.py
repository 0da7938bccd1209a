"""The evaluation table: metrics against their thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict

TITLES = {
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "near_iou": "IoU, near weighted",
    "iou_0_10": "IoU 0 to 10 m",
    "iou_10_20": "IoU 10 to 20 m",
    "iou_20_30": "IoU 20 to 30 m",
    "iou_30_50": "IoU 30 to 50 m",
    "lidar_support": "LiDAR supports",
    "lidar_contradiction": "LiDAR contradicts",
    "lidar_recall": "LiDAR recall",
    "lidar_observed": "LiDAR observed",
    "accuracy": "Accuracy",
    "predicted_positive_rate": "Predicted positive",
    "actual_positive_rate": "Actual positive",
    "false_positive_rate": "False positive",
    "coverage": "Coverage",
}
"""The metrics that come first in the page, in its order, and their titles. Any other follows by its name."""

_COUNTS = ("frames", "skipped")
_NO_METRICS = ("min_", "max_", "missing_")
"""What else the status `metrics` holds: counts, bounds, and frames that lacked something."""


def _title(name: str) -> str:
    return TITLES.get(name) or name.replace("_", " ").capitalize()


class ScoreRow(TypedDict):
    """One metric against its threshold; what is not known is None."""

    name: str
    title: str
    running: float | None
    last: float | None
    threshold: float | None
    bound: str | None
    passed: bool | None
    last_passed: bool | None


class ScoreTable(TypedDict):
    """The evaluation table; `passed` is None where nothing was judged."""

    frames: int
    passed: bool | None
    metrics: list[ScoreRow]


def score_table(running: Mapping[str, str], last: Mapping[str, str]) -> ScoreTable:
    """Metrics against the thresholds that the evaluation node publishes.

    Args:
        running: values of its status `metrics`: a metric's value by its name, and `min_<metric>` or
            `max_<metric>` where there is a bound.
        last: values of its status `last frame`.

    Returns:
        `frames` scored, `passed` (None where nothing was judged) and `metrics`: a list of `name`, `title`,
        `running`, `last`, `threshold`, `bound` ("min" or "max"), `passed` and `last_passed`.
    """
    rows: list[ScoreRow] = []
    others = [
        name for name in running if name not in (*TITLES, *_COUNTS) and not name.startswith(_NO_METRICS)
    ]
    for name in (*TITLES, *others):
        value, newest = number(running.get(name)), number(last.get(name))
        bound = "max" if f"max_{name}" in running else "min"
        threshold = number(running.get(f"{bound}_{name}"))
        if value is None and newest is None and threshold is None:
            continue
        rows.append(
            {
                "name": name,
                "title": _title(name),
                "running": value,
                "last": newest,
                "threshold": threshold,
                "bound": bound if threshold is not None else None,
                "passed": _judge(value, threshold, bound),
                "last_passed": _judge(newest, threshold, bound),
            }
        )
    judged = [row["passed"] for row in rows if row["passed"] is not None]
    frames = number(running.get("frames"))
    return {
        "frames": int(frames) if frames is not None else 0,
        "passed": all(judged) if judged else None,
        "metrics": rows,
    }


def _judge(value: float | None, threshold: float | None, bound: str) -> bool | None:
    if value is None or threshold is None:
        return None
    return value <= threshold if bound == "max" else value >= threshold


def number(text: str | None) -> float | None:
    """A finite number in a text, None where there is none."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
