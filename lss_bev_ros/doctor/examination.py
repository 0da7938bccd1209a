"""All checks of a recording, in the order in which a user should look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .cameras import check_cameras
from .clocks import check_clocks
from .coverage import check_coverage
from .fitting import check_fit
from .lidar import check_lidars
from .middleware import check_middleware
from .mounting import check_mounting
from .recording import ERROR, Problem, Recording
from .topics import check_topics
from .transforms import check_transforms


def examine(recording: Recording, fit: bool = True) -> list[Problem]:
    """Every problem of a recording, errors first; what only follows from another is left out.

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
    mounts = check_mounting(recording)
    lidars = check_lidars(recording)
    blamed = {problem.subject for problem in mounts}
    # A camera that looks at the sky sees no cell; both would say the same.
    cells = [problem for problem in check_coverage(recording) if problem.subject not in blamed]
    found += [*mounts, *lidars, *cells]
    # Against a LiDAR, or a camera, that is known to be wrong nothing can be compared.
    if fit and not lidars:
        untimely = {
            problem.subject
            for problem in found
            if problem.code in ("clock.offset", "clock.zero", "camera.size")
        }
        skip = blamed | untimely
        cameras = tuple(record for record in recording.cameras if record.name not in skip)
        found += check_fit(replace(recording, cameras=cameras))
    return merged(sorted(found, key=lambda problem: problem.level != ERROR))


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
