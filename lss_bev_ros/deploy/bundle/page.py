"""The report of a device as a page: one file with its plots, to be looked at and sent."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .check import DeviceResult

STYLE = (
    "body{font:15px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg{max-width:100%}pre{white-space:pre-wrap}"
)
WIDTH, HEIGHT, ROW, LABEL = 720, 180, 20, 330
BARS = 40
LAYERS = 30
"""Layers that are drawn, the slowest."""


def device_page(
    results: Sequence[DeviceResult], device: Mapping[str, Any], problems: Mapping[str, str]
) -> str:
    """Everything that `lss-bev bundle check` knows, as HTML without anything from elsewhere.

    Args:
        results: of `check_bundle`.
        device: likewise.
        problems: by the model's name what is beyond a tolerance.
    """
    parts = ["<h1>Bundle on a device</h1>", _summary(results)]
    for result in results:
        parts.append(f"<h2>{html.escape(result.name)}</h2>")
        if problem := problems.get(result.name):
            parts.append(f"<p><b>{html.escape(problem)}</b></p>")
        lines = (result.runtime, result.loading, result.conditions)
        parts.extend(f"<p>{html.escape(line)}</p>" for line in lines if line)
        if len(result.times):
            parts += ["<h3>Latency of each run, ms</h3>", histogram(result.times, result.percentiles)]
        if result.heads:
            errors = {name: 1.0 - each.cosine for name, each in sorted(result.heads.items())}
            parts += ["<h3>1 - cosine to PyTorch in fp32, by head</h3>", bars(errors, "{:.1e}")]
        if layers := result.report.get("layers_ms"):
            slowest = dict(sorted(layers.items(), key=lambda item: -item[1])[:LAYERS])
            title = (
                f"Layers, ms: the {len(slowest)} slowest of {len(layers)}, {sum(layers.values()):.2f} in all"
            )
            parts += [f"<h3>{title}</h3>", bars(slowest, "{:.3f}")]
    told = "\n".join(f"{name:14}{value}" for name, value in device.items())
    parts += ["<h2>What the device says of itself</h2>", f"<pre>{html.escape(told)}</pre>"]
    head = f"<!doctype html><meta charset=utf-8><title>Bundle on a device</title><style>{STYLE}</style>"
    return head + "\n".join(parts) + "\n"


def _summary(results: Sequence[DeviceResult]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.percentiles))
    head = ("model", "precision", "IoU", "IoU at home", "same cells", *(f"{name}, ms" for name in names))
    rows = []
    for result in results:
        known = result.percentiles
        cells = [
            result.name,
            result.precision,
            f"{result.iou:.4f}",
            f"{result.home_iou:.4f}",
            f"{result.agreement:.2%}",
            *(f"{known[name]:.2f}" if name in known else "" for name in names),
        ]
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f"<table><tr>{heads}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def histogram(times: np.ndarray, marks: Mapping[str, float]) -> str:
    """How many runs took how long, as SVG, with lines at some percentiles."""
    low, high = float(times.min()), float(times.max())
    span = (high - low) or 1e-3
    counts, _ = np.histogram(times, bins=BARS, range=(low, low + span))
    most, width = int(counts.max()), WIDTH / BARS
    drawn = [
        f'<rect x="{index * width:.1f}" y="{HEIGHT - HEIGHT * count / most:.1f}" width="{width - 1:.1f}" '
        f'height="{HEIGHT * count / most:.1f}" fill="#4a90d9"/>'
        for index, count in enumerate(counts)
        if count
    ]
    for place, (name, value) in enumerate(marks.items()):
        x = min(max((value - low) / span, 0.0), 1.0) * WIDTH
        anchor = "end" if x > WIDTH / 2 else "start"
        drawn.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}" stroke="#c33"/>')
        drawn.append(
            f'<text x="{x:.1f}" y="{14 + 16 * place}" text-anchor="{anchor}" font-size="13">'
            f"{html.escape(name)} {value:.2f}</text>"
        )
    drawn.append(f'<text x="0" y="{HEIGHT + 16}" font-size="13">{low:.2f}</text>')
    drawn.append(f'<text x="{WIDTH}" y="{HEIGHT + 16}" font-size="13" text-anchor="end">{high:.2f}</text>')
    return _svg(HEIGHT + 24, drawn)


def bars(values: Mapping[str, float], form: str) -> str:
    """A bar for each value, as SVG."""
    most = max((value for value in values.values() if np.isfinite(value)), default=0.0) or 1.0
    drawn = []
    for place, (name, value) in enumerate(values.items()):
        y = place * ROW
        length = max((WIDTH - LABEL - 80) * (value / most if np.isfinite(value) else 1.0), 0.0)
        shown = name if len(name) <= 48 else name[:47] + "…"
        drawn.append(
            f'<text x="{LABEL - 6}" y="{y + 14}" font-size="12" text-anchor="end">{html.escape(shown)}</text>'
            f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="#4a90d9"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 14}" font-size="12">{form.format(value)}</text>'
        )
    return _svg(ROW * len(values), drawn)


def _svg(height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">' + "".join(drawn) + "</svg>"
    )
