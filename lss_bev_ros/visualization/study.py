"""A study's pictures as files."""

from __future__ import annotations

from pathlib import Path

import cv2

from .. import files
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
    for name, picture in pictures.items():
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        written.append(files.write(folder / name, data.tobytes(), EvaluationError))
    return written
