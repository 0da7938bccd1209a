"""`train --senses`: a whole multi-sense run, on one GPU or under torchrun on several."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...errors import TrainingError
from ...model import build_model
from ...model.multi_sense import MultiSense
from ...model.multi_sense_weights import load_multi_sense, read_config
from ...model.senses import SensesConfig
from ..checkpoint import next_world
from ..classifier import Classifier, begin_trunk, read_classifier
from ..config import SampleLayout
from ..place import Place, together
from ..source import world_plans
from ..training_run import GPU_SCALE
from .recipe import MultiSenseRecipe
from .templates import read_futures, templates
from .trainer import MultiSenseTrainer
from .words import words_of

POOL = 12_000
"""Drawn pairs that a rank keeps; older ones make room for new ones."""
RESERVED_GB = 52.0
"""Of the device, for the network, its gradients and the drawing."""


def train_multi_sense(
    out: Path | str,
    config: MultiSenseRecipe | None = None,
    workers: int = 0,
    memory_gb: float = 0.0,
    resume: bool = False,
    message: Callable[[str], None] | None = None,
    watch: Callable[[dict[str, float]], None] | None = None,
    pause: float = 0.0,
    scale: float = 0.0,
    words: str = "",
    futures: str = "",
    street: str = "drawn",
    assets: str = "",
    classifier: str = "",
) -> dict[str, float]:
    """Train the multi-sense network on synthetic pairs, drawn on the GPU that trains.

    Args:
        out: folder of the run.
        config: the recipe.
        workers: processes of this rank that make worlds; 0 for one a processor of its share.
        memory_gb: of the device for pairs; 0 for what is free but 52 GB.
        resume: go on with the run in `out`.
        message: takes lines for the user.
        watch: takes the figures of every log line.
        pause: stop after so many seconds, to be resumed later; 0 for never.
        scale: size of the pictures that are kept, 1 for 1600 x 900; 0 for 0.33.
        words: file of word vectors, see `read_words`; those that ship where none is given.
        futures: file of driven futures for the plan's templates, see `read_futures`; drawn ones where none
            is given.
        street: which synthetic street, see `SampleLayout`, as is the next.
        assets: as said.
        classifier: file of an EfficientNet-Lite0, see `classifier`, whose features the cameras' trunk is to
            keep, and begins with unless the run goes on from weights of an earlier part.

    Returns:
        The last validation's scores.

    Raises:
        TrainingError: the run cannot start.
        ModelError: the weights that it shall start from do not fit.
    """
    began = time.monotonic()
    config = config or MultiSenseRecipe()
    if not torch.cuda.is_available():
        raise TrainingError("pairs are drawn on a CUDA GPU, and PyTorch finds none here: train where one is")
    place = Place.of_environment("cuda")
    try:
        from ...synthetic.lidar import COLUMNS, RINGS
        from .parcels import PairSource
        from .pool import PairPool, pair_bytes
    except (ImportError, AttributeError) as error:  # numba-cuda asks NumPy for what 2.5 has no more
        raise TrainingError(
            f"drawing pairs needs numba with CUDA ({error}): pip install 'lss_bev_ros[train]'"
        ) from error
    layout = SampleLayout.of(config.senses.model, scale or GPU_SCALE, street, assets)
    plans = world_plans(
        workers or max(1, place.processors - 2),
        place.rank,
        place.ranks,
        PairSource.samples_a_world,
        PairSource.validation_samples_a_world,
        # Worlds that the run has seen before it was interrupted would teach nothing new.
        next_world(Path(out)) if resume else first_world(config.progress),
    )
    source = PairSource(layout, plans, place.device)
    try:
        # While the first worlds are made.
        model = start_model(config.start, config.senses, config.seed, futures)
        teacher = None
        if classifier:
            state = read_classifier(classifier)
            teacher = Classifier(state)
            if not config.progress:
                begin_trunk(model.camencode.trunk, state)
        vectors = words_of(words, config.senses.embedding)
        with together(place):
            free = torch.cuda.mem_get_info(place.device)[0] / 1e9
            each = pair_bytes(layout, config.senses, COLUMNS * RINGS)
            room = int((memory_gb or max(1.0, free - RESERVED_GB)) * 1e9 / each) - source.validation_samples
            if room < config.batch:
                raise TrainingError(
                    f"{place.device}: {free:.0f} GB are free, too little for pairs: give more --memory"
                )
            pool, validation = (
                PairPool(size, layout, config.senses, COLUMNS * RINGS, place.device)
                for size in (min(POOL, room), max(1, source.validation_samples))
            )
            trainer = MultiSenseTrainer(
                config,
                model,
                source,
                pool,
                validation,
                Path(out),
                layout,
                place.device,
                vectors,
                place.rank,
                place.ranks,
                resume,
                message,
                watch,
                began,
                teacher,
            )
            trainer.describe(senses=True)
            return trainer.run(pause)
    except torch.cuda.OutOfMemoryError as error:
        raise place.too_little_memory(f"{config.batch} pairs") from error
    finally:
        source.close()


def first_world(progress: float) -> int:
    """The first world of a run that starts at a progress above 0: far beyond those of its earlier parts."""
    return round(progress * 1_000_000)


def start_model(start: str, config: SensesConfig, seed: int = 0, futures: str = "") -> MultiSense:
    """The network that a run begins with.

    Args:
        start: weights of the multi-sense network, whose depths may be of another focal length and whose
            pictures of another horizon, or those of the published one (`builtin`, `seed:N`, a path), which
            give it its cameras, its BEV encoder and its vehicles.
        config: of the network.
        seed: of all that the weights do not give, and of the templates.
        futures: see `train_multi_sense`.

    Raises:
        ModelError: the weights cannot be had, or are of another configuration.
        TrainingError: as above, of a multi-sense network, or no futures in the file.
    """
    there = read_config(Path(start))
    if there is not None:
        seen = replace(there.model, focal=config.model.focal, horizon=config.model.horizon)
        if replace(there, model=seen) != config:
            raise TrainingError(
                f"{start} has the senses {', '.join(there.senses)} and the heads {', '.join(there.heads)}: "
                f"start with the same --senses and --heads, and the same sizes"
            )
        model = MultiSense(config)
        model.load_state_dict(load_multi_sense(start).state_dict())
    else:
        torch.manual_seed(seed)
        model = MultiSense(config)
        model.start_from(build_model(start, config.model))
    if model.plan is not None and (futures or not model.plan.templates.any()):
        model.plan.templates.copy_(templates(read_futures(Path(futures)) if futures else None, seed))
    return model
