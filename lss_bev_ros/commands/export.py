"""`lss-bev export`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console, listed

if TYPE_CHECKING:
    from ..model import ModelConfig


def export(
    out: Annotated[Path, typer.Argument(help="Folder, or an .onnx file if only one part is exported.")],
    weights: Annotated[str, typer.Option(help="builtin[-multi], a checkpoint, or seed:N.")] = "builtin",
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="network (splat as standard operators), camera or bev; repeatable; by default all three."
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or fp16.")] = "fp32",
    batch: Annotated[int, typer.Option(help="Batch size.")] = 1,
    cameras: Annotated[int, typer.Option(help="Cameras per sample.")] = 6,
    image_size: Annotated[
        str, typer.Option(help="Height x width of the network's input, multiples of 32, such as 256x704.")
    ] = "",
    dynamic: Annotated[
        list[str] | None, typer.Option(help="Make batch, cameras or tables dynamic; repeatable.")
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(
            help="nuScenes data root; the splat tables of its first rig go into the network's file."
        ),
    ] = None,
    senses: Annotated[
        list[str] | None,
        typer.Option(help="Of multi-sense weights, the senses to export: A,B or repeated; by default all."),
    ] = None,
    heads: Annotated[
        list[str] | None,
        typer.Option(help="Of multi-sense weights, the heads to export: A,B or repeated; by default all."),
    ] = None,
    returns: Annotated[
        int, typer.Option(help="LiDAR returns that the file has room for, unless tables are dynamic.")
    ] = 65536,
    check: Annotated[bool, typer.Option(help="Compare each file in onnxruntime with PyTorch.")] = True,
) -> None:
    """Write the network and its encoders as ONNX, each compared with PyTorch before it is saved."""
    from ..deploy.export import export_network, export_table, file_name
    from ..errors import DeployError
    from ..model import LiftSplatShoot, build_model, describe_weights
    from ..model.multi_sense_names import is_multi_sense
    from ..runtime.multi_sense.weights import read_network
    from ..runtime.onnx.description import PARTS

    multi = is_multi_sense(weights)
    chosen, answers = listed(senses), listed(heads)
    every = tuple(name for name in PARTS if name != "camera" or not chosen or "cameras" in chosen)
    parts = tuple(part or every)
    single = out.suffix == ".onnx"
    if single and len(parts) != 1:
        raise DeployError(f"{out} is a single file: choose one --part for it, or give a folder")
    free, fixed = tuple(dynamic or ()), None
    if rig is not None:
        from ..evaluation.frames import dataset_frames

        fixed = dataset_frames(rig, 1).sets[0].rig
        cameras = len(fixed)
    model = read_network(weights)
    if image_size:
        if not isinstance(model, LiftSplatShoot):
            raise DeployError(
                "--image-size is for the published network: leave it out for multi-sense weights"
            )
        model = build_model(weights, sized(image_size), resized=True)
    exported = []
    for name in parts:
        tables = fixed if name == "network" else None
        named = (*chosen, *answers) if multi else None
        file = out
        if not single:
            file = out / file_name(
                name, precision, batch, cameras, free, tables is not None, named, image_size
            )
        with console.status(f"writing {file}"):
            exported.append(
                export_network(
                    model,
                    file,
                    name,
                    precision,
                    batch=batch,
                    cameras=cameras,
                    dynamic=free,
                    rig=tables,
                    weights=describe_weights(weights),
                    senses=chosen,
                    heads=answers,
                    returns=returns,
                    check=check,
                )
            )
    console.print(export_table(exported))
    for one in exported:
        console.print(f"written     {one.path}", markup=False, soft_wrap=True)


def sized(text: str) -> ModelConfig:
    """The published network for another size of its input, `256x704`.

    Raises:
        DeployError: it is none.
        ModelError: the network cannot have it.
    """
    from ..errors import DeployError
    from ..model import ModelConfig

    match = re.fullmatch(r"(\d{1,999})x(\d{1,999})", text)  # Python reads numbers of up to 4300 digits
    if match is None:
        raise DeployError(f"--image-size {text!r} must be height x width in pixels, such as 256x704")
    return ModelConfig(image_height=int(match[1]), image_width=int(match[2]))
