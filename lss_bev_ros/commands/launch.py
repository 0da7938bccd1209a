"""`lss-bev launch`."""

from __future__ import annotations

from typing import Annotated

import typer

PACKAGE = "lss_bev_ros"
Arguments = Annotated[list[str] | None, typer.Argument(metavar="[name:=value]...")]


def launch(
    file: Annotated[str, typer.Argument(help="demo.launch.py, another of the package's, or a path.")],
    arguments: Arguments = None,
    show_args: Annotated[bool, typer.Option("--show-args", "-s", help="List the file's arguments.")] = False,
    debug: Annotated[bool, typer.Option("--debug", "-d", help="Log what the launch system does.")] = False,
) -> None:
    """Run a launch file, as `ros2 launch lss_bev_ros FILE` does."""
    from pipros import launching

    from ..ros2 import check

    check()  # before the nodes fail on it one by one, and so that what they lack is made once

    if show_args:
        print(launching.describe_arguments(file, PACKAGE))
        return
    raise typer.Exit(launching.launch(file, PACKAGE, arguments or [], debug=debug))
