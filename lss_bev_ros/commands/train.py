"""`lss-bev train` and `lss-bev publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console


def train(context: typer.Context) -> None:
    """Train the network on synthetic scenes, drawn during training, or on nuScenes."""
    from .trainer import train as command  # loads torch, which no other command should wait for

    trainer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    trainer.command()(command)
    trainer(args=context.args, prog_name="lss-bev train")


def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path, typer.Argument(help="File to write, .safetensors.")],
) -> None:
    """Make weights for release from a training run: calibrated, averaged, in half precision."""
    from ..training.publish import publish_run

    figures = publish_run(run, out)
    console.print(f"{out}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
