"""The frontier as a table, as Markdown, as JSON and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ... import files
from .points import Frontier, FrontierPoint

HEADER = ("network", "runs as", "IoU", "lost", "ms", "p95 ms", "times faster")


def frontier_table(frontier: Frontier) -> Table:
    """For the terminal."""
    table = Table(title=f"IoU and latency of the network alone; {frontier.frames}", title_justify="left")
    for column in HEADER:
        table.add_column(column, justify="left" if column in HEADER[:2] else "right")
    for row in _rows(frontier):
        table.add_row(*row)
    return table


def write_frontier(frontier: Frontier, folder: Path) -> list[Path]:
    """Write frontier.md, frontier.json and, where matplotlib is installed, frontier.png; their paths.

    Each is written whole or not at all.
    """
    written = [
        files.write_json(folder / "frontier.json", _figures(frontier)),
        files.write(folder / "frontier.md", _markdown(frontier)),
    ]
    if can_plot():
        picture = folder / "frontier.png"
        with files.replacing(picture) as partial:
            _plot(frontier, partial)
        written.append(picture)
    return written


def can_plot() -> bool:
    """Whether matplotlib is installed, which no extra brings along."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _rows(frontier: Frontier) -> list[tuple[str, ...]]:
    first = frontier.points[0]
    return [
        (
            point.contender.label,
            point.engine,
            _number(point.iou, ".4f"),
            _number(first.iou - point.iou, ".4f"),
            f"{point.median:.1f}",
            f"{np.percentile(point.milliseconds, 95):.1f}",
            f"{point.times_faster(first):.2f}",
        )
        for point in frontier.points
    ]


def _figures(frontier: Frontier) -> dict[str, Any]:
    first = frontier.points[0]
    return {
        "frames": frontier.frames,
        "machine": frontier.machine,
        "points": [
            {
                "label": point.contender.label,
                "weights": Path(point.contender.weights).name,
                "engine": point.engine,
                "iou": point.iou,
                "median_ms": point.median,
                "milliseconds": [round(float(value), 3) for value in point.milliseconds],
                "times_faster": point.times_faster(first),
            }
            for point in frontier.points
        ],
    }


def _markdown(frontier: Frontier) -> str:
    load = frontier.machine.get("load_average")
    lines = [
        "| " + " | ".join(HEADER) + " |",
        "|" + "|".join("---" if column in HEADER[:2] else "---:" for column in HEADER) + "|",
        *("| " + " | ".join(row) + " |" for row in _rows(frontier)),
        "",
        f"{frontier.frames}; {frontier.machine.get('processor')}, {frontier.machine.get('cores')} cores, "
        f"load average {load or 0:.1f} at the start. Times are of the network alone, measured alternately, "
        f"frame by frame; the last column is the median of the ratios to the first row.",
    ]
    return "\n".join(lines) + "\n"


def _plot(frontier: Frontier, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8.4, 4.2))
    for point in frontier.points:
        axes.plot(point.median, _height(point), "o", ms=8, alpha=0.85, label=point.contender.label)
    axes.set_xlabel("latency of the network, ms (median, alternating)")
    axes.set_ylabel("IoU")
    axes.set_xlim(left=0)
    axes.margins(x=0.2, y=0.2)
    # Networks of one speed and accuracy lie on each other: names beside them could not be read.
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    axes.grid(alpha=0.3)
    axes.set_title(frontier.frames, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _height(point: FrontierPoint) -> float:
    return 0.0 if np.isnan(point.iou) else point.iou


def _number(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)
