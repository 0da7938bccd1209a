"""`lss-bev endure`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from ..errors import RosError
from .console import console


def endure(
    dataroot: Annotated[
        Path | None, typer.Option(help="Data set to replay; a synthetic scene is made where none is given.")
    ] = None,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder for the report, the logs and the bag.")
    ] = Path("runs/endure"),
    weights: Annotated[str, typer.Option(help="Of the network.")] = "builtin-pruned",
    node: Annotated[
        list[str] | None, typer.Option(help="That is killed and stopped; may be given again. All by default.")
    ] = None,
    kills: Annotated[int, typer.Option(help="Times that each node is killed.", min=0)] = 2,
    stops: Annotated[int, typer.Option(help="Times that each node stands still for 3 s.", min=0)] = 1,
    cameras: Annotated[int, typer.Option(help="Times that each fault of cameras is made.", min=0)] = 1,
    messages: Annotated[int, typer.Option(help="Messages that mean harm.", min=0)] = 1000,
    payloads: Annotated[int, typer.Option(help="Raw DDS samples.", min=0)] = 1000,
    requests: Annotated[int, typer.Option(help="Requests to the dashboard.", min=0)] = 1000,
    changes: Annotated[
        int, typer.Option(help="Changed bits of each kind of file; a fifth as many cuts.", min=0)
    ] = 100,
    seconds: Annotated[float, typer.Option(help="Seconds that the nodes run at least.", min=0)] = 0.0,
    rate: Annotated[float, typer.Option(help="Speed of the replay.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 0,
    spare: Annotated[
        bool, typer.Option(help="Nodes are forked from a parent that has loaded their modules.")
    ] = False,
) -> None:
    """Kill, stop, starve and deceive the nodes, damage files, and report how soon all serves again.

    It starts nodes of its own: give ROS_DOMAIN_ID a number that nobody else uses. It ends with 1 where a node
    did not come back, or something that carries a checksum was read wrongly in silence. Ctrl-C and SIGTERM
    end it early, with a report of what was done until then.
    """
    from ..ros2 import check

    check()
    from ..demo.scene import synthetic_scene
    from ..endurance.campaign import CampaignOptions, run_campaign
    from ..endurance.processes import NODES
    from ..endurance.report import write_report

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = dataroot or Path(synthetic_scene(out.parent / "data", console))
    if unknown := set(node or ()) - set(NODES):
        raise RosError(f"--node {unknown.pop()}: a node is one of {', '.join(NODES)}")
    counts = (kills, stops, cameras, messages, payloads, requests, changes)
    options = CampaignOptions(root, weights, tuple(node or NODES), *counts, seconds, rate, seed, spare)
    found = run_campaign(out, options, lambda line: console.print(line, markup=False, highlight=False))
    console.print(f"report      {write_report(found, out)}")
    if found["problems"]:
        for problem in found["problems"]:
            console.print(f"problem     {problem}", markup=False)
        raise typer.Exit(1)
