"""A benchmark's report as a file and as a table."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.table import Table

from ...errors import LssBevError

STAGES = ("decode", "preprocess", "geometry", "camera_encoder", "splat", "bev_encoder")


def write_report(report: dict[str, Any], output: Path) -> None:
    """Write a report as JSON, whole or not at all.

    Raises:
        LssBevError: it cannot be written there.
    """
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(report, indent=2) + "\n")
        os.replace(partial, output)
    except OSError as error:
        raise LssBevError(
            f"cannot write {output}: {error.strerror or error}; choose another --output"
        ) from error


def benchmark_table(report: dict[str, Any]) -> Table:
    """One column a mode: stage medians, total, ratio to the reference and the error of its logits."""
    machine, configuration = report["machine"], report["configuration"]
    table = Table(
        title=f"{configuration['cameras']} cameras to BEV on {machine['processor']}, "
        f"{machine['torch_threads']} threads, {configuration['repetitions']} runs in turns",
        title_justify="left",
        caption=f"milliseconds, medians; splat within {report['splat_error']:.1e} of the naive sum; "
        f"peak memory {report['peak_memory_mib']:.0f} MiB; load average at the start "
        f"{machine['load_average']:.1f}; weights: {configuration['weights']}",
        caption_justify="left",
    )
    modes = report["modes"]
    table.add_column("")
    for name in modes:
        table.add_column(name, justify="right")
    for stage in STAGES:
        medians = [mode["median_ms"].get(stage) for mode in modes.values()]
        table.add_row(
            stage.replace("_", " "), *("" if value is None else f"{value:.1f}" for value in medians)
        )
    table.add_section()
    table.add_row("total", *(f"{mode['median_ms']['total']:.1f}" for mode in modes.values()), style="bold")
    table.add_row("total, p95", *(f"{mode['p95_ms']['total']:.1f}" for mode in modes.values()))
    table.add_row("speedup", *(f"{mode['speedup']:.2f}x" for mode in modes.values()), style="bold")
    table.add_row("largest logit error", *(f"{mode['logit_error_max']:.1e}" for mode in modes.values()))
    return table
