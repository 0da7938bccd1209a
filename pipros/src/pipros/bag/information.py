"""What a bag holds, as text and as data."""

from __future__ import annotations

import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any

from .reader import Bag

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def summarise(path: Path | str) -> dict[str, Any]:
    """Return what a bag holds, ready for JSON; times in nanoseconds, the size in bytes.

    Raises:
        PiprosError: No bag, a damaged one, or one with another storage.
    """
    with Bag(path) as bag:
        return {
            "path": str(bag.path),
            "files": [file.name for file in bag.files],
            "size": bag.size,
            "storage": bag.storage,
            "ros_distro": bag.ros_distro,
            "complete": bag.complete,
            "lost": list(bag.lost),
            "notes": bag.notes,
            "passed_over": [dataclasses.asdict(passed) for passed in bag.passed_over],
            "gaps": [
                {"start": before[1], "end": after[0]} for before, after in itertools.pairwise(bag.stretches())
            ],
            "start": bag.start,
            "end": bag.end,
            "duration": bag.end - bag.start,
            "messages": bag.message_count,
            "topics": [
                {"name": topic.name, "type": topic.type, "count": topic.count, "type_hash": topic.type_hash}
                for topic in bag.topics
            ],
        }


def describe(path: Path | str) -> str:
    """Return what `ros2 bag info` prints of a bag.

    Raises:
        PiprosError: No bag, a damaged one, or one with another storage.
    """
    summary = summarise(path)
    topics = [
        f"Topic: {topic['name']} | Type: {topic['type']} | Count: {topic['count']} "
        "| Serialization Format: cdr"
        for topic in summary["topics"]
    ]
    lines = [
        "",
        _row("Files", "\n".join(summary["files"])),
        _row("Bag size", _size(summary["size"])),
        _row("Storage id", summary["storage"]),
        _row("ROS Distro", summary["ros_distro"]),
        _row("Duration", f"{_seconds(summary['duration'])}s"),
        _row("Start", _date(summary["start"])),
        _row("End", _date(summary["end"])),
        _row("Messages", str(summary["messages"])),
        _row("Topic information", "\n".join(topics)),
    ]
    told = []
    if not summary["complete"]:
        told.append("The recorder was killed or is still running: this is what has been written.")
    told += [f"Lost: {line}" for line in summary["lost"]]
    told += [f"Note: {line}" for line in summary["notes"]]
    told += [f"Gap: no message from {_date(gap['start'])} to {_date(gap['end'])}" for gap in summary["gaps"]]
    told += [
        f"Not of ROS 2: {passed['topic']} ({passed['type'] or 'no type'}, {passed['count']} messages): "
        f"{passed['reason']}"
        for passed in summary["passed_over"]
    ]
    lines[1:1] = told
    return "\n".join(lines)


def _row(name: str, text: str) -> str:
    """Return a label and, in a column of their own, lines."""
    return f"{name}: ".ljust(19) + text.replace("\n", "\n" + " " * 19)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"


def _date(nanoseconds: int) -> str:
    local = time.localtime(nanoseconds // 10**9)
    day = f"{time.strftime('%b', local)} {local.tm_mday:2} {local.tm_year}"
    clock = f"{time.strftime('%H:%M:%S', local)}.{nanoseconds % 10**9:09}"
    return f"{day} {clock} ({_seconds(nanoseconds)})"


def _size(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size} B"
