"""`lss-bev inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console


def inspect(
    models: Annotated[list[Path], typer.Argument(help="Exported .onnx files, fp32, fp16 or with Q/DQ.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Compute capability to build for, such as 8.9; repeatable. By default one engine for all."
        ),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Sizes of an input with free dimensions, see `lss-bev build`."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="JSON file of every layer.")
    ] = None,
) -> None:
    """Build engines and show what became of each layer: precision, fusion, and what only moves data.

    Needs TensorRT for RTX (pip install tensorrt-rtx) and neither a GPU nor a driver. No engine is kept.
    """
    from .. import files
    from ..deploy.inspecting import inspect_model, inspection_table
    from ..errors import DeployError
    from .build import parse_shapes

    shapes = parse_shapes(shape or [])
    found = []
    for model in models:
        for each in target or [""]:
            with console.status(f"building {model.name} for {each or 'all'}"):
                found.append(inspect_model(model, each, shapes))
    console.print(inspection_table(found))
    for one in found:
        for what, layers in (("fp32", one.layers.writing("fp32")), ("only moves data", one.layers.moves)):
            for layer in layers:
                console.print(f"{one.name} {one.target or 'all'}: {what}: {layer.label}", markup=False)
    if output is not None:
        files.write_json(output, {"engines": [one.report() for one in found]}, DeployError)
        console.print(f"report      {output}")
