"""A benchmark's report as a page that a reader can judge: JSON, Markdown and charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .. import files
from .profile import profile_lines
from .report import mode_rows, skipped_lines


def write_datasheet(report: dict[str, Any], place: Path) -> list[Path]:
    """Write `place.json`, `place.md` and its charts.

    Args:
        report: of `run_benchmark`, with `nodes`, `scaling` and `profile` where those were measured.
        place: path without suffix, such as docs/performance/cpu.

    Returns:
        The files, the page first.

    Raises:
        LssBevError: one cannot be written.
    """
    charts = _charts(report)
    written = []
    for suffix, picture in charts.items():
        path = place.with_name(f"{place.name}{suffix}.png")
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        written.append(files.write(path, data.tobytes()))
    page, figures = place.with_name(place.name + ".md"), place.with_name(place.name + ".json")
    files.write_json(figures, report)
    files.write(page, _page(report, place.name, [path.name for path in written]))
    return [page, figures, *written]


def _charts(report: dict[str, Any]) -> dict[str, np.ndarray]:
    try:
        from ..visualization.bars import growth_charts, time_bars
    except ImportError:
        # Pillow comes with the dataset extra; the page does without charts.
        return {}
    modes = report["modes"]
    stages = {
        name: {stage: time for stage, time in mode["median_ms"].items() if stage != "total"}
        for name, mode in modes.items()
    }
    totals = {name: mode["median_ms"]["total"] for name, mode in modes.items()}
    charts = {"": time_bars(stages, totals, _title(report), "medians, milliseconds")}
    if report.get("scaling"):
        charts["-scaling"] = growth_charts(report["scaling"]["studies"], "How the cost grows")
    return charts


def _title(report: dict[str, Any]) -> str:
    machine = report["machine"]
    where = machine["gpu"]["name"] if machine["gpu"] else f"{machine['processor']}, {machine['cores']} cores"
    return f"Six cameras to a bird's-eye-view grid on {where}"


def _page(report: dict[str, Any], name: str, charts: list[str]) -> str:
    configuration, code = report["configuration"], report["code"]
    lines = [f"# {_title(report)}", ""]
    commit = code["commit"] or "no checkout"
    changed = f", changed since: {', '.join(code['changed'])}" if code["changed"] else ""
    lines += [
        f"Made by `{configuration['command'] or 'lss-bev benchmark'}` at commit {commit}{changed}.",
        f"Frames: {configuration['data']}. Weights: {configuration['weights']}. All modes took turns on the "
        f"same frames in one run, {configuration['repetitions']} turns, after a warm-up that does not count.",
        "",
        "Network modes go from normalised images, already where the mode reads them, to logits on the host; "
        "modes `from JPEG` from the JPEG bytes of the cameras to the occupancy grid. Speedups are medians of "
        "the ratios turn by turn, against the reference on the same device. Processor time is that of all "
        "threads of the process: other work on the machine distorts it least. Memory is the peak of a "
        "process that runs nothing else, Python and libraries included. Float32 is the published pipeline on "
        "the CPU. A new calibration is what a changed rig adds to the first run with it.",
        "",
        *[f"![{chart}]({chart})" for chart in charts[:1]],
        "",
        "| milliseconds, stages are medians | " + " | ".join(report["modes"]) + " |",
        "|---|" + "---:|" * len(report["modes"]),
        *[f"| {label} | " + " | ".join(cells) + " |" for label, cells in mode_rows(report)],
        "",
    ]
    lines += [
        f"- {mode}: {figures['about']}" for mode, figures in report["modes"].items() if figures["network"]
    ]
    lines += [f"- not run, {line}" for line in skipped_lines(report)]
    lines += ["", f"The splat equals the naive sum within {report['splat_error']:.1e} relative.", ""]
    if report.get("scaling"):
        lines += _scaling(report["scaling"], charts)
    if report.get("profile"):
        lines += ["## Launches", "", *profile_lines(report["profile"]), ""]
    if report.get("nodes"):
        lines += _nodes(report["nodes"])
    return "\n".join([*lines, "## Machine", "", *_machine(report["machine"]), ""])


def _scaling(scaling: dict[str, Any], charts: list[str]) -> list[str]:
    lines = ["## How the cost grows", "", *[f"![{chart}]({chart})" for chart in charts[1:]], ""]
    lines += [
        f"Engine: {scaling['engine']}. Medians of {scaling['repetitions']} turns; a straight line through "
        "them, its slope in milliseconds a unit and its R2. New tables are what a changed calibration "
        "costs, once.",
        "",
        "| size | stage | values | ms | slope | R2 |",
        "|---|---|---|---|---:|---:|",
    ]
    for name, study in scaling["studies"].items():
        for stage, values in study["stages"].items():
            fit = study["fits"][stage]
            lines.append(
                f"| {name} | {stage.replace('_', ' ')} | {_series(study['size'], ',')} | "
                f"{_series(values, '.3g')} | {fit['slope']:.2g} | {fit['r2']:.3f} |"
            )
    return [*lines, ""]


def _nodes(nodes: dict[str, Any]) -> list[str]:
    lines = [
        "## Whole nodes over the middleware",
        "",
        "Processes of their own. Latency is from the newest image's stamp, taken as it is published, to the "
        "OccupancyGrid received in another process.",
        "",
    ]
    rates = nodes.get("rates", [])
    if rates:
        keys = list(rates[0])
        lines += ["| " + " | ".join(key.replace("_", " ") for key in keys) + " |", "|" + "---:|" * len(keys)]
        lines += ["| " + " | ".join(_cell(row[key]) for key in keys) + " |" for row in rates]
        lines.append("")
    for node, figures in nodes.items():
        if isinstance(figures, dict):
            told = ", ".join(f"{key.replace('_', ' ')} {_cell(value)}" for key, value in figures.items())
            lines.append(f"- {node}: {told}")
    return [*lines, ""]


def _machine(machine: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in machine.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        if value is not None:
            lines.append(f"- {key.replace('_', ' ')}: {_cell(value)}")
    return lines


def _series(values: list[float], form: str) -> str:
    return ", ".join(f"{value:{form}}" for value in values)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
