"""A comparison as Markdown, as a table, and as a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

Report = dict[str, Any]


def failures(report: Report) -> list[str]:
    """What is beyond the tolerances, a line each; empty where nothing is."""
    bounds = report["tolerances"]
    found = []
    for size in report["sizes"]:
        at = f"{size['cameras']} cameras"
        for name, tensor in size["tensors"].items():
            if tensor["cosine"] < bounds["cosine"]:
                found.append(f"{at}: {name} has a cosine of {tensor['cosine']:.7f}, below {bounds['cosine']}")
        worst = size["tensors"]["logits"]["max_error"]
        if bounds["max_error"] is not None and worst > bounds["max_error"]:
            found.append(f"{at}: a logit is off by {worst:.3g}, above {bounds['max_error']}")
        cells = size["cells"]
        if cells["agreement"] < bounds["agreement"]:
            found.append(f"{at}: {cells['agreement']:.6f} of cells agree, below {bounds['agreement']}")
        loss = iou_difference(size)
        if loss > bounds["iou"]:
            what = "IoU differs by" if size["scores"] else "1 - IoU of one with the other is"
            found.append(f"{at}: {what} {loss:.5f}, above {bounds['iou']}")
    return found


def iou_difference(size: dict[str, Any]) -> float:
    """How far apart both IoU are; without annotations, how far from 1 their IoU with each other is."""
    if size["scores"]:
        first, second = (score["iou"] for score in size["scores"])
        if first is not None and second is not None:
            return abs(second - first)
    return 1.0 - size["cells"]["iou_with_each_other"]


def markdown(report: Report, title: str = "") -> str:
    """The report for people, from one heading to the verdict."""
    first, second = report["subjects"]
    machine = report["machine"]
    heading = title or f"{second['name']} against {first['name']}"
    lines = [
        f"# {heading}",
        "",
        f"- A: `{first['name']}` ({first['detail']})",
        f"- B: `{second['name']}` ({second['detail']})",
        f"- {report['data']['source']}{'' if report['data']['annotated'] else ', not annotated'}; "
        f"a cell counts from probability {report['threshold']:g}",
        f"- {machine.get('processor')}, load average {machine.get('load_average') or 0:.1f} at the start",
    ]
    for size in report["sizes"]:
        rows, columns = size["image"]
        lines += ["", f"## {size['cameras']} cameras of {columns} x {rows}", ""]
        lines += ["| tensor | cosine | relative L2 | largest error |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in _tensor_rows(size)]
        lines += ["", "| | A | B | difference |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in _score_rows(size)]
    lines += ["", "## Verdict", ""]
    problems = failures(report)
    bounds = report["tolerances"]
    lines += [f"- {problem}" for problem in problems] or [
        f"Within the tolerances: cosine at least {bounds['cosine']:g}, IoU within {bounds['iou']:g}."
    ]
    return "\n".join(lines) + "\n"


def comparison_table(report: Report) -> Table:
    """The same for a terminal."""
    first, second = report["subjects"]
    table = Table(
        title=f"A {first['name']} ({first['detail']})\nB {second['name']} ({second['detail']})",
        title_justify="left",
        caption=f"{report['data']['source']}; load average {report['machine'].get('load_average') or 0:.1f}",
        caption_justify="left",
    )
    for column in ("", "cosine / A", "L2 / B", "largest error / difference"):
        table.add_column(column, justify="right" if column else "left")
    for size in report["sizes"]:
        table.add_section()
        table.add_row(f"{size['cameras']} cameras", "", "", "", style="bold")
        for row in (*_tensor_rows(size), *_score_rows(size)):
            table.add_row(*row)
    return table


def _tensor_rows(size: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, tensor in size["tensors"].items():
        yield name, f"{tensor['cosine']:.8f}", f"{tensor['l2']:.1e}", f"{tensor['max_error']:.1e}"


def _score_rows(size: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    if size["scores"]:
        first, second = size["scores"]
        for name, value in first.items():
            other = second[name]
            label = "IoU" if name == "iou" else f"IoU, {name[4:].replace('_', ' to ')} m"
            known = value is not None and other is not None
            left, right = (f"{one:.4f}" if one is not None else "-" for one in (value, other))
            yield label, left, right, f"{other - value:+.5f}" if known else "-"
    cells = size["cells"]
    yield "cells decided alike", "", "", f"{100 * cells['agreement']:.4f} %"
    yield "IoU of B with A", "", "", f"{cells['iou_with_each_other']:.5f}"
    first, second = size["latency_ms"]
    left, right = (f"{one['mean']:.1f} ± {one['deviation']:.1f} ms" for one in (first, second))
    yield (
        "latency, mean ± deviation",
        left,
        right,
        f"{first['mean'] / second['mean']:.2f}x" if second["mean"] else "-",
    )
    left, right = (f"{one['median']:.1f} ms" for one in (first, second))
    yield (
        "latency, median",
        left,
        right,
        f"{first['median'] / second['median']:.2f}x" if second["median"] else "-",
    )
