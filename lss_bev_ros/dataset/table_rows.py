"""Rows of nuScenes' tables, for whoever makes a data set (nuscenes-devkit, docs/schema_nuscenes.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..geometry import Lens, Pose

TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map",
    "sample", "sample_annotation", "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
"""The thirteen of a version."""


def token(*parts: object) -> str:
    """32 hexadecimal digits that depend on the parts alone."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def pose_fields(pose: Pose) -> dict:
    """How `ego_pose`, `calibrated_sensor` and `sample_annotation` say where something is."""
    return {
        "rotation": [float(v) for v in pose.quaternion],
        "translation": [float(v) for v in pose.translation],
    }


def lens_fields(lens: Lens | None) -> dict[str, object]:
    """How `calibrated_sensor` says what bends the pictures; pinholes have no such fields, as in nuScenes."""
    if lens is None:
        return {}
    return {"camera_distortion": list(lens.coefficients), "camera_distortion_model": lens.model}


def neighbours(tokens: Sequence[str], place: int) -> dict[str, str]:
    """`prev` and `next` of a row in a chain of tokens."""
    return {
        "prev": tokens[place - 1] if place else "",
        "next": tokens[place + 1] if place + 1 < len(tokens) else "",
    }


class TableFile:
    """A table that is written row by row, so that it never lies in memory whole; use it in a `with`.

    Args:
        folder: of the version.
        name: of the table.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._file = (folder / f"{name}.json").open("w", encoding="utf-8")
        self._empty = True

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:  # what was broken off shall not look whole
            self._file.write("[]\n" if self._empty else "\n]\n")
        self._file.close()

    def add(self, row: dict) -> None:
        """Write one row."""
        self._file.write(("[\n" if self._empty else ",\n") + json.dumps(row, indent=0))
        self._empty = False


def write_tables(folder: Path, rows: Mapping[str, Iterable[dict]]) -> None:
    """Write tables as JSON files.

    Args:
        folder: of the version.
        rows: by table.
    """
    for name in TABLES:
        with TableFile(folder, name) as table:
            for row in rows.get(name, ()):
                table.add(row)
