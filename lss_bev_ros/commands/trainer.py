"""`lss-bev train`: its options, whose defaults come with torch, so `train` loads it when asked to."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import TrainingError
from ..model.config import ModelConfig
from ..model.senses import HEADS, SensesConfig
from ..training import AugmentationConfig, TrainingConfig
from ..training.bar import shown
from ..training.classifier import begin_trunk, read_classifier
from ..training.config import LOOKS
from ..training.multi_sense.recipe import MultiSenseRecipe, SenseLosses
from ..training.place import ranks_from_environment
from ..words.phrasings import HELD_OUT

_RECIPE = TrainingConfig()
_RECIPE_OPTIONS = {field.name for field in fields(TrainingConfig)}
"""An option of one of these names is that field of the recipe, and has its default."""


def train(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(file_okay=False, help="Folder of the run.")] = Path("runs/train"),
    data: Annotated[str, typer.Option(help="`synthetic`, or a nuScenes data root.")] = "synthetic",
    version: Annotated[str, typer.Option(help="Version of the nuScenes root.")] = "",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = _RECIPE.steps,
    minutes: Annotated[
        float, typer.Option(help="Wall-clock limit in minutes; the schedule follows it. 0: none.")
    ] = 0.0,
    batch: Annotated[int, typer.Option(help="Samples per step and process.")] = _RECIPE.batch,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = _RECIPE.rate,
    depth_weight: Annotated[
        float, typer.Option(help="Weight of the depth loss at the start.")
    ] = _RECIPE.depth_weight,
    precision: Annotated[str, typer.Option(help="bf16 or fp32.")] = _RECIPE.precision,
    seed: Annotated[int, typer.Option(help="Seed of order and augmentation.")] = _RECIPE.seed,
    start: Annotated[
        # Not --start alone, which torchrun takes for its own --start-method.
        str, typer.Option("--weights", "--start", help="Initial weights: seed:N, builtin, or a path.")
    ] = _RECIPE.start,
    workers: Annotated[
        int, typer.Option(help="Processes that draw, or threads that read; 0: one per core.")
    ] = 0,
    memory: Annotated[float, typer.Option(help="GB of device memory for samples; 0: by what is free.")] = 0.0,
    teacher: Annotated[
        str, typer.Option(help="Weights of a teacher, whose predictions are also learned.")
    ] = "",
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
    scale: Annotated[float, typer.Option(help="Image scale, 1: 1600 x 900; 0: by device.")] = 0.0,
    lose_camera: Annotated[float, typer.Option(help="Share of samples in which a camera is dropped.")] = (
        _RECIPE.augmentation.lose_camera
    ),
    lose_lidar: Annotated[
        float, typer.Option(help="Share of the samples of a multi-sense run in which LiDAR is dropped.")
    ] = SenseLosses.lidar,
    overlap_weight: Annotated[
        float, typer.Option(help="Weight of the soft IoU loss at the end.")
    ] = _RECIPE.overlap_weight,
    settle: Annotated[
        tuple[float, float], typer.Option(help="Augmentation fades out between these shares of the run.")
    ] = _RECIPE.settle,
    warm_up: Annotated[int, typer.Option(help="Steps in which the learning rate rises.")] = _RECIPE.warm_up,
    average: Annotated[
        float, typer.Option(help="Decay of the weights' moving average; less for short runs.")
    ] = _RECIPE.average,
    compile: Annotated[bool, typer.Option(help="Compile the encoders, on CUDA.")] = _RECIPE.compile,
    pause: Annotated[
        float, typer.Option(help="Stop after this many minutes, to resume later. 0: never.")
    ] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in OUT.")] = False,
    senses: Annotated[
        str, typer.Option(help="Train the multi-sense network: some of cameras,lidar,memory.")
    ] = "",
    heads: Annotated[
        str, typer.Option(help="Its answers: some of segmentation,boxes,occupancy,embedding,plan.")
    ] = ",".join(HEADS),
    progress: Annotated[
        float, typer.Option(help="Share of a multi-sense run that its initial weights have behind them.")
    ] = 0.0,
    words: Annotated[
        Path | None, typer.Option(help="File of word vectors for the embedding; by default those that ship.")
    ] = None,
    futures: Annotated[
        Path | None, typer.Option(help="Numpy file of driven futures for the plan's templates.")
    ] = None,
    street: Annotated[
        str,
        typer.Option(help="Which synthetic street: drawn, or realistic, which is nearer to recorded ones."),
    ] = "drawn",
    assets: Annotated[
        Path | None, typer.Option(help="Folder of models, textures and skies for the realistic street.")
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            help="Weights of EfficientNet-Lite0, learned of photographs: the cameras' trunk begins with "
            "them, and the multi-sense network's keeps to them."
        ),
    ] = None,
    focal: Annotated[
        float,
        typer.Option(
            help="Focal length, input pixels, at which the multi-sense network tells depths, so that what "
            "looks alike has the same depth in any camera; 0: metres in every camera, as published."
        ),
    ] = 0.0,
    horizon: Annotated[
        float,
        typer.Option(
            help="Row of the network's input on which the multi-sense network has each camera's horizon, as "
            "its calibration tells it; 0: the same rows of every picture, as published."
        ),
    ] = 0.0,
    looks: Annotated[
        str, typer.Option(help="How much the looks of pictures are changed: mild or strong.")
    ] = "mild",
    held_out: Annotated[
        str, typer.Option(help="Kinds that the embedding does not learn, separated by commas.")
    ] = ",".join(HELD_OUT),
) -> None:
    """Train the network; several GPUs with `torchrun --nproc-per-node N -m lss_bev_ros.commands.trainer`."""
    recipe: Any = {name: value for name, value in locals().items() if name in _RECIPE_OPTIONS}
    if looks not in LOOKS:
        raise TrainingError(f"--looks {looks}: must be {' or '.join(LOOKS)}")
    for name, value in (("focal", focal), ("horizon", horizon), ("lose_lidar", lose_lidar)):
        if _is_given(context, name) and value and not senses:
            option = name.replace("_", "-")
            raise TrainingError(
                f"--{option} {value:g} is for the multi-sense network alone: give --senses too"
            )
    appearance = LOOKS[looks]
    if senses:
        # The recipes' defaults differ.
        given = {name: value for name, value in recipe.items() if _is_given(context, name)}
        if data != "synthetic":
            raise TrainingError(f"--senses trains on synthetic worlds alone: leave --data {data} out")
        sizes = ModelConfig(focal=focal, horizon=horizon)
        network = SensesConfig(senses=_listed(senses), heads=_listed(heads), model=sizes)
        losses = SenseLosses(lidar=lose_lidar)
        multi = MultiSenseRecipe(
            seconds=60 * minutes,
            senses=network,
            progress=progress,
            held_out=_listed(held_out),
            losses=losses,
            **given,
        )
        multi = replace(multi, augmentation=replace(multi.augmentation, appearance=appearance))
        _train_multi_sense(
            out, multi, workers, memory, resume, 60 * pause, scale, str(words or ""), str(futures or ""),
            street, str(assets or ""), str(classifier or ""),
        )  # fmt: skip
        return
    from ..model import build_model
    from ..training.training_run import train as run

    augmentation = AugmentationConfig(lose_camera=lose_camera, appearance=appearance)
    config = TrainingConfig(seconds=60 * minutes, augmentation=augmentation, **recipe)
    model = None
    if classifier:
        model = build_model(config.start)
        begin_trunk(model.camencode.trunk, read_classifier(classifier))
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
            model=model,
            teacher=build_model(teacher) if teacher else None,
            watch=watch,
            pause=60 * pause,
            scale=scale,
            street=street,
            assets=str(assets or ""),
        )
    if rank == 0:
        print(f"{out / 'average.pt'}: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items()), flush=True)


def _train_multi_sense(
    out: Path,
    config: MultiSenseRecipe,
    workers: int,
    memory: float,
    resume: bool,
    pause: float,
    scale: float,
    words: str,
    futures: str,
    street: str,
    assets: str,
    classifier: str,
) -> None:
    from ..training.multi_sense.training import train_multi_sense

    rank, _, _ = ranks_from_environment()
    with shown(rank) as (message, watch):
        scores = train_multi_sense(
            out, config, workers, memory, resume, message, watch, pause, scale, words, futures, street,
            assets, classifier,
        )  # fmt: skip
    if rank == 0:
        print(f"{out}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()), flush=True)


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name for part in names.split(",") if (name := part.strip()))


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


if __name__ == "__main__":
    # Under torchrun each process sees its own GPU alone: PyTorch and numba cannot disagree on which it is.
    if "LOCAL_RANK" in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["LOCAL_RANK"]
        os.environ["LOCAL_RANK"] = "0"
    typer.run(train)
