"""Evaluation on all cores and GPUs: whole scenes are dealt out to processes, and their scores are merged.

Scores of a data set are sums over its frames, and a network remembers nothing from one scene to the next, so
the figures are those of one process.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EvaluationError

if TYPE_CHECKING:
    from ..dataset import NuScenesReader
    from ..runtime.multi_sense.engine import MultiSenseEngine
    from .multi_sense import SettingsScore, Vocabulary
    from .robustness import Spoiled


@dataclass(frozen=True)
class Job:
    """What a process needs to evaluate scenes of a data set as the others do.

    Attributes:
        dataroot, version, categories: of the reader.
        backend, weights, precision: of the engine; several GPUs are dealt out in turn.
        threads: of PyTorch, of each process; 0 for its share of the cores.
        vocabulary: as in `evaluate_settings`.
        robustness: whether sensors are spoiled too.
        settings: as in `evaluate_settings`.
    """

    dataroot: Path
    version: str = ""
    categories: tuple[str, ...] = ()
    backend: str = "auto"
    weights: str = "builtin"
    precision: str = "auto"
    threads: int = 0
    vocabulary: Vocabulary | None = None
    robustness: bool = False
    settings: Mapping[str, Collection[str]] | None = None


@dataclass(eq=False)
class Found:
    """Scores of some scenes.

    Attributes:
        settings: by the settings of the senses.
        spoiled: by what was done to the sensors; None where that was not asked for.
        told: what was left out of the scores, and why.
    """

    settings: SettingsScore
    spoiled: Spoiled | None = None
    told: dict[str, None] = field(default_factory=dict)

    def merge(self, later: Found) -> None:
        """Count another one's scenes too, as if they came after these."""
        self.settings.merge(later.settings)
        if self.spoiled is not None and later.spoiled is not None:
            self.spoiled.merge(later.spoiled)
        self.told |= later.told


def evaluate_scenes(
    job: Job,
    scenes: Sequence[str],
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Score the multi-sense network on scenes, several of them at a time.

    Args:
        job: what to evaluate.
        scenes: their names; the order of `Found.told` is theirs.
        workers: processes; no more are started than there are scenes.
        progress: called with the number of scenes done and of all.

    Raises:
        EvaluationError: there is no scene, or a process was killed, as the system does where memory runs out.
    """
    if not scenes:
        raise EvaluationError(f"{job.dataroot}: there is no scene to evaluate")
    count = max(1, min(workers, len(scenes)))
    context = multiprocessing.get_context("spawn")  # threads of PyTorch do not survive a fork
    parts: dict[str, Found] = {}
    number = context.Value("i", 0)
    share = job.threads or max(1, len(os.sched_getaffinity(0)) // count)
    pool = ProcessPoolExecutor(count, context, _begin, (job, share, number))
    try:
        waiting = {pool.submit(_evaluate, name): name for name in scenes}
        for future in as_completed(waiting):
            parts[waiting[future]] = future.result()
            if progress:
                progress(len(parts), len(scenes))
    except BrokenProcessPool as error:
        raise EvaluationError(
            f"{job.dataroot}: one of {count} processes was killed, maybe for memory: use fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    first, *rest = (parts[name] for name in scenes)
    for part in rest:
        first.merge(part)
    return first


_JOB: Job | None = None
_READER: NuScenesReader | None = None
_ENGINE: MultiSenseEngine | None = None


def _begin(job: Job, threads: int, number: object) -> None:
    """Set a process up: what it keeps from scene to scene is its own."""
    global _JOB, _READER, _ENGINE  # a pool gives its processes no other place
    with number.get_lock():  # type: ignore[attr-defined]
        place = number.value  # type: ignore[attr-defined]
        number.value += 1  # type: ignore[attr-defined]
    import torch

    from ..dataset import NuScenesReader
    from ..runtime import create_engine
    from ..runtime.multi_sense.engine import MultiSenseEngine

    if torch.cuda.is_available():
        torch.cuda.set_device(place % torch.cuda.device_count())
    _JOB, _READER = job, NuScenesReader(job.dataroot, job.version, (), job.categories)
    engine = create_engine(job.backend, job.weights, threads, job.precision)
    if not isinstance(engine, MultiSenseEngine):
        raise EvaluationError(f"{job.weights} are no weights of the multi-sense network: use one process")
    _ENGINE = engine


def _evaluate(scene: str) -> Found:
    from .multi_sense import judge_of, score_settings
    from .robustness import spoil

    assert _JOB is not None
    assert _READER is not None
    assert _ENGINE is not None
    told: dict[str, None] = {}
    found = score_settings(
        _READER,
        _ENGINE,
        [scene],
        settings=_JOB.settings,
        vocabulary=_JOB.vocabulary,
        told=told.setdefault,
    )
    spoiled = None
    if _JOB.robustness:
        lidar = "lidar" in _ENGINE.config.senses
        spoiled = spoil(_READER, judge_of(_READER, _ENGINE, told.setdefault), [scene], lidar=lidar)
    return Found(found, spoiled, told)
