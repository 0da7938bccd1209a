"""`lss-bev train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .bar import shown
from .config import AugmentationConfig, TrainingConfig


def train(
    out: Annotated[Path, typer.Argument(help="Folder of the run.")] = Path("runs/train"),
    data: Annotated[str, typer.Option(help="`synthetic`, or a nuScenes data root.")] = "synthetic",
    version: Annotated[str, typer.Option(help="Version of the nuScenes root.")] = "",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 100_000,
    minutes: Annotated[float, typer.Option(help="Wall-clock limit; the schedule follows it. 0: none.")] = 0.0,
    batch: Annotated[int, typer.Option(help="Samples a step and process.")] = 32,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    depth_weight: Annotated[float, typer.Option(help="Weight of the depth loss at the start.")] = 0.1,
    precision: Annotated[str, typer.Option(help="bf16 or fp32.")] = "bf16",
    seed: Annotated[int, typer.Option(help="Of order and augmentation.")] = 0,
    start: Annotated[
        # Not --start alone, which torchrun takes for its own --start-method.
        str, typer.Option("--weights", "--start", help="To begin with: seed:N, builtin, or a path.")
    ] = "seed:0",
    workers: Annotated[int, typer.Option(help="Processes that draw, or threads that read; 0: all.")] = 0,
    memory: Annotated[float, typer.Option(help="GB of the device for samples; 0: by what is free.")] = 0.0,
    teacher: Annotated[str, typer.Option(help="Weights whose predictions are learned too.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    scale: Annotated[float, typer.Option(help="Size of pictures, 1 for 1600 x 900; 0: by device.")] = 0.0,
    lose_camera: Annotated[float, typer.Option(help="Share of samples that lose a camera.")] = 0.25,
    overlap_weight: Annotated[float, typer.Option(help="Weight of the soft IoU loss at the end.")] = 0.15,
    settle: Annotated[
        tuple[float, float], typer.Option(help="Shares of the run between which augmentation fades.")
    ] = (0.3, 0.7),
    warm_up: Annotated[int, typer.Option(help="Steps in which the rate rises.")] = 500,
    average: Annotated[
        float, typer.Option(help="Decay of the weights' moving average; less for short runs.")
    ] = 0.999,
    compile: Annotated[bool, typer.Option(help="Compile the encoders, on CUDA.")] = False,
    pause: Annotated[float, typer.Option(help="Stop after so many minutes, to be resumed. 0: never.")] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUT.")] = False,
) -> None:
    """Train the network; several GPUs with `torchrun --nproc-per-node N -m lss_bev_ros.training.command`."""
    from ..model import build_model
    from .trainer import ranks_from_environment
    from .training import train as run

    config = TrainingConfig(
        steps=steps,
        seconds=60 * minutes,
        batch=batch,
        rate=rate,
        depth_weight=depth_weight,
        precision=precision,
        seed=seed,
        start=start,
        overlap_weight=overlap_weight,
        settle=settle,
        warm_up=warm_up,
        average=average,
        compile=compile,
        augmentation=AugmentationConfig(lose_camera=lose_camera),
    )
    rank, _, _ = ranks_from_environment()
    with shown(rank) as (message, watch):
        scores = run(
            out,
            data,
            config,
            version,
            workers,
            memory,
            device,
            resume,
            message=message,
            teacher=build_model(teacher) if teacher else None,
            watch=watch,
            pause=60 * pause,
            scale=scale,
        )
    if rank == 0:
        print(f"{out / 'average.pt'}: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items()), flush=True)


if __name__ == "__main__":
    # Under torchrun each process sees its own GPU alone: PyTorch and numba cannot disagree on which it is.
    if "LOCAL_RANK" in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["LOCAL_RANK"]
        os.environ["LOCAL_RANK"] = "0"
    typer.run(train)
