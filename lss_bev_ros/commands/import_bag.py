"""`lss-bev import`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RosError
from .console import console, progress
from .doctor import Frames

if TYPE_CHECKING:
    from ..bags.drive import Imported

_SHOWN = 10


def import_bag(
    bag: Annotated[Path, typer.Argument(help="Bag folder, .mcap or .db3 file.")],
    out: Annotated[Path, typer.Argument(help="Folder to create: a data root in the nuScenes format.")],
    namespace: Annotated[
        str | None, typer.Option(help="Namespace of the car, where the bag has several.")
    ] = None,
    cameras: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", help="NAME=TOPIC of a camera's images; repeatable. By default all with a camera_info."
        ),
    ] = None,
    lidar: Annotated[str, typer.Option(help="Topic of the clouds, where there are several.")] = "",
    odometry: Annotated[
        str, typer.Option(help="Topic of nav_msgs/Odometry; by default transforms, then the only one.")
    ] = "",
    base_frame: Annotated[str, typer.Option(help="Frame of the car; by default base_link.")] = "",
    fixed_frame: Annotated[str, typer.Option(help="Frame that stands still; by default odom, or map.")] = "",
    tolerance: Annotated[
        float, typer.Option(help="Seconds between a keyframe and its images, at most.")
    ] = 0.1,
    gap: Annotated[float, typer.Option(help="Seconds without a scan after which a scene ends.")] = 1.0,
    sweeps: Annotated[bool, typer.Option(help="Keep what is between keyframes.")] = True,
    camera_frames: Annotated[
        Frames, typer.Option(help="optical: z forward; body: x forward; auto: detect.")
    ] = Frames.auto,
    image_rectified: Annotated[
        bool | None, typer.Option(help="Whether images are rectified; by default camera_info decides.")
    ] = None,
    version: Annotated[str, typer.Option(help="Name of the version folder.")] = "v1.0-mini",
) -> None:
    """Make a data set in the nuScenes format of a bag of your own car, for every other command.

    It has no annotations: `evaluate` scores it against LiDAR alone.
    """
    from ..bags.drive import ImportOptions
    from ..bags.drive import import_bag as run

    options = ImportOptions(
        namespace,
        _pairs(cameras or ()),
        lidar,
        odometry,
        base_frame,
        fixed_frame,
        tolerance,
        gap,
        sweeps,
        image_rectified,
        camera_frames.value,
        version,
    )
    with progress("importing") as bar:
        made = run(bag, out, options, bar)
    tell_imported(made)


def tell_imported(made: Imported) -> None:
    """Print what became of a bag."""
    for line in made.notes[:_SHOWN]:
        console.print(f"note        {line}", soft_wrap=True, markup=False)
    if len(made.notes) > _SHOWN:
        console.print(
            f"note        {len(made.notes) - _SHOWN} more in {made.root}/import.json", soft_wrap=True
        )
    for why, count in made.left_out.most_common(_SHOWN):
        console.print(f"left out    {count} x {why}", soft_wrap=True, markup=False)
    for name, topic in made.cameras.items():
        console.print(f"camera      {name}: {topic}", soft_wrap=True, markup=False)
    console.print(f"way         {made.way}", soft_wrap=True, markup=False)
    console.print(
        f"{made.root}: {len(made.scenes)} scene{'s' * (len(made.scenes) != 1)} of {made.seconds:.0f} s, "
        f"{sum(made.scenes.values())} keyframes, {made.images} images, {made.scans} scans; not annotated",
        soft_wrap=True,
        markup=False,
    )


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """`NAME=TOPIC` of a repeated option."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, topic = text.partition("=")
        if not (equals and name.strip() and topic.strip()):
            raise RosError(f"--camera {text}: give NAME=TOPIC, such as cam_front=/front/image_raw/compressed")
        found[name.strip()] = "/" + topic.strip().lstrip("/")
    return found
