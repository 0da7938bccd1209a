"""`lss-bev synthesize`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress

_BUSY_THREADS = 3
"""Threads that one process keeps busy; Python's lock leaves further ones waiting."""


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    scenes: Annotated[int, typer.Option(help="Number of scenes.")] = 2,
    seconds: Annotated[float, typer.Option(help="Length of a scene, in seconds.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 0,
    sweeps: Annotated[bool, typer.Option(help="Also make sweeps: 12 Hz cameras, 20 Hz LiDAR.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="Threads, of several processes where there are many; by default one a core."),
    ] = None,
    version: Annotated[str, typer.Option(help="Name of the version folder.")] = "v1.0-mini",
    lens: Annotated[
        str,
        typer.Option(
            help="Lens distortion: plumb_bob, rational_polynomial, equidistant, or mixed; none by default."
        ),
    ] = "",
    street: Annotated[
        str, typer.Option(help="drawn, or realistic, which is nearer to recorded streets.")
    ] = "drawn",
    assets: Annotated[
        Path | None,
        typer.Option(help="Folder of models (OBJ, DAE), textures and skies (EXR) for the realistic street."),
    ] = None,
    truth: Annotated[
        str,
        typer.Option(
            help="Less truth: boxes, or maps for boxes, street maps and whose future to predict, "
            "but not what fills the space around the car."
        ),
    ] = "all",
) -> None:
    """Make a synthetic data set in the nuScenes format."""
    from ..synthetic import synthesize as make
    from ..synthetic.synthesis import street_config

    config, found = street_config(street, assets)
    for line in found.notices if found else ():
        console.print(f"note        {line}", soft_wrap=True, markup=False)
    threads = workers or len(os.sched_getaffinity(0))

    with progress("rendering") as bar:
        root = make(
            out,
            scenes=scenes,
            seconds=seconds,
            seed=seed,
            sweeps=sweeps,
            workers=workers,
            processes=max(1, math.ceil(threads / _BUSY_THREADS)),
            progress=bar,
            version=version,
            lens=lens,
            truth=truth,
            config=config,
            assets=found,
        )
    console.print(f"{root}: {scenes} scenes of {seconds:g} s, version {version}")
