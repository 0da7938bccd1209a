"""`lss-bev evaluate`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DatasetError, EvaluationError
from ..files import to_json
from .console import console, listed, progress

if TYPE_CHECKING:
    from ..dataset import Keyframe, NuScenesReader
    from ..evaluation.evaluator import FrameScore
    from ..evaluation.multi_sense import Vocabulary
    from ..evaluation.workers import Found
    from ..runtime import Engine, Prediction
    from ..runtime.multi_sense.engine import MultiSenseEngine

_SHOWN = 5
_ANNOTATED = ("iou", "iou_0_10", "iou_10_20", "precision", "recall")
_BY_LIDAR = ("lidar_support", "lidar_contradiction", "lidar_recall")
"""What is printed of each picture, where there is something to score it against."""


def evaluate(
    dataroot: Annotated[Path, typer.Argument(help="nuScenes data root.")],
    version: Annotated[str, typer.Option(help="Version; by default the one found.")] = "",
    scenes: Annotated[list[str] | None, typer.Option("--scene", help="Only this scene; repeatable.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Only the scenes of this split: train, val or test.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Largest number of keyframes.")] = None,
    weights: Annotated[str, typer.Option(help="builtin, a checkpoint, or seed:N.")] = "builtin",
    backend: Annotated[str, typer.Option(help="Engine that runs the network.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides.")] = 0,
    threshold: Annotated[
        float,
        typer.Option(
            help="Lowest probability at which a cell counts as predicted; 0: of each frame the one at which "
            "its own probabilities expect the highest IoU."
        ),
    ] = 0.5,
    vehicle_categories: Annotated[
        list[str] | None,
        typer.Option(
            help="Categories that count as vehicles: A,B or repeated; by default decided by their names."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Report file.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for curves and a contact sheet.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder for a picture of each keyframe; also prints their scores."
        ),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also lose, move and spoil sensors one at a time: some forty runs a keyframe.",
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that score all answers, a scene at a time each; one with --limit. GPUs in turn."
        ),
    ] = 1,
) -> None:
    """Score the network on a data set, with the same metrics as the evaluation node.

    The multi-sense network is also scored by all its answers, for each setting of its senses. With --split or
    --study also: vehicles that LiDAR sees apart, calibration, and recall by visibility. Ends
    with exit code 1 where no keyframe could be read, or none has anything to score it against.
    """
    from ..dataset import NuScenesReader
    from ..dataset.split import scenes_of_split
    from ..evaluation import (
        Evaluator,
        Study,
        evaluate_dataset,
        evaluate_robustness,
        evaluate_settings,
        report_table,
        robustness_table,
        settings_table,
        study_table,
        write_report,
    )
    from ..evaluation.multi_sense import judge_of, told_metrics
    from ..evaluation.robustness import VehicleJudge
    from ..evaluation.workers import Job, evaluate_scenes
    from ..runtime import create_engine
    from ..runtime.multi_sense.engine import MultiSenseEngine
    from ..visualization.study import write_study_pictures

    reader = NuScenesReader(dataroot, version, tuple(scenes or ()), listed(vehicle_categories))
    notices = reader.notices
    for notice in notices:
        console.print(f"note        {notice}", soft_wrap=True)
    if split:
        scenes = [name for name in scenes_of_split(reader, split) if not scenes or name in scenes]
    _tell_rig(reader, scenes or reader.scenes)
    engine = create_engine(backend, weights, threads, precision)
    closer = Study(engine.grid, threshold) if split or study else None
    drawer = _Drawer(pictures, engine) if pictures else None
    observers = [each for each in (closer, drawer) if each is not None]

    def told(*seen) -> None:
        for observe in observers:
            observe(*seen)

    with progress("evaluating") as bar:
        report = evaluate_dataset(
            reader,
            engine,
            scenes,
            limit,
            evaluator=Evaluator(threshold=threshold),
            progress=bar,
            observer=told if observers else None,
        )
    console.print(report_table(report))
    for line in drawer.lines if drawer else ():
        console.print(line, soft_wrap=True, markup=False)
    unscored = _tell(report)
    if closer:
        found = closer.report()
        report["study"] = found
        console.print(study_table(found))
    multi = engine if isinstance(engine, MultiSenseEngine) else None
    faults: dict[str, None] = {}
    failures: list[EvaluationError] = []  # of parts: what the others scored is kept
    vocabulary = _vocabulary(multi) if multi and not unscored else None
    parts: Found | None = None
    if multi and not unscored and workers > 1 and limit is None:
        job = Job(
            dataroot,
            version,
            listed(vehicle_categories),
            backend,
            weights,
            precision,
            threads,
            vocabulary,
            robustness,
        )
        with progress("all answers") as bar:
            parts = evaluate_scenes(job, list(scenes or reader.scenes), workers, bar)
        faults |= parts.told
    if multi and not unscored:
        with _kept(failures):
            if parts is not None:
                settings = told_metrics(parts.settings, dataroot, vocabulary)
            else:
                with progress("all answers") as bar:
                    settings = evaluate_settings(
                        reader,
                        multi,
                        scenes,
                        limit,
                        progress=bar,
                        vocabulary=vocabulary,
                        told=faults.setdefault,
                    )
            report["settings"] = to_json(settings)
            console.print(settings_table(settings))
    if robustness and not unscored:
        with _kept(failures):
            if parts is not None and parts.spoiled is not None:
                spoiled = parts.spoiled.report(dataroot)
            else:
                judge = (
                    judge_of(reader, multi, faults.setdefault)
                    if multi
                    else lambda: VehicleJudge(engine, threshold)
                )
                lidar = multi is not None and "lidar" in multi.config.senses
                with progress("spoiling") as bar:
                    spoiled = evaluate_robustness(reader, judge, scenes, limit, lidar, progress=bar)
            report["robustness"] = to_json(spoiled)
            console.print(robustness_table(spoiled))
    engine.close()
    for notice in reader.notices[len(notices) :]:  # of maps and labels, which were not asked for before
        console.print(f"note        {notice}", soft_wrap=True)
    for line in list(faults)[:_SHOWN]:
        console.print(f"unreadable  {line}", soft_wrap=True, markup=False)
    if faults:
        report["unscored"] = list(faults)
    if output:
        console.print(f"report      {write_report(output, report)}")
    if study and closer:
        for path in write_study_pictures(closer, study):
            console.print(f"picture     {path}")
    if unscored:
        raise EvaluationError(f"{dataroot}: {unscored}")
    if failures:
        raise failures[0]


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


class _Drawer:
    """An observer of `evaluate_dataset` that writes a picture of each keyframe."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder, self._grid, self._made_by = folder, engine.grid, f"{engine.weights}, {engine.name}"
        self.lines: list[str] = []

    def __call__(self, keyframe: Keyframe, prediction: Prediction, score: FrameScore) -> None:
        import cv2

        from .. import files
        from ..geometry import vehicle_raster
        from ..visualization.sheet import frame_sheet

        images = {}
        for name, shot in keyframe.cameras.items():
            with suppress(DatasetError):  # told by the evaluation
                images[name] = shot.encoded()
        truth = vehicle_raster(keyframe.boxes, self._grid) if keyframe.annotated else None
        metrics = score.metrics
        page = frame_sheet(
            images, prediction.occupancy, self._grid, score.lidar, truth,
            f"{keyframe.scene}, {keyframe.token[:8]}", self._made_by, metrics,
        )  # fmt: skip
        _, data = cv2.imencode(".jpg", page[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        # Scenes are named by whoever recorded them.
        scene = re.sub(r"[^-.\w]", "_", keyframe.scene)
        path = self._folder / f"{scene}_{keyframe.stamp}.jpg"
        files.write(path, data.tobytes(), EvaluationError)
        shown = (*(_ANNOTATED if keyframe.annotated else ()), *(_BY_LIDAR if score.lidar is not None else ()))
        scores = "  ".join(f"{name} {_figure(metrics.get(name, math.nan))}" for name in shown)
        self.lines.append(f"{path}: {scores or 'nothing to score it against'}")


@contextmanager
def _kept(failures: list[EvaluationError]) -> Iterator[None]:
    """Keep the failure of a part for the end."""
    try:
        yield
    except EvaluationError as error:
        failures.append(error)


def _vocabulary(engine: MultiSenseEngine) -> Vocabulary | None:
    """A phrase for each kind of thing that nothing was fitted to; None where words cannot be scored."""
    from ..evaluation.multi_sense import Vocabulary
    from ..words.encoder import TextEncoder
    from ..words.held_out import SYNONYMS, misunderstood, one_a_kind
    from ..words.phrasings import HELD_OUT
    from ..words.projection import WordSpace

    if "embedding" not in engine.config.heads:
        return None
    try:
        from ..synthetic.things import THINGS

        wrong = misunderstood(WordSpace.load(), TextEncoder(), SYNONYMS)
    except ImportError as error:
        console.print(
            f"note        words are not scored ({error}): pip install 'lss_bev_ros[synthetic,words]'",
            soft_wrap=True,
            markup=False,
        )
        return None
    right, asked = float(len(SYNONYMS) - len(wrong)), float(len(SYNONYMS))
    return Vocabulary(
        one_a_kind(),
        HELD_OUT,
        {thing.name: thing.priority for thing in THINGS},
        {"synonyms": right / asked, "synonyms_right": right, "synonyms_asked": asked},
    )


def _tell_rig(reader: NuScenesReader, scenes: Sequence[str]) -> None:
    """Print what cannot be right of how the first scene's cameras are mounted and calibrated."""
    from ..doctor.watch import check_rig

    with suppress(DatasetError):  # said by the keyframes
        for problem in check_rig(reader.first_rig(scenes[0]).cameras) if scenes else ():
            where = f"{scenes[0]}: {problem.subject}"
            console.print(f"note        {where}: {problem.text}; correct calibrated_sensor", soft_wrap=True)


def _tell(report: dict) -> str:
    """Print what could not be read or scored; return why nothing at all was, or nothing."""
    data, frames = report["data"], report["frames"]
    for line in data["damaged"][:_SHOWN]:
        console.print(f"unreadable  {line}", soft_wrap=True)
    if data["damaged_files"]:
        count = data["damaged_files"]
        console.print(f"{count} file{'s' * (count > 1)} could not be read")
    if not frames["evaluated"]:
        return "no keyframe could be read, so nothing is scored"
    if not (frames["with_annotations"] or frames["with_lidar"]):
        return "there are neither annotated vehicles nor LiDAR scans to score against"
    for count, what in ((frames["with_annotations"], "annotated vehicles"), (frames["with_lidar"], "LiDAR")):
        if count < frames["evaluated"]:
            missing = frames["evaluated"] - count
            console.print(
                f"note        {missing} of {frames['evaluated']} frames are not scored against {what}"
            )
    return ""
