"""`lss-bev build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console


def build(
    models: Annotated[list[Path], typer.Argument(help="Exported .onnx files, fp32, fp16 or with Q/DQ.")],
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the engines; the model's by default.")
    ] = None,
    workspace: Annotated[int, typer.Option(help="MiB that tactics may use; 0 for all.")] = 0,
    dla: Annotated[
        int | None, typer.Option(help="DLA core, for the camera encoder; the rest stays on the GPU.")
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="Of an input with free sizes: name=smallest,usual,largest, such as "
            "images=1x3x128x352,6x3x128x352,8x3x128x352."
        ),
    ] = None,
    level: Annotated[int | None, typer.Option(min=0, max=5, help="How long to search, 0 to 5.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Build even where an engine fits.")] = False,
) -> None:
    """Build TensorRT engines on this machine, for this machine.

    An engine that is there is kept where it is of the same model, options, TensorRT and GPU.
    """
    from rich.progress import Progress

    from ..runtime.tensorrt.builder import BuildOptions
    from ..runtime.tensorrt.building import ensure_engine

    options = BuildOptions(shapes=_shapes(shape or []), workspace_mib=workspace, dla=dla, level=level)
    for model in models:
        with Progress(console=console, transient=True) as bar:
            tasks: dict[str, int] = {}

            def told(phase: str, done: int, total: int, tasks: dict[str, int] = tasks, bar=bar) -> None:
                if phase not in tasks:
                    tasks[phase] = bar.add_task(phase, total=total)
                bar.update(tasks[phase], completed=done, visible=done < total)

            built = ensure_engine(model, out, options, told, rebuild)
        verb = "built" if built.built else "kept"
        console.print(f"{verb}       {built.path}: {built.reason}", markup=False)


def _shapes(given: list[str]) -> dict[str, list[list[int]]]:
    """Parse `name=1x3x8,2x3x8,4x3x8`."""
    from ..errors import DeployError

    shapes: dict[str, list[list[int]]] = {}
    for text in given:
        name, _, listed = text.partition("=")
        try:
            shapes[name] = [[int(size) for size in one.split("x")] for one in listed.split(",")]
        except ValueError:
            shapes[name] = []
        three = shapes[name]
        if len(three) != 3 or len({len(one) for one in three}) != 1 or min(map(min, three)) < 1:
            raise DeployError(
                f"--shape {text} must be a name and three shapes, smallest, usual and largest, such as "
                f"images=1x3x128x352,6x3x128x352,8x3x128x352"
            )
    return shapes
