"""A campaign as a page: what was done, what was served meanwhile, and what the nodes took, with plots."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..errors import LssBevError

_WIDTH, _HEIGHT, _MARGIN = 720, 160, 40
_POINTS = 200
"""Of a line, about."""

_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")


def write_report(found: Mapping[str, Any], folder: Path) -> Path:
    """Write `campaign.json`, `campaign.md` and the plots beside it; the path of the page.

    Raises:
        LssBevError: they cannot be written there.
    """
    files.write_json(folder / "campaign.json", found, LssBevError)
    page = [
        f"# A campaign of {found['seconds'] / 60:.0f} minutes",
        "",
        f"{found['made']}, {found['machine']}.",
        "",
    ]
    page += ordeal_table(found["ordeals"])
    page += _nodes(found)
    for name, plot in _plots(found).items():
        files.write(folder / name, plot, LssBevError)
        page += [f"![{name.removesuffix('.svg')}]({name})", ""]
    page += file_table(found.get("files", {}))
    for name, line in found.get("small_disk", {}).items():
        page.append(f"- disk full, {name}: {line}")
    return files.write(folder / "campaign.md", "\n".join(page).rstrip() + "\n", LssBevError)


def ordeal_table(ordeals: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table of what was done to the nodes, by kind and target."""
    if not ordeals:
        return []
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in ordeals:
        groups[each["kind"], each["target"]].append(each)
    rows = [
        "| done | to | times | s until all served: median, worst | never | others went on | "
        "grids meanwhile | s of a processor | load |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (kind, target), group in groups.items():
        times = [each["recovery"] for each in group if each["recovery"] is not None]
        told = f"{statistics.median(times):.2f}, {max(times):.2f}" if times else ""
        others = sum(bool(each["others"]) for each in group)
        used = [each["work"] for each in group if each["work"] is not None]
        work = f"{statistics.median(used):.2f}" if used else ""
        rows.append(
            f"| {kind} | {target} | {len(group)} | {told} | {len(group) - len(times)} | {others} | "
            f"{sum(each['grids'] for each in group)} | {work} | "
            f"{statistics.mean(each['load'] for each in group):.0f} |"
        )
    return [*rows, ""]


def file_table(outcomes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines of a table of what became of damaged files."""
    if not outcomes:
        return []
    names = ("refused", "told", "same", "changed", "failed")
    rows = ["| file | refused | read in part, and told | as written | changed in silence | failed |"]
    rows.append("|---|---|---|---|---|---|")
    for name, outcome in outcomes.items():
        rows.append(f"| {name} | {' | '.join(str(outcome['counts'].get(each, 0)) for each in names)} |")
    return [*rows, ""]


def _nodes(found: Mapping[str, Any]) -> list[str]:
    quiet, lines = found["undisturbed"], []
    if found["nodes"]:
        lines = ["| node | looked at, s | MiB an hour | MiB: first, most | threads | files |"]
        lines.append("|---|---|---|---|---|---|")
        for name, node in found["nodes"].items():
            lines.append(
                f"| {name} | {node['seconds']:.0f} | {node['slope']:+.1f} | {node['first']:.0f}, "
                f"{node['most']:.0f} | {node['threads'][0]} to {node['threads'][1]} | "
                f"{node['files'][0]} to {node['files'][1]} |"
            )
        lines.append("")
    bag = found["bag"]
    lines += [
        f"- undisturbed for {quiet['seconds']:.0f} s: {quiet['grids']} grids of about "
        f"{quiet['keyframes']:.0f} keyframes",
        f"- the bag has {bag['messages']} messages; lost: {'; '.join(bag['lost']) or 'nothing'}",
        f"- the report is {'whole' if found['report']['whole'] else 'damaged'}",
        "",
    ]
    return lines


def _plots(found: Mapping[str, Any]) -> dict[str, str]:
    plots = {}
    memory = {
        name: [(sample[0], sample[2]) for sample in samples[:: max(1, len(samples) // _POINTS)]]
        for name, samples in found["series"].items()
        if len(samples) > 1
    }
    if memory:
        plots["memory.svg"] = plot("MiB of each node over seconds", memory)
    recoveries: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in found["ordeals"]:
        if each["kind"] == "kill" and each["recovery"] is not None:
            line = recoveries[each["target"]]
            line.append((len(line), each["recovery"]))
    if any(len(line) > 1 for line in recoveries.values()):
        plots["recovery.svg"] = plot("seconds until all served, over kills", recoveries)
    return plots


def plot(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over one axis from 0, as SVG."""
    points = [point for line in lines.values() for point in line]
    right = max((x for x, _ in points), default=1.0) or 1.0
    top = max((y for _, y in points), default=1.0) * 1.05 or 1.0
    inner_width, inner_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="10">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_MARGIN}" y="14" font-size="12">{title}</text>',
        f'<path d="M{_MARGIN} {_MARGIN}V{_HEIGHT - _MARGIN}H{_WIDTH - _MARGIN}" fill="none" stroke="#888"/>',
        f'<text x="{_MARGIN - 4}" y="{_MARGIN + 4}" text-anchor="end">{top:.3g}</text>',
        f'<text x="{_WIDTH - _MARGIN}" y="{_HEIGHT - _MARGIN + 14}" text-anchor="end">{right:.4g}</text>',
    ]
    for (name, line), color, place in zip(lines.items(), _COLORS, range(len(_COLORS)), strict=False):
        path = " ".join(
            f"{_MARGIN + inner_width * x / right:.1f},{_HEIGHT - _MARGIN - inner_height * y / top:.1f}"
            for x, y in line
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        drawn.append(f'<text x="{_MARGIN + 90 * place}" y="{_HEIGHT - 8}" fill="{color}">{name}</text>')
    return "\n".join([*drawn, "</svg>", ""])
