"""`train`: a whole run, on one device or under torchrun on several."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from ..model import LiftSplatShoot, ModelConfig
from .checkpoint import next_world
from .config import SampleLayout, TrainingConfig
from .parcels import ParcelSource
from .place import Place, together
from .pool import sample_bytes
from .source import DatasetSource, Source, SyntheticSource, world_plans
from .trainer import Trainer

SYNTHETIC = "synthetic"
GPU_SCALE, CPU_SCALE = 0.33, 0.24
"""Size of synthetic pictures; where a GPU draws them, half as large again as the network's input."""
POOL = 24_000
"""Drawn samples that a rank keeps; older ones make room for new ones."""


def train(
    out: Path | str,
    data: str = SYNTHETIC,
    config: TrainingConfig | None = None,
    version: str = "",
    workers: int = 0,
    memory_gb: float = 0.0,
    device: str = "auto",
    resume: bool = False,
    message: Callable[[str], None] | None = None,
    model: LiftSplatShoot | None = None,
    teacher: LiftSplatShoot | None = None,
    watch: Callable[[dict[str, float]], None] | None = None,
    pause: float = 0.0,
    scale: float = 0.0,
    street: str = "drawn",
    assets: str = "",
) -> dict[str, float]:
    """Train Lift-Splat-Shoot and leave weights, logs and the recipe in a folder.

    Args:
        out: folder of the run.
        data: `synthetic` for worlds drawn as the network trains, or a nuScenes data root.
        config: the recipe.
        version: of the nuScenes root, the one that is there by default.
        workers: processes that draw worlds, or threads that read a data set which does not fit into memory,
            of this rank; 0 for one a processor of the rank's share.
        memory_gb: of the device for samples; 0 for what is free but 32 GB on a GPU, at least 1 GB, and for
            2 GB on the CPU. A data set that is larger is read again every epoch, see `Windows`.
        device: `auto`, `cpu` or `cuda`.
        resume: go on with the run in `out`.
        message: takes lines for the user.
        model: to train instead of `config.start`, changed in place.
        watch: takes the figures of every log line, see `Trainer`.
        pause: stop after so many seconds, to be resumed later; 0 for never.
        scale: size of the pictures that are kept, 1 for 1600 x 900; 0 for what the device draws with ease.
        teacher: a network whose predictions are learned too.
        street: which synthetic street, see `SampleLayout`, as is the next.
        assets: as said.

    Returns:
        The last validation's scores.

    Raises:
        TrainingError, DatasetError: the run cannot start.
    """
    began = time.monotonic()
    config = config or TrainingConfig()
    place = Place.of_environment(device)
    rank, ranks, target = place.rank, place.ranks, place.device
    cuda = target.type == "cuda"
    layout = SampleLayout.of(
        model.config if model is not None else ModelConfig(),
        scale or (GPU_SCALE if cuda else CPU_SCALE),
        street,
        assets,
    )
    source: Source
    if data == SYNTHETIC:
        # Worlds that the run has seen before it was interrupted would teach nothing new.
        world = next_world(Path(out)) if resume else 0
        kind = ParcelSource if cuda else SyntheticSource
        # The trainer's own process and, on a GPU, the thread that draws need a processor each too.
        makers = workers or max(1, place.processors - (2 if cuda else 1))
        each = kind.samples_a_world, kind.validation_samples_a_world
        plans = world_plans(makers, rank, ranks, *each, first_world=world)
        source = ParcelSource(layout, plans, target) if cuda else SyntheticSource(layout, plans)
    else:
        source = DatasetSource(data, version, layout, rank, ranks)
    trainer: Trainer | None = None
    try:
        with together(place):
            if not memory_gb:
                memory_gb = max(1.0, torch.cuda.mem_get_info(target)[0] / 1e9 - 32) if cuda else 2.0
            memory = memory_gb * 1e9
            if isinstance(source, ParcelSource):
                samples = POOL + source.validation_samples
                memory = min(
                    memory, samples * sample_bytes(layout, ModelConfig() if model is None else model.config)
                )
            trainer = Trainer(
                config,
                source,
                Path(out),
                layout=layout,
                device=target,
                memory=memory,
                rank=rank,
                ranks=ranks,
                resume=resume,
                message=message,
                began=began,
                model=model,
                teacher=teacher,
                watch=watch,
                readers=workers or place.processors,
            )
            trainer.describe(data=data)
            return trainer.run(pause)
    except torch.cuda.OutOfMemoryError as error:
        beside = f"{config.batch} beside {memory_gb:.1f} GB of samples"
        raise place.too_little_memory(beside) from error
    finally:
        if trainer is not None:
            trainer.close()
        source.close()
