"""Progress of several jobs as one."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told of what is done and of all."""


def part_of(progress: Progress | None, index: int, jobs: int) -> Progress:
    """What the job at `index`, of so many of the same length, tells its progress to.

    Args:
        progress: told of all jobs together, or None.
        index: of the job, from 0.
        jobs: how many there are.
    """

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(index * total + done, jobs * total)

    return tell
