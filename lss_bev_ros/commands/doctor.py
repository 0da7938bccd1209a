"""`lss-bev doctor`."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import console


class Transport(str, Enum):
    """Of the images."""

    compressed = "compressed"
    raw = "raw"


class Reliability(str, Enum):
    """Of the node's subscriptions."""

    best_effort = "best_effort"
    reliable = "reliable"


class Frames(str, Enum):
    """How a camera's frame is read."""

    auto = "auto"
    optical = "optical"
    body = "body"


def doctor(
    bag: Annotated[
        Path | None, typer.Option(help="Bag folder or .mcap file; by default live topics.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to listen to live topics.")] = 5.0,
    cameras: Annotated[
        list[str] | None,
        typer.Option(help="Camera namespaces: 'a,b' or repeated; by default nuScenes' six."),
    ] = None,
    base_frame: Annotated[str, typer.Option(help="Frame of the car.")] = "base_link",
    image_transport: Annotated[
        Transport, typer.Option(help="As the parameter of the node.")
    ] = Transport.compressed,
    reliability: Annotated[
        Reliability, typer.Option(help="As the parameter of the node.")
    ] = Reliability.best_effort,
    slop: Annotated[float, typer.Option(help="As the parameter of the node, seconds.")] = 0.05,
    camera_frames: Annotated[
        Frames, typer.Option(help="optical: z forward; body: x forward; auto: detect.")
    ] = Frames.auto,
    image_rectified: Annotated[
        bool | None, typer.Option(help="Whether images are rectified; by default camera_info decides.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", file_okay=False, help="Folder for pictures: coverage, LiDAR in each camera."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Check a car's topics, or a bag, before anything runs: what is there, what is wrong, how to fix it.

    The exit code is 1 if the grid cannot be right; 0 if there are only warnings, or none.
    """
    from ..bags.recordings import of_bag, of_topics
    from ..doctor import ERROR, examine
    from ..doctor.report import as_data, describe

    options: dict[str, Any] = {
        "base_frame": base_frame,
        "transport": image_transport.value,
        "reliability": reliability.value,
        "slop": slop,
        "frames": camera_frames.value,
        "rectified": image_rectified,
        "whole": out is not None,
    }
    if names := _names(cameras or []):
        options["expected"] = names
    recording = of_topics(seconds, **options) if bag is None else of_bag(bag, **options)
    examination = examine(recording)
    pictures = []
    if out is not None:
        from ..doctor.pictures import write_pictures

        pictures = write_pictures(recording, out)
    if as_json:
        data = as_data(recording, examination) | {"pictures": [str(path) for path in pictures]}
        print(json.dumps(data, indent=2))
    else:
        console.print(describe(recording, examination), soft_wrap=True, markup=False, highlight=False)
        for path in pictures:
            console.print(f"picture     {path}", soft_wrap=True, markup=False, highlight=False)
    if any(problem.level == ERROR for problem in examination.problems):
        raise typer.Exit(1)


def _names(given: list[str]) -> tuple[str, ...]:
    """Camera names of `a,b`, `[a, b]` and repeated options."""
    parts = [part.strip(" []'\"") for text in given for part in text.split(",")]
    return tuple(part for part in parts if part)
