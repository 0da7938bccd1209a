"""Evaluation of a data set without ROS."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..dataset import Keyframe, NuScenesReader
from ..errors import DatasetError, EvaluationError, ImageError
from ..geometry import vehicle_raster
from .evaluator import Evaluator, FrameScore

if TYPE_CHECKING:
    from ..runtime import Engine, Prediction

_MESSAGES = 20

Observer = Callable[[Keyframe, "Prediction", FrameScore], None]


def evaluate_dataset(
    reader: NuScenesReader,
    engine: Engine,
    scenes: Sequence[str] | None = None,
    limit: int | None = None,
    evaluator: Evaluator | None = None,
    progress: Callable[[int, int], None] | None = None,
    observer: Observer | None = None,
) -> dict[str, object]:
    """Predict and score the keyframes of a data set.

    A damaged or missing image is left out as a lost camera would be, a damaged scan as a lost LiDAR; both
    are counted in the report under `frames.missing`. `data.damaged` has the first messages and
    `data.damaged_files` how many files there are. What has no annotations is not scored against them.

    Args:
        reader: the data set.
        engine: makes a Prediction of a FrameSet.
        scenes: names of the scenes, all of the reader's where None.
        limit: keyframes in all, no limit where None.
        evaluator: where its parameters differ from the defaults; its earlier frames count too.
        progress: called with the number of keyframes done and of all.
        observer: called with each keyframe, prediction and score, to draw or to keep them.

    Returns:
        The report, see `Evaluator.report`.
    """
    names = tuple(scenes) if scenes else reader.scenes
    evaluator = evaluator or Evaluator()
    if limit is not None and limit < 1:
        raise EvaluationError(f"limit {limit} must be at least 1 keyframe; leave it out for all")
    total = sum(reader.count_keyframes(name) for name in names)
    total = total if limit is None else min(total, limit)
    if not total:
        raise EvaluationError(f"{reader.dataroot}: scenes {', '.join(names) or 'none'} have no keyframe")
    damaged = _Damage()
    done = 0
    for name in names:
        for keyframe in reader.keyframes(name):
            if done == total:
                break
            _evaluate_keyframe(keyframe, engine, evaluator, damaged, observer)
            done += 1
            if progress:
                progress(done, total)
    return evaluator.report(
        data={
            "dataroot": str(reader.dataroot),
            "version": reader.version,
            "scenes": list(names),
            "damaged": damaged.messages[:_MESSAGES],
            "damaged_files": damaged.files,
            "notices": list(reader.notices),
        },
        engine={"backend": engine.name, "weights": engine.weights},
    )


@dataclass
class _Damage:
    """Files that could not be used, and why."""

    messages: list[str] = field(default_factory=list)
    files: int = 0

    def add(self, message: str, files: int = 1) -> None:
        self.messages.append(message)
        self.files += files


def _evaluate_keyframe(
    keyframe: Keyframe,
    engine: Engine,
    evaluator: Evaluator,
    damaged: _Damage,
    observer: Observer | None,
) -> None:
    images: dict[str, bytes] = {}
    for name in keyframe.rig.names:
        shot = keyframe.cameras.get(name)
        try:
            if shot is not None:
                images[name] = shot.encoded()
        except DatasetError as error:
            damaged.add(str(error))
        if name not in images:
            evaluator.miss("images")
    if not images:
        evaluator.miss("predictions")
        return
    scan = None
    try:
        if keyframe.lidar is not None:
            pose = keyframe.lidar.pose
            scan = (pose.apply(keyframe.lidar.points()[:, :3]), pose.translation)
    except DatasetError as error:
        damaged.add(str(error))
    from ..runtime import FrameSet  # with it comes torch, which the evaluation node does without

    stamp = max(keyframe.cameras[name].stamp for name in images)
    started = time.perf_counter()
    try:
        prediction, problems = engine.infer_usable(FrameSet(stamp, keyframe.rig, images))
    except ImageError as error:
        damaged.add(f"{keyframe.cameras[error.camera].path}: {error}", len(images))
        evaluator.miss("images", len(images))
        evaluator.miss("predictions")
        return
    for name, problem in problems.items():
        damaged.add(f"{keyframe.cameras[name].path}: {problem}")
    if problems:
        evaluator.miss("images", len(problems))
    latency_ms = (time.perf_counter() - started) * 1e3
    score = evaluator.update(
        stamp=stamp,
        occupancy=prediction.occupancy,
        truth=vehicle_raster(keyframe.boxes, evaluator.grid) if keyframe.annotated else None,
        scan=scan,
        latency_ms=latency_ms,
        scene=keyframe.scene,
    )
    if observer:
        observer(keyframe, prediction, score)
