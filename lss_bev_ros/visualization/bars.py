"""Bar chart of how long the modes of a benchmark take, and line charts of how costs grow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import palette

WIDTH = 1200
ROW = 34
LABEL = 300
MARGIN = 40
COLORS = (
    (94, 201, 255),
    (250, 142, 82),
    (64, 224, 190),
    (205, 66, 104),
    (250, 204, 92),
    (150, 120, 255),
    (96, 211, 148),
    (150, 158, 170),
)


def time_bars(
    stages: Mapping[str, Mapping[str, float]], totals: Mapping[str, float], title: str, subtitle: str = ""
) -> np.ndarray:
    """Draw one bar a mode, its stages side by side.

    Where the slowest mode takes over 20 times as long as the fastest, lengths are logarithmic: then bars have
    one colour, since parts of a logarithm do not add up.

    Args:
        stages: mode to stage to milliseconds.
        totals: mode to milliseconds.
        title: above the chart.
        subtitle: below the title.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    names = list(dict.fromkeys(stage for mode in stages.values() for stage in mode))
    top = 110
    page = Image.new("RGB", (WIDTH, top + ROW * len(totals) + 80), palette.PAGE)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, 36), title, palette.TEXT, _font(24), anchor="lm")
    draw.text((MARGIN, 70), subtitle, palette.TEXT_DIM, _font(16), anchor="lm")
    most, least = max(totals.values()), min(totals.values())
    logarithmic = most > 20 * least
    room = WIDTH - LABEL - 2 * MARGIN - 90

    def length(value: float) -> float:
        if logarithmic:
            return room * (math.log(value / least) + 0.5) / (math.log(most / least) + 0.5)
        return room * value / most

    for row, (mode, total) in enumerate(totals.items()):
        y = top + row * ROW
        draw.text((MARGIN + LABEL - 12, y + ROW / 2), mode, palette.TEXT, _font(16), anchor="rm")
        x = float(MARGIN + LABEL)
        end = x + length(total)
        draw.rectangle((x, y + 5, end, y + ROW - 5), fill=COLORS[0] if logarithmic else COLORS[-1])
        if not logarithmic:
            for name, value in stages[mode].items():
                right = min(x + length(value), end)
                if right > x:
                    draw.rectangle((x, y + 5, right, y + ROW - 5), fill=_color(names, name))
                x = right
        text = f"{total:.3g} ms" if total < 1e3 else f"{total / 1e3:.3g} s"
        draw.text((end + 8, y + ROW / 2), text, palette.TEXT, _font(16), anchor="lm")
    foot = top + ROW * len(totals) + 36
    if logarithmic:
        draw.text((MARGIN + LABEL, foot), "logarithmic", palette.TEXT_DIM, _font(15), anchor="lm")
    else:
        _legend(draw, names, foot)
    return np.asarray(page).copy()


def growth_charts(studies: Mapping[str, Mapping[str, Any]], title: str) -> np.ndarray:
    """Draw, side by side, how each stage grows with one size.

    Args:
        studies: name of the size to `size`, its values, `stages`, stage to milliseconds at each of them, and
            `fits`, stage to `r2` and more of a straight line.
        title: above the charts.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    side, gap = 330, 90
    page = Image.new("RGB", (gap + (side + gap) * len(studies), side + 230), palette.PAGE)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, 36), title, palette.TEXT, _font(24), anchor="lm")
    names = list(dict.fromkeys(name for study in studies.values() for name in study["stages"]))
    for place, (label, study) in enumerate(studies.items()):
        left, top = gap + place * (side + gap), 80
        sizes = study["size"]
        most = max(max(values) for values in study["stages"].values()) or 1.0
        draw.rectangle((left, top, left + side, top + side), outline=palette.TEXT_DIM)
        for name, values in study["stages"].items():
            points = [
                (left + side * x / max(sizes), top + side - side * 0.95 * y / most)
                for x, y in zip(sizes, values, strict=True)
            ]
            draw.line(points, _color(names, name), 3)
            for x, y in points:
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_color(names, name))
        r2 = study["fits"]["total"]["r2"]
        draw.text((left + side / 2, top + side + 44), label, palette.TEXT, _font(17), anchor="mm")
        note = f"total: straight line, R2 {r2:.3f}"
        draw.text((left + side / 2, top + side + 68), note, palette.TEXT_DIM, _font(15), anchor="mm")
        draw.text((left - 8, top + side * 0.05), f"{most:.3g}", palette.TEXT_DIM, _font(14), anchor="rm")
        draw.text((left - 8, top + side), "0 ms", palette.TEXT_DIM, _font(14), anchor="rm")
        for x in (sizes[0], sizes[-1]):
            at = left + side * x / max(sizes)
            draw.text((at, top + side + 16), f"{x:,}", palette.TEXT_DIM, _font(14), anchor="mm")
    _legend(draw, names, side + 190)
    return np.asarray(page).copy()


def _legend(draw: ImageDraw.ImageDraw, names: Sequence[str], y: float) -> None:
    x = float(MARGIN)
    for name in names:
        draw.rectangle((x, y - 7, x + 14, y + 7), fill=_color(names, name))
        text = name.replace("_", " ")
        draw.text((x + 20, y), text, palette.TEXT, _font(15), anchor="lm")
        x += 46 + draw.textlength(text, _font(15))


def _color(names: Sequence[str], name: str) -> palette.Color:
    return COLORS[names.index(name) % len(COLORS)]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
