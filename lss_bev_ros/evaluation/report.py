"""The evaluation report as JSON, written so that a reader never sees half of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import EvaluationError

REPORT_VERSION = 1
"""Version of the report's layout; it grows when a field changes its meaning or goes."""


def to_json(value: object) -> object:
    """Turn dictionaries, sequences, numbers and arrays into what JSON has; NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def write_report(path: str | Path, report: Mapping[str, object]) -> Path:
    """Write a report: complete or, after a crash, the one before.

    It goes to a temporary file in the same folder, which then takes the report's name in one step.
    Raises EvaluationError where the folder cannot be written.
    """
    path = Path(path)
    text = json.dumps(to_json(report), indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise EvaluationError(
            f"{path}: report cannot be written ({error.strerror}); choose another path"
        ) from None
    return path
