"""Scenes of a synthetic data set, recorded one after the other or by several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..errors import DatasetError
from .scene import ScenePlan, record_scene
from .tables import TableWriter

TOLD_EVERY = 0.2
"""Seconds between two looks at how far other processes are."""


class _Ended(Exception):
    """Another scene failed, so the rest of this one is of no use."""


def record_scenes(
    plan: ScenePlan,
    scenes: int,
    files: int,
    processes: int,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[TableWriter]:
    """Record the scenes of a data set.

    Args:
        plan: of the data set.
        scenes: how many.
        files: of all their sensors.
        processes: that record them; one is this process.
        progress: called with the number of files done and of all files.

    Yields:
        The tables of each scene, in order.

    Raises:
        DatasetError: a process was killed, as the system does where memory runs out.
    """
    if processes > 1:
        yield from _side_by_side(plan, scenes, processes, lambda done: progress and progress(done, files))
        return
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, files)

    for index in range(scenes):
        yield record_scene(plan, index, step)


def _side_by_side(
    plan: ScenePlan, scenes: int, processes: int, told: Callable[[int], object]
) -> list[TableWriter]:
    context = multiprocessing.get_context("spawn")  # compiled code's threads do not survive a fork
    done, ended = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(processes, context, _begin, (plan, done, ended))
    try:
        futures = [pool.submit(_record, index) for index in range(scenes)]
        waiting: set[Future[TableWriter]] = set(futures)
        while waiting:
            finished, waiting = wait(waiting, TOLD_EVERY, FIRST_EXCEPTION)
            for future in finished:
                future.result()
            told(done.value)
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise DatasetError(
            f"one of {processes} processes was killed, maybe for memory: use fewer --workers"
        ) from error
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


_PLAN: ScenePlan | None = None
_DONE: Any = None
_STOP: Any = None


def _begin(plan: ScenePlan, done: Any, ended: Any) -> None:
    global _PLAN, _DONE, _STOP  # a pool gives its processes no other place
    _PLAN, _DONE, _STOP = plan, done, ended


def _record(index: int) -> TableWriter:
    assert _PLAN is not None

    def step() -> None:
        if _STOP.is_set():
            raise _Ended
        with _DONE.get_lock():
            _DONE.value += 1

    return record_scene(_PLAN, index, step)
