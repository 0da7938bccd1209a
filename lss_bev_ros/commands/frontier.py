"""`lss-bev frontier`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def frontier(
    model: Annotated[
        list[str],
        typer.Option(
            help="LABEL=WEIGHTS or LABEL=BACKEND:PRECISION@WEIGHTS; repeatable; the first is the baseline."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(file_okay=False, help="Folder for the table, the chart and the figures.")
    ] = Path("runs/frontier"),
    dataroot: Annotated[
        Path | None, typer.Option(help="nuScenes data root with annotated frames; by default the demo's.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Number of frames, spread over the data.")] = 40,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: the backends decide.")] = 0,
) -> None:
    """Measure IoU and latency of several networks, alternating on the same frames."""
    from ..benchmark.frontier import Contender, frontier_table, measure_frontier, write_frontier
    from ..demo.scene import synthetic_scene
    from ..evaluation.frames import dataset_frames

    contenders = [Contender.parse(text) for text in model]
    dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
    with progress("measuring") as bar:
        measured = measure_frontier(contenders, dataset_frames(dataroot, frames), threads, bar)
    console.print(frontier_table(measured))
    written = write_frontier(measured, out)
    for path in written:
        console.print(f"written     {path}")
    if not any(path.suffix == ".png" for path in written):
        console.print("no picture: matplotlib is not installed: pip install matplotlib")
