"""A results file as rows of docs/devices.md, for whoever looks after the documentation."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import files
from ...errors import DeployError
from .check import DeviceResult

COLUMNS = (
    "device", "system", "power", "model", "runtime", "p50, ms", "p99, ms", "IoU (home)", "throttled",
    "bundle", "by",
)  # fmt: skip
HEAD = "| " + " | ".join(COLUMNS) + " |"
"""The table's first line, by which it is found."""


def rows_of(
    results: Sequence[DeviceResult], device: Mapping[str, Any], bundle_id: str, sender: str
) -> list[tuple[str, ...]]:
    """A row for each model that ran, by COLUMNS.

    Raises:
        DeployError: no model ran.
    """
    ran = [result for result in results if not result.refused]
    if not ran:
        raise DeployError("no model ran on the device, so there is nothing to publish")
    name = str(device.get("model") or device.get("gpu") or device.get("processor") or "unknown")
    power = str(device.get("power_mode", "")).splitlines()
    rows = []
    for result in ran:
        known, throttled = result.percentiles, result.report.get("conditions", {}).get("throttling")
        rows.append(
            (
                name.split(",")[0],
                str(device.get("jetson_linux") or device.get("system") or "").split(",")[0],
                power[0].removeprefix("NV Power Mode:").strip() if power else "",
                result.name,
                result.runtime,
                f"{known['p50']:.2f}" if "p50" in known else "",
                f"{known['p99']:.2f}" if "p99" in known else "",
                "" if math.isnan(result.iou) else f"{result.iou:.4f} ({result.home_iou:.4f})",
                "" if throttled is None else ", ".join(throttled) or "no",
                bundle_id[:12],
                sender,
            )
        )
    return [tuple(_plain(cell) for cell in row) for row in rows]


def publish(page: Path, rows: Sequence[tuple[str, ...]]) -> None:
    """Put rows into the table of a page; one of the same device, model, runtime and bundle is replaced.

    Raises:
        DeployError: the page is missing, has no such table, or cannot be written.
    """
    try:
        lines = page.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(f"{page} cannot be read ({error}): name the page with --page") from error
    if HEAD not in lines:
        raise DeployError(
            f"{page} has no table that begins with {HEAD!r}: take docs/devices.md of the package"
        )
    start = lines.index(HEAD) + 2
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    known = [tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in lines[start:end]]
    new = {_key(row) for row in rows}
    kept = [row for row in known if _key(row) not in new]
    written = ["| " + " | ".join(row) + " |" for row in sorted([*kept, *rows])]
    files.write(page, ("\n".join([*lines[:start], *written, *lines[end:]]) + "\n").encode(), DeployError)


def _plain(cell: str) -> str:
    """Words of a stranger as one cell: no other cell, line or markup comes of them."""
    return html.escape(" ".join(cell.replace("|", "/").split()), quote=False)


def _key(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        row[COLUMNS.index(name)]
        for name in ("device", "model", "runtime", "bundle")
        if len(row) == len(COLUMNS)
    )
