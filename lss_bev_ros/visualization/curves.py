"""Reliability diagram and precision-recall curve of a study, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import palette

SIDE = 480
MARGIN = 70
LINE = (94, 201, 255)


def study_curves(study: Mapping[str, Any]) -> np.ndarray:
    """Draw what `Study.report` holds.

    Args:
        study: its `reliability` and `curve`.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    page = Image.new("RGB", (2 * (SIDE + MARGIN) + MARGIN, SIDE + 2 * MARGIN), palette.PAGE)
    draw = ImageDraw.Draw(page)
    reliability = [(row["predicted"], row["observed"]) for row in study["reliability"]]
    left = (MARGIN, MARGIN)
    _axes(draw, left, "Reliability", "predicted probability", "share of vehicle cells")
    _line(draw, left, [(0.0, 0.0), (1.0, 1.0)], palette.TEXT_DIM, 1)
    _line(draw, left, reliability, LINE, 3)
    for point in reliability:
        x, y = _at(left, point)
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=LINE)
    rows = [row for row in study["curve"] if _measured(row["precision"], row["recall"])]
    right = (2 * MARGIN + SIDE, MARGIN)
    _axes(draw, right, "Precision and recall", "recall", "precision")
    _line(draw, right, [(r["recall"], r["precision"]) for r in rows], LINE, 3)
    best = study["vehicles_with_lidar"]["best"]
    if _measured(best["precision"], best["recall"], best["iou"]):
        x, y = _at(right, (best["recall"], best["precision"]))
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), outline=tuple(palette.TRUTH), width=3)
        label = f"best IoU {best['iou']:.3f} at {best['threshold']:.2f}"
        draw.text((x - 12, y + 14), label, tuple(palette.TEXT), _font(16), anchor="rm")
    for corner, drawn in ((left, reliability), (right, rows)):
        if not drawn:
            draw.text(_at(corner, (0.5, 0.5)), "nothing to score", palette.TEXT_DIM, _font(18), anchor="mm")
    return np.asarray(page).copy()


def _measured(*values: float | None) -> bool:
    return all(value is not None and not np.isnan(value) for value in values)


def _at(corner: tuple[int, int], point: Sequence[float]) -> tuple[float, float]:
    return corner[0] + point[0] * SIDE, corner[1] + (1 - point[1]) * SIDE


def _line(draw: ImageDraw.ImageDraw, corner: tuple[int, int], points: Sequence, color, width: int) -> None:
    if len(points) > 1:
        draw.line([_at(corner, point) for point in points], tuple(color), width)


def _axes(draw: ImageDraw.ImageDraw, corner: tuple[int, int], title: str, across: str, up: str) -> None:
    left, top = corner
    draw.rectangle((left, top, left + SIDE, top + SIDE), outline=tuple(palette.TEXT_DIM))
    draw.text((left, top - 28), title, tuple(palette.TEXT), _font(22), anchor="lm")
    draw.text((left + SIDE / 2, top + SIDE + 46), across, tuple(palette.TEXT_DIM), _font(16), anchor="mm")
    draw.text((left + 8, top + 14), up, tuple(palette.TEXT_DIM), _font(16), anchor="lm")
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _at(corner, (tick, tick))
        draw.text((x, top + SIDE + 18), f"{tick:g}", tuple(palette.TEXT_DIM), _font(15), anchor="mm")
        draw.text((left - 10, y), f"{tick:g}", tuple(palette.TEXT_DIM), _font(15), anchor="rm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
