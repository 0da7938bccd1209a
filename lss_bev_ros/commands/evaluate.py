"""`lss-bev evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def evaluate(
    dataroot: Annotated[Path, typer.Argument(help="nuScenes data root.")],
    version: Annotated[str, typer.Option(help="Version; the one that is there by default.")] = "",
    scenes: Annotated[list[str] | None, typer.Option("--scene", help="Only this scene; repeatable.")] = None,
    split: Annotated[str | None, typer.Option(help="Only the scenes of train, val or test.")] = None,
    limit: Annotated[int | None, typer.Option(help="Keyframes at most.")] = None,
    weights: Annotated[str, typer.Option(help="builtin, a checkpoint, or seed:N.")] = "builtin",
    backend: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads, 0 leaves it to torch.")] = 0,
    threshold: Annotated[float, typer.Option(help="Probability from which a cell is predicted.")] = 0.5,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Report file.")] = None,
    study: Annotated[Path | None, typer.Option(help="Folder for curves and a contact sheet.")] = None,
) -> None:
    """Score the network on a data set, with the numbers that the evaluation node would give.

    With --split or --study also: vehicles that LiDAR sees apart, calibration, and recall by visibility.
    """
    from ..dataset import NuScenesReader
    from ..dataset.split import scenes_of_split
    from ..evaluation import Evaluator, Study, evaluate_dataset, report_table, study_table, write_report
    from ..runtime import create_engine
    from ..visualization.study import write_study_pictures

    reader = NuScenesReader(dataroot, version, tuple(scenes or ()))
    if split:
        scenes = [name for name in scenes_of_split(reader, split) if not scenes or name in scenes]
    engine = create_engine(backend, weights, threads, precision)
    closer = Study(engine.grid, threshold) if split or study else None
    with progress("evaluating") as bar:
        report = evaluate_dataset(
            reader,
            engine,
            scenes,
            limit,
            evaluator=Evaluator(threshold=threshold),
            progress=bar,
            observer=closer,
        )
    engine.close()
    console.print(report_table(report))
    if closer:
        report["study"] = closer.report()
        console.print(study_table(report["study"]))
    if output:
        console.print(f"report      {write_report(output, report)}")
    if study and closer:
        for path in write_study_pictures(closer, study):
            console.print(f"picture     {path}")
