"""What pruning did, for the terminal."""

from __future__ import annotations

from rich.table import Table

from .pruning import Pruned


def prune_table(pruned: Pruned) -> Table:
    """Parts with their latency and channels before and after."""
    report = pruned.report
    before, after = report["parameters"]
    table = Table(
        title=f"{before / 1e6:.1f} M parameters to {after / 1e6:.1f} M; {report['device']}",
        caption="each part alone; channels of the widths that it shares",
    )
    for column in ("part", "before ms", "after ms", "channels"):
        table.add_column(column, justify="left" if column in ("part", "channels") else "right")
    for row in report["parts"]:
        widths = ", ".join(f"{b}>{a}" if a != b else str(b) for b, a in row["widths"].values())
        table.add_row(row["part"], f"{row['before_ms']:.1f}", f"{row['after_ms']:.1f}", widths)
    total = report["table_ms"]
    if report["parts"]:
        table.add_section()
        table.add_row(
            "sum of parts", f"{total[0]:.0f}", f"{total[1]:.0f}", f"{total[0] / total[1]:.2f} times"
        )
    if (fixed := pruned.table.fixed) > 0:
        table.add_row("of it, what no width changes", f"{fixed:.1f}", f"{fixed:.1f}", "")
    speed = pruned.speed
    table.add_row(
        "whole network",
        f"{speed.before:.1f}",
        f"{speed.after:.1f}",
        f"{speed.speedup:.2f} times, alternating",
    )
    if report.get("scores"):
        table.add_section()
    for name, (before, after) in report.get("scores", {}).items():
        table.add_row(name, f"{before:.4f}", "-" if after is None else f"{after:.4f}", "score, before tuning")
    return table
