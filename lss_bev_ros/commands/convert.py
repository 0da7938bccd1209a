"""`lss-bev convert`."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .console import console, listed, progress

_SHOWN = 10


class Compression(str, Enum):
    """Of the MCAP chunks."""

    none = "none"
    zstd = "zstd"


def convert(
    dataroot: Annotated[Path, typer.Argument(help="nuScenes data root.")],
    out: Annotated[Path, typer.Argument(help="Folder to create, with one bag per scene.")],
    version: Annotated[str, typer.Option(help="Version; by default the one found.")] = "",
    scenes: Annotated[list[str] | None, typer.Option("--scene", help="Only this scene; repeatable.")] = None,
    sweeps: Annotated[
        bool | None, typer.Option(help="Include the frames between keyframes; by default if there are any.")
    ] = None,
    one_bag: Annotated[
        bool, typer.Option("--one-bag", help="Write all scenes into one bag: OUT itself.")
    ] = False,
    compression: Annotated[
        Compression, typer.Option(help="Compression; zstd shrinks LiDAR and grids, but not JPEG images.")
    ] = Compression.none,
    vehicle_categories: Annotated[
        list[str] | None,
        typer.Option(
            help="Categories that count as vehicles: A,B or repeated; by default decided by their names."
        ),
    ] = None,
    max_bag_size: Annotated[int, typer.Option(help="Largest file of a bag, in bytes; 0: no limit.")] = 0,
) -> None:
    """Write scenes straight to rosbag2 bags (MCAP): what a replay would publish, as fast as possible."""
    from pipros.bag import StorageOptions

    from ..bags.convert import convert as run
    from ..dataset import NuScenesReader

    packed = "chunk" if compression is Compression.zstd else "none"
    reader = NuScenesReader(dataroot, version, tuple(scenes or ()), listed(vehicle_categories))
    for notice in reader.notices:
        console.print(f"note        {notice}", soft_wrap=True)
    began = time.monotonic()
    with progress("converting") as bar:
        made = run(
            reader,
            out,
            scenes or (),
            sweeps,
            one_bag,
            StorageOptions(packed, max_bag_size),
            bar,
        )
    seconds = max(time.monotonic() - began, 1e-3)
    for bag in made.bags:
        console.print(f"bag         {bag}", soft_wrap=True)
    console.print(
        f"{made.messages} messages, {made.size / 1e6:.1f} MB in {seconds:.1f} s "
        f"({made.size / 1e6 / seconds:.0f} MB/s)"
    )
    if made.left_out:
        for line in made.left_out[:_SHOWN]:
            console.print(f"left out    {line}", soft_wrap=True)
        console.print(f"{len(made.left_out)} recordings were left out: their files cannot be read")
        raise typer.Exit(1)
