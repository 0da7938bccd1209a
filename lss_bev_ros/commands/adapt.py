"""`lss-bev adapt`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import TrainingError
from .console import console, progress

if TYPE_CHECKING:
    from ..adapt.adaptation import Adaptation

NOT_BETTER = 3
"""Exit code where the weights that were written are the old ones."""


def adapt(
    drive: Annotated[
        Path, typer.Argument(help="Data root in the nuScenes format, or a bag of your own car.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Weights to write, .safetensors.")],
    weights: Annotated[str, typer.Option(help="Weights with cameras and LiDAR.")] = "builtin-multi",
    run: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder of the run; by default OUT with .run in place of its suffix."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(help="Longest training, minutes.")] = 15.0,
    steps: Annotated[int, typer.Option(help="Most optimiser steps.")] = 3000,
    batch: Annotated[int, typer.Option(help="Samples per step.")] = 16,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 3e-4,
    consistency: Annotated[
        float, typer.Option(help="Weight of agreement over time and cameras; 0: none.")
    ] = 0.5,
    patience: Annotated[int, typer.Option(help="Judgements without a gain after which it ends.")] = 6,
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32; auto: bf16 on a GPU.")] = "auto",
    workers: Annotated[int, typer.Option(help="Threads that read; 0: one per core.")] = 0,
    memory: Annotated[
        float, typer.Option(help="GB of device memory for the drive; 0: by what is free.")
    ] = 0.0,
    scale: Annotated[float, typer.Option(help="Image scale, 1: 1600 x 900; 0: by device.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of order and augmentation.")] = 0,
    version: Annotated[str, typer.Option(help="Version of the data root; by default the one found.")] = "",
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Report file; it is also in the run's folder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run.")] = False,
) -> None:
    """Adapt a camera network to your car, by a drive that nobody annotated: its LiDAR teaches its cameras.

    Held-out minutes judge it. Where they do not get better, OUT holds the old weights and the exit code is 3.
    """
    import torch

    from ..adapt.adaptation import adapt as adapted
    from ..adapt.recipe import AdaptRecipe
    from ..files import write_json
    from ..training.bar import shown

    if out.suffix != ".safetensors":
        raise TrainingError(f"--out {out}: weights are written as .safetensors")
    folder = run or out.with_suffix(".run")
    root = _root_of(drive, folder)
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    recipe = AdaptRecipe(
        steps=steps,
        seconds=60 * minutes,
        batch=batch,
        rate=rate,
        warm_up=min(50, max(1, steps // 10)),
        precision=("bf16" if cuda else "fp32") if precision == "auto" else precision,
        seed=seed,
        start=weights,
        consistency=consistency,
        patience=patience,
    )
    with shown() as (message, watch):
        made = adapted(
            root,
            weights,
            out,
            folder,
            recipe,
            version,
            device,
            workers,
            memory,
            scale,
            resume,
            message,
            watch,
        )
    _tell(made)
    if report is not None:
        console.print(f"report      {write_json(report, made.report(), TrainingError)}", soft_wrap=True)
    if not made.taken:
        raise typer.Exit(NOT_BETTER)


def _root_of(drive: Path, folder: Path) -> Path:
    """The data root: as given, or made of a bag beside the run, once."""
    is_bag = drive.is_file() or (drive / "metadata.yaml").is_file() or any(drive.glob("*.mcap"))
    if not is_bag:
        return drive
    from ..bags.drive import import_bag
    from .import_bag import tell_imported

    root = folder / "drive"
    if not root.is_dir():
        with progress("importing") as bar:
            tell_imported(import_bag(drive, root, progress=bar))
    return root


def _tell(made: Adaptation) -> None:
    from rich.table import Table

    table = Table(title="held-out minutes, cameras alone, no labels")
    for name in ("", "before", "after"):
        table.add_column(name, justify="right" if name else "left")
    for name, value in made.before.items():
        shown = ("-" if math.isnan(each) else f"{each:.4f}" for each in (value, made.after[name]))
        table.add_row(name, *shown)
    console.print(table)
    if made.taken:
        console.print(f"{made.out}: new weights", soft_wrap=True, markup=False)
    else:
        console.print(
            f"{made.out}: the old weights, unchanged, since the new ones are not better: {made.reason}",
            soft_wrap=True,
            markup=False,
        )
