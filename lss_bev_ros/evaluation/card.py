"""A model card's table of scores, written from evaluation reports, so that nobody copies a figure by hand.

    lss-bev evaluate data/test --split test --weights builtin-multi -o report.json
    python -m lss_bev_ros.evaluation.card report.json lss_bev_ros/model/builtin/MODEL_CARD_MULTI.md

What stands between the two marks in the card is replaced.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..errors import EvaluationError
from .answers import TOLD

BEGIN = "<!-- scores: written by python -m lss_bev_ros.evaluation.card -->"
END = "<!-- end of the scores -->"

MEANINGS = {
    "layers.iou_vehicle": "vehicles with a LiDAR point, IoU",
    "layers.iou_drivable": "drivable, IoU",
    "layers.iou_crossing": "crossings, IoU",
    "layers.iou_road_boundary": "road boundary, IoU within a cell",
    "boxes.map": "boxes, mAP",
    "boxes.map_present": "boxes, mAP of the classes that are there",
    "boxes.nds": "boxes, NDS",
    "boxes.mave": "boxes, velocity error, m/s",
    "boxes.maae": "boxes, attribute error",
    "voxels.miou": "voxels, mIoU",
    "rays.rayiou": "voxels, RayIoU",
    "lane_boundary.f1": "lane boundaries, F1",
    "road_boundary.f1": "road boundaries, F1",
    "lane_boundary.chamfer": "lane boundaries, Chamfer distance, m",
    "road_boundary.chamfer": "road boundaries, Chamfer distance, m",
    "plan.top_1": "plan, the best of 1000 templates first",
    "plan.top_5": "plan, among the first 5",
    "plan.top_20": "plan, among the first 20",
    "plan.ade_3": "plan, mean distance over 3 s, m",
    "plan.constant_ade_3": "constant velocity, the same",
    "plan.min_ade_5": "plan, the best of 5, m",
    "plan.min_ade_20": "plan, the best of 20, m",
    "plan.collision_3": "plan, collisions in 3 s",
    "plan.constant_collision_3": "constant velocity, the same",
    "plan.off_road": "plan, off the road",
    "prompts.iou_known": "words, IoU of known kinds at their best threshold",
    "prompts.iou_unknown": "words, the same of kinds held out",
    "prompts.iou_at_known": "words, IoU of known kinds at 0.5",
    "prompts.iou_at_unknown": "words, the same of kinds held out",
    "prompts.synonyms": "words, synonyms right, of text alone",
}
"""Metrics in words."""


def score_tables(report: Mapping[str, Any]) -> str:
    """The scores of a report as Markdown.

    Args:
        report: of `lss-bev evaluate` with the weights of a multi-sense network.

    Raises:
        EvaluationError: it has no scores for settings of the senses.
    """
    settings = report.get("settings")
    if not settings:
        raise EvaluationError(
            "the report has no scores of a multi-sense network: write it with `lss-bev evaluate DATAROOT "
            "--weights builtin-multi -o report.json`"
        )
    engine, frames = report.get("engine", {}), report["frames"]["evaluated"]
    scenes = len(report.get("data", {}).get("scenes", ()))
    lines = [
        f"{frames} keyframes of {scenes} scene{'s' * (scenes != 1)}, backend "
        f"{engine.get('backend', 'unknown')}.",
        "",
        f"| | {' | '.join(settings)} |",
        f"|---|{'---|' * len(settings)}",
    ]
    for name in TOLD:
        values = [metrics.get(name) for metrics in settings.values()]
        if any(value is not None for value in values):
            lines.append(f"| {MEANINGS.get(name, name)} | {' | '.join(map(_number, values))} |")
    spoiled = report.get("robustness")
    if spoiled:
        headline = [name for name in spoiled["headline"] if name in spoiled["rows"][0]["metrics"]]
        lines += [
            "",
            f"What is left of the scores where sensors fail, {spoiled['frames']} keyframes, all senses:",
            "",
            f"| | {' | '.join(MEANINGS.get(name, name) for name in headline)} |",
            f"|---|{'---|' * len(headline)}",
        ]
        for row in spoiled["rows"]:
            cells = [_cell(row, name) for name in headline]
            lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_card(report: Path, card: Path) -> None:
    """Replace what stands between the marks of a card by the scores of a report.

    Raises:
        EvaluationError: a file cannot be read or written, the report is damaged, or the card lacks the marks.
    """
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
        text = card.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"cannot read {report} and {card} ({error}): give a report and a card"
        ) from None
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise EvaluationError(f"{card} lacks the lines {BEGIN!r} and {END!r}: put them where the table goes")
    try:
        tables = score_tables(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{report} is no report, or damaged ({type(error).__name__}: {error}): write it anew with "
            "`lss-bev evaluate`"
        ) from None
    whole = f"{before}{BEGIN}\n{tables}\n{END}{after}"
    files.write(card, whole, EvaluationError)


def _cell(row: Mapping[str, Any], name: str) -> str:
    value, share = row["metrics"].get(name), row["relative"].get(name)
    shown = _number(value)
    return shown if share is None or math.isnan(share) else f"{shown} ({share:.0%})"


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a card's table; 1 where that cannot be done."""
    parser = argparse.ArgumentParser(description="Write a report's scores into a model card.")
    parser.add_argument("report", type=Path, help="of `lss-bev evaluate`")
    parser.add_argument("card", type=Path, help="Markdown file with the marks")
    given = parser.parse_args(arguments)
    try:
        write_card(given.report, given.card)
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
