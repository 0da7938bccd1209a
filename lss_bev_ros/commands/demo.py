"""`lss-bev demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console
from .launch import Arguments


def demo(
    arguments: Arguments = None,
    runs: Annotated[Path, typer.Option(file_okay=False, help="Folder for data and results.")] = Path("runs"),
) -> None:
    """Show everything working: replay, inference, evaluation, a bag, a report and a picture.

    Without `dataroot:=DIR` a synthetic street scene is made once and replayed.
    """
    from ..demo.demonstration import run_demo
    from ..ros2 import check

    check()  # before a scene is made in vain
    raise typer.Exit(run_demo(arguments or [], runs, console))
