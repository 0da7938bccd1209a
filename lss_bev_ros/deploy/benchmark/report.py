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
    """One row a mode: stage medians, total, ratio to the reference and the error of its logits."""
    machine, configuration = report["machine"], report["configuration"]
    table = Table(
        title=f"{configuration['cameras']} cameras to BEV on {machine['processor']}, "
        f"{machine['torch_threads']} threads, {configuration['repetitions']} runs in turns (ms)",
        caption=f"splat within {report['splat_error']:.1e} of the naive sum; "
        f"peak memory {report['peak_memory_mib']:.0f} MiB; load average at the start "
        f"{machine['load_average']:.1f}; weights: {configuration['weights']}",
    )
    table.add_column("mode")
    for heading in (*STAGES, "median", "p95", "speedup", "logit error"):
        table.add_column(heading.replace("_", " "), justify="right")
    for name, mode in report["modes"].items():
        median = mode["median_ms"]
        table.add_row(
            name,
            *(f"{median[stage]:.1f}" if stage in median else "" for stage in STAGES),
            f"{median['total']:.1f}",
            f"{mode['p95_ms']['total']:.1f}",
            f"{mode['speedup']:.2f}x",
            f"{mode['logit_error_max']:.1e}",
        )
    return table
