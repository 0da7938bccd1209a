"""A benchmark's report as a file and as a table."""

from __future__ import annotations

from typing import Any

from rich.table import Table

STAGES = (
    "decode",
    "preprocess",
    "upload",
    "geometry",
    "camera_encoder",
    "splat",
    "bev_encoder",
    "network",
    "postprocess",
    "grid",
)
"""Stages in the order of execution; what else an engine reports follows."""


def stages_of(modes: dict[str, Any]) -> list[str]:
    """The stages that any mode has, in order of execution."""
    seen = dict.fromkeys(stage for mode in modes.values() for stage in mode["median_ms"] if stage != "total")
    return [stage for stage in STAGES if stage in seen] + [stage for stage in seen if stage not in STAGES]


def milliseconds(value: float | None) -> str:
    """A time with as many digits as mean something."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def mode_rows(report: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """What tables say of the modes: a label and a cell a mode, the stages and `total` first."""
    modes = report["modes"].values()
    rows = [
        (stage.replace("_", " "), [milliseconds(mode["median_ms"].get(stage)) for mode in modes])
        for stage in stages_of(report["modes"])
    ]

    def row(label: str, value) -> None:
        cells = [value(mode) for mode in modes]
        if any(cells):
            rows.append((label, cells))

    def optional(key: str, form: str, suffix: str = ""):
        return lambda mode: _optional(mode, key, form, suffix)

    row("total, median", lambda mode: milliseconds(mode["median_ms"]["total"]))
    row("total, p95", lambda mode: milliseconds(mode["p95_ms"]["total"]))
    row("total, p99", lambda mode: milliseconds(mode["p99_ms"]["total"]))
    row("total, p99.9", lambda mode: milliseconds(mode.get("p999_ms", {}).get("total")))
    row("runs", lambda mode: str(mode["runs"]))
    row("frames per second", optional("fps", ".1f"))
    row("speedup", optional("speedup", ".2f", "x"))
    row("processor time", lambda mode: milliseconds(mode["processor_ms"]))
    row("speedup in processor time", optional("processor_speedup", ".2f", "x"))
    row("IoU with the annotations", optional("iou", ".4f"))
    row("IoU with the reference", optional("iou_with_reference", ".4f"))
    row("largest difference of a logit", optional("logit_error_max", ".1e"))
    row("largest logit error against float32", optional("float32_error_max", ".1e"))
    row("mean logit error against float32", optional("float32_error_mean", ".1e"))
    row("IoU with float32", optional("float32_agreement", ".4f"))
    row("IoU with the annotations less float32's", optional("float32_iou_change", "+.4f"))
    row("a new calibration, once", lambda mode: milliseconds(mode.get("calibration_ms")))
    row("memory, MiB", lambda mode: _memory(mode, "process"))
    row("GPU memory, MiB", lambda mode: _memory(mode, "gpu"))
    return rows


def benchmark_tables(report: dict[str, Any]) -> list[Table]:
    """One row a mode: its totals, and how long its stages take."""
    machine, configuration = report["machine"], report["configuration"]
    gpu = f"{machine['gpu']['name']}, " if machine["gpu"] else ""
    totals = Table(
        title=f"{configuration['cameras']} cameras to BEV on {gpu}{machine['processor']}, "
        f"{machine['torch_threads']} threads, {configuration['repetitions']} turns",
        title_justify="left",
        caption=f"milliseconds; cpu: processor time; splat within {report['splat_error']:.1e} of the naive "
        f"sum; load average {_load(machine)}; weights: {configuration['weights']}; {configuration['data']}",
        caption_justify="left",
    )
    for heading in ("", "median", "p95", "p99", "cpu", "fps", "speedup", "in cpu", "IoU", "error", "MiB"):
        totals.add_column(heading, justify="right" if heading else "left")
    for name, mode in report["modes"].items():
        times = [milliseconds(mode[quantile]["total"]) for quantile in ("median_ms", "p95_ms", "p99_ms")]
        totals.add_row(
            name,
            *times,
            milliseconds(mode["processor_ms"]),
            f"{mode['fps']:.1f}",
            _optional(mode, "speedup", ".2f", "x"),
            _optional(mode, "processor_speedup", ".2f", "x"),
            _optional(mode, "iou", ".3f"),
            _optional(mode, "float32_error_max", ".0e"),
            _memory(mode, "process"),
        )
    names = stages_of(report["modes"])
    stages = Table(title="stages, medians in milliseconds", title_justify="left")
    for heading in ("", *names):
        stages.add_column(heading.replace("_", " "), justify="right" if heading else "left")
    for name, mode in report["modes"].items():
        stages.add_row(name, *(milliseconds(mode["median_ms"].get(stage)) for stage in names))
    return [totals, stages]


def scaling_table(scaling: dict[str, Any]) -> Table:
    """How each stage grows with each size."""
    table = Table(title=f"how the cost of {scaling['engine']} grows", title_justify="left")
    for heading in ("size", "values", "stage", "ms", "R2 of a straight line"):
        table.add_column(heading)
    for name, study in scaling["studies"].items():
        sizes = ", ".join(f"{size:,}" for size in study["size"])
        for stage, values in study["stages"].items():
            times = ", ".join(f"{value:.3g}" for value in values)
            table.add_row(name, sizes, stage.replace("_", " "), times, f"{study['fits'][stage]['r2']:.3f}")
        table.add_section()
    return table


def skipped_lines(report: dict[str, Any]) -> list[str]:
    """What could not be measured here, a line each."""
    return [f"{name}: {reason}" for name, reason in report["skipped"].items()]


def _optional(mode: dict[str, Any], key: str, form: str, suffix: str = "") -> str:
    return "" if mode.get(key) is None else f"{mode[key]:{form}}{suffix}"


def _memory(mode: dict[str, Any], kind: str) -> str:
    value = mode.get("memory_mib", {}).get(kind)
    return "" if value is None else f"{value:.0f}"


def _load(machine: dict[str, Any]) -> str:
    start, end = machine["load_average"], machine["load_average_end"]
    return "unknown" if start is None else f"{start:.1f} at the start, {end:.1f} at the end"
