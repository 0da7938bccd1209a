"""`lss-bev compare`."""

from __future__ import annotations

from contextlib import ExitStack
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
    image_size: Annotated[
        list[str] | None,
        typer.Option(
            help="Height x width of the network's input, of both sides where they are no files: 256x704; "
            "repeatable, a table over the sizes."
        ),
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
        typer.Option(
            "--output",
            "-o",
            dir_okay=False,
            help="Report, .md or .json; the other one is written next to it.",
        ),
    ] = Path("runs/compare.md"),
) -> None:
    """Compare two ways to run the network on the same frames; exit code 1 past a tolerance.

    A tolerance that is not given follows from the lower precision of the two.
    """
    from .. import files
    from ..benchmark import compare as comparing
    from ..benchmark.progress import part_of
    from ..demo.scene import synthetic_scene
    from ..errors import DeployError
    from .export import sized

    sizes = [sized(text) for text in image_size or ()]
    images: list[tuple[int, int] | None] = [(size.image_height, size.image_width) for size in sizes]
    bounds = (tolerance_cosine, tolerance_iou, tolerance_agreement, tolerance_error)
    reports = []
    with progress("comparing") as bar:
        for index, image in enumerate(images or [None]):
            with ExitStack() as stack:
                a = comparing.open_subject(first, weights, threads, image)
                stack.callback(a.close)
                b = comparing.open_subject(second, weights, threads, image)
                stack.callback(b.close)
                dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
                tolerances = comparing.Tolerances.of((a.precision, b.precision), *bounds)
                told = part_of(bar, index, max(1, len(images)))
                reports.append(
                    comparing.compare_subjects(
                        a, b, dataroot, frames, tolerances, cameras or (), threshold, told
                    )
                )
    report = comparing.joined(reports)
    console.print(comparing.comparison_table(report))
    files.write(output.with_suffix(".md"), comparing.markdown(report), DeployError)
    files.write_json(output.with_suffix(".json"), report, DeployError)
    console.print(f"report      {output.with_suffix('.md')}, {output.with_suffix('.json')}")
    problems = comparing.failures(report)
    for problem in problems:
        console.print(f"beyond the tolerance: {problem}", markup=False)
    if problems:
        raise typer.Exit(1)
