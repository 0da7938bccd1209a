"""A comparison of two subjects of any one network on the frames of a data root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...dataset import NuScenesReader
from ...errors import DeployError
from ...evaluation.frames import dataset_frames
from ..progress import Progress
from .comparison import compare
from .multi_sense import compare_multi_sense
from .subject import MultiSenseSubject, Subject
from .tolerance import Tolerances


def compare_subjects(
    first: Subject | MultiSenseSubject,
    second: Subject | MultiSenseSubject,
    dataroot: Path,
    frames: int,
    tolerances: Tolerances,
    cameras: Sequence[int] = (),
    threshold: float = 0.5,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare two subjects, see `compare` and `compare_multi_sense`.

    Raises:
        LssBevError: they are of different networks, grids or image sizes, or the data cannot be read.
    """
    if isinstance(first, MultiSenseSubject) and isinstance(second, MultiSenseSubject):
        reader = NuScenesReader(dataroot, version="")
        return compare_multi_sense(
            first, second, reader, frames, tolerances, cameras, threshold, progress=progress
        )
    if isinstance(first, MultiSenseSubject) or isinstance(second, MultiSenseSubject):
        raise DeployError(
            f"{first.name} and {second.name} are of different networks, the published and the multi-sense "
            f"one: compare two of one, and name the weights of backends with --weights"
        )
    taken = dataset_frames(dataroot, frames)
    return compare(first, second, taken, tolerances, cameras, threshold, progress=progress)
