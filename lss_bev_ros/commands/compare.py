"""`lss-bev compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="What to compare B with.")],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="reference, a backend with or without :precision, an exported file, a checkpoint, or "
            "camera.onnx+bev.onnx.",
        ),
    ],
    dataroot: Annotated[
        Path | None, typer.Option("--data", help="nuScenes data root; a synthetic scene by default.")
    ] = None,
    frames: Annotated[
        int,
        typer.Option(help="Number of keyframes, spread over the data; of multi-sense networks the first."),
    ] = 20,
    cameras: Annotated[
        list[int] | None, typer.Option(help="Also compare with only this many cameras; repeatable.")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of backends: builtin[-multi], a checkpoint, or seed:N.")
    ] = "builtin",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: the backend decides.")] = 0,
    threshold: Annotated[
        float, typer.Option(help="Lowest probability at which a cell counts as predicted.")
    ] = 0.5,
    tolerance_cosine: Annotated[
        float | None, typer.Option(help="Lowest cosine similarity of any tensor.")
    ] = None,
    tolerance_iou: Annotated[float | None, typer.Option(help="Largest difference of IoU.")] = None,
    tolerance_agreement: Annotated[float | None, typer.Option(help="Lowest share of equal cells.")] = None,
    tolerance_error: Annotated[float | None, typer.Option(help="Largest error of a logit.")] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Report, .md or .json; the other one is written next to it."),
    ] = Path("runs/compare.md"),
) -> None:
    """Compare two ways to run the network on the same frames; exit code 1 past a tolerance.

    A tolerance that is not given follows from the lower precision of the two.
    """
    from .. import files
    from ..benchmark import compare as comparing
    from ..dataset import NuScenesReader
    from ..demo.scene import synthetic_scene
    from ..errors import DeployError
    from ..evaluation.frames import dataset_frames

    with console.status("opening"):
        a = comparing.open_subject(first, weights, threads)
        b = comparing.open_subject(second, weights, threads)
    if dataroot is None:
        dataroot = synthetic_scene(Path("runs") / "data", console)
    tolerances = comparing.Tolerances.of(
        (a.precision, b.precision), tolerance_cosine, tolerance_iou, tolerance_agreement, tolerance_error
    )
    with progress("comparing") as bar:
        if isinstance(a, comparing.MultiSenseSubject) and isinstance(b, comparing.MultiSenseSubject):
            reader = NuScenesReader(dataroot, version="")
            report = comparing.compare_multi_sense(
                a, b, reader, frames, tolerances, cameras or (), threshold, progress=bar
            )
        elif isinstance(a, comparing.MultiSenseSubject) or isinstance(b, comparing.MultiSenseSubject):
            raise DeployError(
                f"{first} and {second} are of different networks, the published and the multi-sense one: "
                f"compare two of one, and name the weights of backends with --weights"
            )
        else:
            taken = dataset_frames(dataroot, frames)
            report = comparing.compare(a, b, taken, tolerances, cameras or (), threshold, progress=bar)
    for subject in (a, b):
        subject.close()
    console.print(comparing.comparison_table(report))
    files.write(output.with_suffix(".md"), comparing.markdown(report), DeployError)
    files.write_json(output.with_suffix(".json"), report, DeployError)
    console.print(f"report      {output.with_suffix('.md')}, {output.with_suffix('.json')}")
    problems = comparing.failures(report)
    for problem in problems:
        console.print(f"beyond the tolerance: {problem}", markup=False)
    if problems:
        raise typer.Exit(1)
