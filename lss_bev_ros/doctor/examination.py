"""All checks of a recording, in the order in which a user should look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .alignment import Fit
from .cameras import check_cameras
from .clocks import check_clocks
from .coverage import check_coverage
from .fitting import compare
from .lidar import check_lidars
from .middleware import check_middleware
from .mounting import check_mounting
from .recording import ERROR, Problem, Recording
from .topics import check_topics
from .transforms import check_transforms

_INCOMPARABLE = ("clock.offset", "clock.zero", "camera.size", "camera.uncalibrated", "camera.info")
"""Problems of a camera with which its pictures cannot be compared with the LiDAR."""


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        problems: errors first; one of several sensors is one.
        fits: how well pictures and LiDAR fit, by camera, where they were compared.
    """

    problems: tuple[Problem, ...]
    fits: Mapping[str, Fit]


def examine(recording: Recording, fit: bool = True) -> Examination:
    """Check a recording; what only follows from another problem is left out.

    Args:
        recording: of a few seconds or more.
        fit: whether LiDAR and pictures are compared, which takes most of the time.
    """
    found = [
        *check_topics(recording),
        *check_middleware(recording),
        *check_cameras(recording),
        *check_clocks(recording),
        *check_transforms(recording),
    ]
    rest, fits = _calibration(recording, found, fit)
    return Examination(
        tuple(merged(sorted([*found, *rest], key=lambda problem: problem.level != ERROR))), fits
    )


def examine_calibration(recording: Recording) -> Examination:
    """Check how sensors are mounted, and whether pictures and LiDAR fit, of a recording without topics."""
    found, fits = _calibration(recording, [], fit=True)
    return Examination(tuple(merged(sorted(found, key=lambda problem: problem.level != ERROR))), fits)


def _calibration(
    recording: Recording, found: Sequence[Problem], fit: bool
) -> tuple[list[Problem], Mapping[str, Fit]]:
    """What is wrong with where sensors are, given what is known to be wrong, and how they fit each other."""
    mounts = check_mounting(recording)
    lidars = check_lidars(recording)
    blamed = {problem.subject for problem in mounts}
    # A camera that looks at the sky sees no cell; both would say the same.
    cells = [problem for problem in check_coverage(recording) if problem.subject not in blamed]
    rest = [*mounts, *lidars, *cells]
    fits: Mapping[str, Fit] = {}
    # Against a LiDAR, or a camera, that is known to be wrong nothing can be compared.
    if fit and not lidars:
        skip = blamed | {problem.subject for problem in (*found, *rest) if problem.code in _INCOMPARABLE}
        cameras = tuple(record for record in recording.cameras if record.name not in skip)
        fits, unfit = compare(replace(recording, cameras=cameras))
        rest += unfit
    return rest, fits


def merged(problems: Sequence[Problem]) -> list[Problem]:
    """Problems of the same text and remedy as one, with all their subjects."""
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for problem in problems:
        key = problem.level, problem.text, problem.remedy, problem.code
        subjects = together.setdefault(key, [])
        if problem.subject not in subjects:
            subjects.append(problem.subject)
    return [
        Problem(level, ", ".join(subjects), text, remedy, code)
        for (level, text, remedy, code), subjects in together.items()
    ]
