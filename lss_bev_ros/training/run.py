"""`train`: a whole run, on one device or under torchrun on several."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist

from ..errors import TrainingError
from ..model import LiftSplatShoot, ModelConfig
from .config import SampleLayout, TrainingConfig
from .source import DatasetSource, SyntheticSource
from .trainer import Trainer, ranks_from_environment

SYNTHETIC = "synthetic"


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
) -> dict[str, float]:
    """Train Lift-Splat-Shoot and leave weights, logs and the recipe in a folder.

    Args:
        out: folder of the run.
        data: `synthetic` for worlds drawn as the network trains, or a nuScenes data root.
        config: the recipe.
        version: of the nuScenes root, the one that is there by default.
        workers: processes that draw worlds, of this rank; 0 for one a processor of the rank's share.
        memory_gb: of the device for samples, 0 for what is free but 32 GB.
        device: `auto`, `cpu` or `cuda`.
        resume: go on with the run in `out`.
        message: takes lines for the user.
        model: to train instead of `config.start`, changed in place.

    Returns:
        The last validation's scores.

    Raises:
        TrainingError, DatasetError: the run cannot start.
    """
    began = time.monotonic()
    config = config or TrainingConfig()
    rank, ranks, local = ranks_from_environment()
    cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise TrainingError("device cuda: PyTorch finds no GPU here; use cpu, or install PyTorch with CUDA")
    target = torch.device("cuda", local) if cuda else torch.device("cpu")
    layout = SampleLayout.of(model.config if model is not None else ModelConfig())
    share = max(1, len(os.sched_getaffinity(0)) // ranks)
    if data == SYNTHETIC:
        # The trainer's own process needs a processor too.
        source = SyntheticSource(layout, workers or max(1, share - 1), rank, ranks)
    else:
        source = DatasetSource(data, version, layout, rank, ranks)
    try:
        if cuda:
            torch.cuda.set_device(target)
            torch.backends.cudnn.benchmark = True
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        if ranks > 1:
            dist.init_process_group("nccl" if cuda else "gloo", rank=rank, world_size=ranks)
        if not memory_gb:
            memory_gb = max(1.0, torch.cuda.mem_get_info(target)[0] / 1e9 - 32) if cuda else 2.0
        trainer = Trainer(
            config,
            source,
            Path(out),
            layout=layout,
            device=target,
            memory=memory_gb * 1e9,
            rank=rank,
            ranks=ranks,
            resume=resume,
            message=message,
            began=began,
            model=model,
        )
        if rank == 0:
            facts = {"data": data, "ranks": ranks, "recipe": config.description()}
            (Path(out) / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        return trainer.run()
    finally:
        source.close()
        if dist.is_initialized():
            dist.destroy_process_group()
