"""What quantisation cost, for the terminal."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from .quantizing import QuantizedNetwork

MOST = 8
"""Layers that are listed, the most sensitive first."""


def quantize_table(result: QuantizedNetwork) -> Table:
    """Choices of float layers with their loss, the most sensitive layers, and latency."""
    table = Table(title=f"{result.path.name}", title_justify="left")
    table.add_column("", overflow="fold")
    for column in ("IoU", "logit error", "ms"):
        table.add_column(column, justify="right")
    kind = result.report["precision"]
    times = [np.median(row) for row in result.milliseconds] if result.milliseconds.size else [None, None]
    table.add_row("fp32", _number(result.iou, ".4f"), "", _number(times[0], ".1f"))
    for trial in result.trials:
        last = trial is result.trials[-1]
        name = f"{kind}, {len(trial.floating)} of {result.report['layers']} convolutions in float"
        table.add_row(
            name, _number(trial.iou, ".4f"), f"{trial.error:.4f}", _number(times[1] if last else None, ".1f")
        )
    if result.milliseconds.size:
        table.add_row("times faster, alternating", "", "", f"{result.report['speedup']:.2f}")
    before, after = result.report["scores_fp32"], result.trials[-1].scores
    assert isinstance(before, dict), before
    for name in before if len(before) > 1 else ():
        table.add_row(f"{name}, fp32 and {kind}", f"{before[name]:.4f}", f"{after.get(name, 0.0):.4f}", "")
    if result.errors:
        table.add_section()
        for layer in sorted(result.errors, key=result.errors.__getitem__, reverse=True)[:MOST]:
            table.add_row(f"{layer} alone", "", f"{result.errors[layer]:.4f}", "")
    return table


def _number(value: float | None, form: str) -> str:
    return "" if value is None or np.isnan(value) else format(value, form)
