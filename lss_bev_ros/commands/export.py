"""`lss-bev export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console


def export(
    out: Annotated[Path, typer.Argument(help="Folder, or one .onnx file for one part.")],
    weights: Annotated[str, typer.Option(help="builtin, a checkpoint, or seed:N.")] = "builtin",
    part: Annotated[
        list[str] | None,
        typer.Option(help="network (splat as standard operators), camera, bev; repeatable; all three."),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or fp16.")] = "fp32",
    batch: Annotated[int, typer.Option(help="Samples at once.")] = 1,
    cameras: Annotated[int, typer.Option(help="Cameras a sample.")] = 6,
    dynamic: Annotated[
        list[str] | None, typer.Option(help="Leave batch, cameras or tables free; repeatable.")
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(help="nuScenes data root, whose first rig's splat tables go into the network's file."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Run each file in onnxruntime against PyTorch.")] = True,
) -> None:
    """Write the network and its encoders as ONNX, each compared with PyTorch before it gets its name."""
    from ..deploy.export import export_network, export_table, file_name
    from ..errors import DeployError
    from ..model import build_model, describe_weights
    from ..runtime.onnx.description import PARTS

    parts = tuple(part or PARTS)
    single = out.suffix == ".onnx"
    if single and len(parts) != 1:
        raise DeployError(f"{out} is one file: say which one --part goes into it, or name a folder")
    free, fixed = tuple(dynamic or ()), None
    if rig is not None:
        from ..evaluation.frames import dataset_frames

        fixed = dataset_frames(rig, 1).sets[0].rig
        cameras = len(fixed)
    model = build_model(weights)
    exported = []
    for name in parts:
        tables = fixed if name == "network" else None
        file = out if single else out / file_name(name, precision, batch, cameras, free, tables is not None)
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
                    check=check,
                )
            )
    console.print(export_table(exported))
    for one in exported:
        console.print(f"written     {one.path}", markup=False, soft_wrap=True)
