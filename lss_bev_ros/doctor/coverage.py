"""How much of the grid each camera sees."""

from __future__ import annotations

import numpy as np

from ..geometry import BevGrid, Camera
from .recording import ERROR, WARN, CameraRecord, Problem, Recording

_NEARLY_NONE = 0.01
"""Share of the grid that a camera must see to be of use."""

_HEIGHTS = (0.0, 0.75, 1.5, 2.25, 3.0)
"""Metres above the road at which a cell may be seen, as in runtime.visibility."""


def cells_seen(camera: Camera, grid: BevGrid | None = None) -> np.ndarray:
    """(nx, ny) bool: the cells above which the camera sees any point up to 3 m, through its lens."""
    centers = (grid or BevGrid()).centers()
    seen = np.zeros(centers.shape[:2], dtype=bool)
    for height in _HEIGHTS:
        points = np.concatenate([centers, np.full((*centers.shape[:2], 1), height)], axis=-1)
        pixels, depth = camera.project(points)
        with np.errstate(invalid="ignore"):
            inside = (pixels > -0.5).all(axis=-1) & (pixels[..., 0] < camera.width - 0.5)
            seen |= inside & (pixels[..., 1] < camera.height - 0.5) & (depth > 0.1)
    return seen


def check_coverage(recording: Recording) -> list[Problem]:
    """Cameras that see nothing of the grid."""
    return check_cells([record for record in recording.cameras if record.mounted])


def check_cells(records: list[CameraRecord]) -> list[Problem]:
    """The same of cameras alone, all of them with a path to the base frame."""
    seen = {record.name: cells_seen(record.camera) for record in records if record.camera is not None}
    problems = [
        Problem(
            ERROR,
            name,
            f"sees {100 * cells.mean():.1f} % of the grid",
            "correct its transform and its K; the coverage image shows where it looks",
            "coverage.none",
        )
        for name, cells in seen.items()
        if cells.mean() < _NEARLY_NONE
    ]
    if seen and not problems:
        total = float(np.any(list(seen.values()), axis=0).mean())
        if total < 0.1:
            problems.append(
                Problem(
                    WARN,
                    ", ".join(seen),
                    f"together the cameras see {100 * total:.0f} % of the grid",
                    "add cameras, or correct their transforms and K",
                    "coverage.little",
                )
            )
    return problems
