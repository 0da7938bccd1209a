"""`lss-bev parameters`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def parameters(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of printing.")
    ] = None,
) -> None:
    """Print a parameter file with every node's parameters, their defaults and meaning."""
    from .. import files
    from ..nodes.parameter_file import parameter_file

    if output is None:
        print(parameter_file(), end="")
    else:
        files.write(output, parameter_file())
