"""The evaluation report as JSON, written so that a reader never sees half of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .. import files
from ..errors import EvaluationError

REPORT_VERSION = 1
"""Version of the report's layout; it grows when a field changes its meaning or goes."""


def write_report(path: str | Path, report: Mapping[str, object]) -> Path:
    """Write a report: complete or, after a crash, the one before.

    Raises:
        EvaluationError: the file cannot be written.
    """
    return files.write_json(path, report, EvaluationError)
