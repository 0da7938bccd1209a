"""Run all contenders on the same frames, frame by frame in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ...errors import DeployError
from ...evaluation.frames import BenchmarkFrames
from ...evaluation.metrics import AnnotationScore
from ...runtime import Prediction, create_engine
from ...runtime.engine import NetworkEngine
from ...runtime.preprocess import NetworkInput
from ..machine import describe_machine
from ..turns import Turns, times_faster
from .contender import Contender


@dataclass(frozen=True, eq=False)
class FrontierPoint:
    """One contender's accuracy and latency.

    Attributes:
        contender: which.
        engine: backend and precision that it became.
        iou: over all frames, NaN without annotations.
        milliseconds: (frames,) of the network alone, decoding and resizing apart.
    """

    contender: Contender
    engine: str
    iou: float
    milliseconds: np.ndarray

    @property
    def median(self) -> float:
        """Median latency, ms."""
        return float(np.median(self.milliseconds))

    def times_faster(self, than: FrontierPoint) -> float:
        """Median over the frames of the other's latency over this one's."""
        return times_faster(than.milliseconds, self.milliseconds)


@dataclass(frozen=True, eq=False)
class Frontier:
    """All contenders of one run; the first one is what the others are compared with.

    Attributes:
        points: in the order given.
        frames: where the frames come from.
        machine: that it ran on, its load at the start included.
    """

    points: tuple[FrontierPoint, ...]
    frames: str
    machine: dict[str, object]


def measure_frontier(
    contenders: Sequence[Contender],
    frames: BenchmarkFrames,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Frontier:
    """Predict every frame with every contender before the next frame, so that a busy moment hits all alike.

    Raises:
        LssBevError: a contender cannot be run here.
    """
    if not contenders:
        raise DeployError("there is no network to measure: name some with --model LABEL=WEIGHTS")
    machine = describe_machine()
    engines: list[NetworkEngine] = []
    try:
        for contender in contenders:
            engine = create_engine(contender.backend, contender.weights, threads, contender.precision)
            if not isinstance(engine, NetworkEngine):
                engine.close()
                raise DeployError(f"{contender.label}: {engine.name} cannot run its network alone")
            engines.append(engine)
        scores = [AnnotationScore(each.grid) for each in engines]
        turns = Turns(len(engines))
        for index, (frame, images) in enumerate(
            zip(frames.sets, _normalised(frames, engines[0]), strict=True)
        ):
            visible = engines[0].tables(frame).visible
            runs = [partial(_run, each, each.prepare(images), each.tables(frame)) for each in engines]
            for each, score, logits in zip(engines, scores, turns.round(runs), strict=True):
                if frames.truth:
                    occupancy = Prediction(frame.stamp, each.grid, logits, visible).occupancy
                    score.update(occupancy, frames.truth[index])
            if progress:
                progress(index + 1, len(frames.sets))
        names = [each.name for each in engines]
    finally:
        for each in engines:
            each.close()
    points = (
        FrontierPoint(contender, name, score.running["iou"] if frames.truth else float("nan"), row)
        for contender, name, score, row in zip(contenders, names, scores, turns.milliseconds, strict=True)
    )
    return Frontier(tuple(points), frames.source, machine)


def _run(engine: NetworkEngine, prepared: object, tables: object) -> np.ndarray:
    """(nx, ny) float32 logits on the host."""
    with torch.inference_mode():
        return engine.network(prepared, tables)[0].float().cpu().numpy().copy()


def _normalised(frames: BenchmarkFrames, engine: NetworkEngine) -> Iterator[torch.Tensor]:
    """(N, 3, H, W) float32 for each frame, one at a time."""
    with NetworkInput(engine.config) as read:
        for frame in frames.sets:
            yield read(frame).contiguous()
