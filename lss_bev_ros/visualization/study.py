"""A study's pictures as files."""

from __future__ import annotations

from pathlib import Path

import cv2

from ..errors import EvaluationError
from ..evaluation.study import Study
from .contact import contact_sheet
from .curves import study_curves


def write_study_pictures(study: Study, folder: Path) -> list[Path]:
    """Write `contact_sheet.png` (best, median and worst frames) and `curves.png`; returns what was written.

    Raises:
        EvaluationError: the folder cannot be written.
    """
    pictures = {"curves.png": study_curves(study.report())}
    picked = study.picked()
    if picked:
        pictures["contact_sheet.png"] = contact_sheet(picked, study.grid)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            (folder / name).write_bytes(data.tobytes())
            written.append(folder / name)
    except OSError as error:
        raise EvaluationError(f"{folder}: pictures cannot be written ({error.strerror})") from None
    return written
