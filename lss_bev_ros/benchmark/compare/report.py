"""A comparison as Markdown, as a table, and as a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

Report = dict[str, Any]


def joined(reports: Sequence[Report]) -> Report:
    """One report of the same two subjects and frames at several input sizes."""
    return {**reports[0], "sizes": [size for report in reports for size in report["sizes"]]}


def failures(report: Report) -> list[str]:
    """What is beyond the tolerances, a line each; empty where nothing is."""
    bounds = report["tolerances"]
    found = []
    for size in report["sizes"]:
        at = _size(size)
        for name, tensor in size["tensors"].items():
            if tensor["cosine"] < bounds["cosine"]:
                found.append(f"{at}: {name} has a cosine of {tensor['cosine']:.7f}, below {bounds['cosine']}")
        tensors = size["tensors"]
        ends = [tensors["logits"]] if "logits" in tensors else tensors.values()
        worst = max(tensor["max_error"] for tensor in ends)
        if bounds["max_error"] is not None and worst > bounds["max_error"]:
            found.append(f"{at}: a logit is off by {worst:.3g}, above {bounds['max_error']}")
        alike = size["alike"] if "alike" in size else {"cells": size["cells"]["agreement"]}
        for name, share in alike.items():
            if share < bounds["agreement"]:
                found.append(f"{at}: {share:.6f} of {name} agree, below {bounds['agreement']}")
        if "alike" in size:
            found += [
                f"{at}: {name} differs by {loss:.5f}, above {bounds['iou']}"
                for name, loss in score_differences(size).items()
                if loss > bounds["iou"]
            ]
            continue
        loss = iou_difference(size)
        if loss > bounds["iou"]:
            what = "IoU differs by" if size["scores"] else "1 - IoU of one with the other is"
            found.append(f"{at}: {what} {loss:.5f}, above {bounds['iou']}")
    return found


def score_differences(size: dict[str, Any]) -> dict[str, float]:
    """How far apart both sides of a multi-sense comparison are in each metric of which more is better."""
    if not size["scores"]:
        return {}
    first, second = size["scores"]
    both = {name: (first.get(name), second.get(name)) for name in size["headline"]}
    return {name: abs(b - a) for name, (a, b) in both.items() if a is not None and b is not None}


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
        lines += ["", f"## {_size(size)}", ""]
        lines += ["| tensor | cosine | relative L2 | largest error |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in _tensor_rows(size)]
        lines += ["", "| | A | B | difference |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in _score_rows(size)]
    if len(report["sizes"]) > 1:
        lines += ["", "## By size", ""]
        lines += [
            "| input | cosine | relative L2 | cells decided alike | IoU, A | IoU, B | A, ms | B, ms |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [f"| {' | '.join(_summary(size))} |" for size in report["sizes"]]
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
        table.add_row(_size(size), "", "", "", style="bold")
        for row in (*_tensor_rows(size), *_score_rows(size)):
            table.add_row(*row)
    return table


def _size(size: dict[str, Any]) -> str:
    """What the network is given."""
    if "image" not in size:
        return f"{size['cameras']} cameras"
    rows, columns = size["image"]
    return f"{size['cameras']} cameras of {columns} x {rows}"


def _summary(size: dict[str, Any]) -> list[str]:
    """A size as one row: by the last tensor that both have, the worst head of many senses."""
    tensors = size["tensors"]
    ends = [tensors["logits"]] if "logits" in tensors else list(tensors.values())
    alike = min(size["alike"].values()) if "alike" in size else size["cells"]["agreement"]
    scores = [score.get("iou") for score in size["scores"]] or [None, None]
    times = [f"{one['mean']:.0f} ± {one['deviation']:.0f}" for one in size["latency_ms"]]
    return [
        _size(size),
        f"{min(one['cosine'] for one in ends):.8f}",
        f"{max(one['l2'] for one in ends):.1e}",
        f"{100 * alike:.4f} %",
        *(f"{score:.4f}" if score is not None else "-" for score in scores),
        *times,
    ]


def _label(name: str) -> str:
    """A metric's name for people."""
    if name == "iou":
        return "IoU"
    return f"IoU, {name[4:].replace('_', ' to ')} m" if name.startswith("iou_") else name


def _tensor_rows(size: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, tensor in size["tensors"].items():
        yield name, f"{tensor['cosine']:.8f}", f"{tensor['l2']:.1e}", f"{tensor['max_error']:.1e}"


def _score_rows(size: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    if size["scores"]:
        first, second = size["scores"]
        for name, value in first.items():
            other = second.get(name)
            label = _label(name)
            known = value is not None and other is not None
            left, right = (f"{one:.4f}" if one is not None else "-" for one in (value, other))
            yield label, left, right, f"{other - value:+.5f}" if known else "-"
    if "alike" in size:
        for name, share in size["alike"].items():
            yield f"{name} decided alike", "", "", f"{100 * share:.4f} %"
    else:
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
