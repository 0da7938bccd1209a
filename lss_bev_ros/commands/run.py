"""`lss-bev run`."""

from __future__ import annotations

import sys
from enum import Enum
from importlib import import_module
from typing import Annotated

import typer


class Executable(str, Enum):
    """The package's nodes, as `ros2 run` knows them."""

    replay = "replay_node"
    inference = "inference_node"
    evaluation = "evaluation_node"
    dashboard = "dashboard_node"


def run(
    context: typer.Context,
    node: Annotated[
        Executable, typer.Argument(help="Node to run; the arguments after it are passed to the node.")
    ],
) -> None:
    """Run one node, as `ros2 run lss_bev_ros NODE` does: with --ros-args -p name:=value -r topic:=other."""
    sys.argv = [node.value, *context.args]
    import_module(f"lss_bev_ros.nodes.{node.name}").main()
