"""An evaluation report as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from .answers import TOLD


def report_table(report: Mapping[str, Any]) -> Table:
    """All metrics of a report against their thresholds.

    Args:
        report: as made by `Evaluator.report`.
    """
    frames = report["frames"]["evaluated"]
    engine = report.get("engine", {})
    made_by = f"backend {engine.get('backend', 'unknown')}   weights {engine.get('weights', 'unknown')}"
    table = Table(title=f"{frames} frames scored   {made_by}", title_justify="left")
    table.add_column("metric")
    table.add_column("all frames", justify="right")
    table.add_column("last frame", justify="right")
    table.add_column("threshold", justify="right")
    table.add_column("")
    thresholds = {entry["metric"]: entry for entry in report["thresholds"]}
    last = report["metrics"]["last_frame"]
    for name, value in report["metrics"]["running"].items():
        judged = thresholds.get(name, {})
        passed = judged.get("running_passed")
        verdict = {True: Text("pass", style="green"), False: Text("fail", style="red")}.get(passed, Text(""))
        bound = judged.get("threshold")
        table.add_row(
            name, _metric(value), _metric(last.get(name)), "" if bound is None else f"{bound:.2f}", verdict
        )
    return table


def _metric(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def robustness_table(report: Mapping[str, Any]) -> Table:
    """What `evaluate_robustness` found: scores, and what share of the clean frames' they are."""
    headline = report["headline"]
    table = Table(title=f"{report['frames']} frames, each spoiled in every way", title_justify="left")
    table.add_column("what goes wrong")
    for name in headline:
        table.add_column(name, justify="right")
        table.add_column("of clean", justify="right")
    group = report["rows"][0]["group"]
    for row in report["rows"]:
        if row["group"] != group:
            table.add_section()
            group = row["group"]
        cells = []
        for name in headline:
            share = row["relative"].get(name)
            cells += [_metric(row["metrics"].get(name)), _percent(share)]
        table.add_row(row["name"], *cells)
    return table


def settings_table(settings: Mapping[str, Mapping[str, float]], names: Sequence[str] = TOLD) -> Table:
    """Scores of one network in several settings of its senses, a column each.

    Args:
        settings: name, such as `cameras with memory`, to `AnswersScore.running`.
        names: the metrics, a row each; those that no setting has are left out.
    """
    table = Table()
    table.add_column("metric")
    for name in settings:
        table.add_column(name, justify="right")
    for name in names:
        values = [metrics.get(name) for metrics in settings.values()]
        if any(value is not None for value in values):
            table.add_row(name, *map(_metric, values))
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None or math.isnan(share) else f"{share:.0%}"


def study_table(study: Mapping[str, Any]) -> Table:
    """What `Study.report` found, vehicles with LiDAR returns first."""
    seen, everything = study["vehicles_with_lidar"], study["all_vehicles"]
    table = Table(
        title=f"vehicles with at least {study['min_lidar_points']} LiDAR point", title_justify="left"
    )
    table.add_column("metric")
    table.add_column("with LiDAR", justify="right")
    table.add_column("all annotated", justify="right")
    for name, value in seen.items():
        if name != "best":
            table.add_row(name, _metric(value), _metric(everything.get(name)))
    for part in ("iou", "threshold"):
        table.add_row(f"best {part}", _metric(seen["best"][part]), _metric(everything["best"][part]))
    for name, value in study["visibility"].items():
        table.add_row(name, "", _metric(value))
    return table
