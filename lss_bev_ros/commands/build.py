"""`lss-bev build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console


def build(
    models: Annotated[list[Path], typer.Argument(help="Exported .onnx files, fp32, fp16 or with Q/DQ.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", file_okay=False, help="Folder for the engines; by default that of the model."
        ),
    ] = None,
    workspace: Annotated[int, typer.Option(help="Workspace limit of the tactics, in MiB; 0: no limit.")] = 0,
    dla: Annotated[
        int | None, typer.Option(help="Run the camera encoder on this DLA core; the rest stays on the GPU.")
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="Sizes of an input with free dimensions: name=smallest,usual,largest, such as "
            "images=1x3x128x352,6x3x128x352,8x3x128x352. Tables have room for any usual rig."
        ),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(
            min=0, max=5, help="TensorRT's builder optimization level: 0 (fast build) to 5 (long search)."
        ),
    ] = None,
    rebuild: Annotated[bool, typer.Option(help="Build even if a matching engine exists.")] = False,
) -> None:
    """Build TensorRT engines on this machine, for this machine.

    TensorRT for RTX is taken where TensorRT itself is not installed. An existing engine is kept if it has the
    same model, options, TensorRT and GPU.
    """
    from rich.progress import Progress

    from ..runtime.tensorrt.builder import BuildOptions
    from ..runtime.tensorrt.building import ensure_engine

    options = BuildOptions(shapes=parse_shapes(shape or []), workspace_mib=workspace, dla=dla, level=level)
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


def parse_shapes(given: list[str]) -> dict[str, list[list[int]]]:
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
