"""Training of Lift-Splat-Shoot, step by step."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from ..errors import TrainingError
from ..files import replacing
from ..model import LiftSplatShoot, ModelConfig, build_model
from ..model.memory_format import channels_last
from .augmentation import depth_targets, draw_augmentation, narrowed, no_augmentation
from .checkpoint import save_checkpoint
from .config import SampleLayout, TrainingConfig
from .descent import train_encoder
from .histogram import scores
from .journal import Journal, Watch
from .losses import depth_loss, occupancy_loss, overlap_loss
from .network import TrainingNetwork
from .order import StepOrder
from .pool import SamplePool, sample_bytes
from .run_loop import Message, TrainingLoop
from .source import IndexedSource, Source
from .teacher import Teacher
from .validation import count_logits, network_input
from .windows import Share, WindowFeed, Windows, share, spread, too_little

START_SAMPLES = 256
"""An endless source's samples that the first step waits for."""


class Trainer(TrainingLoop[LiftSplatShoot]):
    """One rank of a run.

    Args:
        config: the recipe.
        source: of samples.
        out: folder of the run: `last.pt`, `average.pt`, `train.csv`, `validation.csv`.
        model_config: sizes of the network; by default those of `model`.
        layout: of the samples; by default that of the model.
        device: where to train.
        memory: bytes of the device for samples.
        rank, ranks: of the run; torch.distributed is initialised where there are several.
        resume: go on where `out` was left.
        message: takes a line for the user; rank 0 only.
        began: `time.monotonic()` at which the run's wall-clock limit starts.
        model: to train instead of `config.start`, changed in place; its layers may have any widths.
        teacher: a network whose predictions the model learns too, see `Teacher`.
        watch: takes each log line's figures and the run's `progress`, 0 to 1; rank 0 only.
        readers: threads that read samples which are not all held at once.

    Raises:
        TrainingError: too little memory, or nothing to resume.
    """

    _pool: SamplePool
    _validation: SamplePool

    def __init__(
        self,
        config: TrainingConfig,
        source: Source,
        out: Path,
        model_config: ModelConfig | None = None,
        layout: SampleLayout | None = None,
        device: torch.device | str = "cpu",
        memory: float = 4e9,
        rank: int = 0,
        ranks: int = 1,
        resume: bool = False,
        message: Message | None = None,
        began: float | None = None,
        model: LiftSplatShoot | None = None,
        teacher: LiftSplatShoot | None = None,
        watch: Watch | None = None,
        readers: int = 2,
    ):
        super().__init__(config, source, out, device, rank, ranks, message, watch, began)
        model_config = model_config or (model.config if model is not None else ModelConfig())
        self._layout = layout or SampleLayout.of(model_config)
        model = self._prepare(build_model(config.start, model_config) if model is None else model)
        network = TrainingNetwork(model, config.precision, config.compile and self._device.type == "cuda")
        self._teacher = Teacher(teacher, config.precision, self._device) if teacher is not None else None
        self._take_up(model, network, resume)
        held = self._share(memory, model_config)
        self._validation = SamplePool(max(held.validation, 1), self._layout, model_config, self._device)
        self._validated = held.validation
        self._pool = SamplePool(max(held.training, 1), self._layout, model_config, self._device)
        self._feed: WindowFeed | None = None
        if held.streamed:
            assert isinstance(source, IndexedSource)
            windows = Windows(source.pieces(), held.training, config.seed, rank)
            self._feed = WindowFeed(windows, self._pool, partial(source.sample, "train"), readers)
        self._as_used = no_augmentation(model_config, config.batch, self._layout.cameras).to(self._device)

    def _share(self, memory: float, model: ModelConfig) -> Share:
        """How much of the device's memory training and validation get."""
        source, batch = self._source, self._config.batch
        each = sample_bytes(self._layout, model)
        room = int(memory // each)
        if isinstance(source, IndexedSource):
            held = share(room, batch, source.training_samples, source.validation_samples)
        else:
            places = room - source.validation_samples
            held = Share(places, source.validation_samples, False) if places >= batch else None
        if held is None:
            raise too_little(memory, room, each, batch)
        return held

    def _prepare(self, model: LiftSplatShoot) -> LiftSplatShoot:
        model = model.train().requires_grad_(True)
        train_encoder(model.camencode, self._config.drop_connect)
        return channels_last(model.to(self._device))

    def _begin(self) -> Journal:
        journal = self._open_journal(self.step)
        self.load()
        self._message(self._what_is_held())
        return journal

    def _what_is_held(self) -> str:
        """How many samples there are and where they are, so that nobody has to guess what is trained on."""
        source, held = self._source, len(self._pool)
        if not isinstance(source, IndexedSource):
            return f"{held} training samples per rank at the start"
        said = f"{source.training_samples} training samples per rank, all of them on {self._device}"
        if self._feed is not None:
            said = (
                f"{source.training_samples} training samples per rank, more than {self._device} holds: each "
                f"is read once an epoch, {self._pool.capacity // 2} per window"
            )
        if self._validated < source.validation_samples:
            return f"{said}; validation on {self._validated} of {source.validation_samples}, evenly spread"
        return f"{said}; validation on {self._validated}"

    def _figures(self, parts: torch.Tensor) -> dict[str, float]:
        return {"depth_loss": parts.item()}

    def load(self) -> None:
        """Take samples until a run can start: all that there are or fit, or enough of an endless source."""
        if self._feed is not None or self._validated < self._source.validation_samples:
            self._load_indexed()
            return
        self._fill(START_SAMPLES)
        if not self._source.endless and self._pool.added > self._pool.capacity:
            raise TrainingError(
                f"{self._pool.added} training samples arrived, but there is room for {self._pool.capacity}: "
                f"give more --memory, or take a smaller --scale"
            )
        if len(self._pool) < 1:
            raise TrainingError("the data has no sample to train on: check the data root")

    def _load_indexed(self) -> None:
        """Take the validation samples that fit, and the training samples where all of them do."""
        source = self._source
        assert isinstance(source, IndexedSource)
        for number in spread(source.validation_samples, self._validated):
            self._validation.add(source.sample("val", number))
        if self._feed is None:
            for number in range(source.training_samples):
                self._pool.add(source.sample("train", number))

    def close(self) -> None:
        """Stop what reads in the background."""
        if self._feed is not None:
            self._feed.close()

    def _drain(self) -> None:
        if self._feed is not None:
            self._feed.drain()
        super()._drain()

    def advance(self, progress: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
        """Take one optimiser step, at a progress of the run from 0 to 1.

        Returns:
            The loss, the depth loss, the gradient's norm and the learning rate.
        """
        config = self._config
        order = StepOrder(config.seed, self.step, self._rank)
        if self._feed is not None:
            index = self._feed.index(self.step, config.batch)
        else:
            index = order.index(len(self._pool), config.batch, self._source.endless)
        batch = self._pool.batch(index)
        settled = config.settled(progress)
        augmentation = draw_augmentation(
            narrowed(config.augmentation, self._model.config, settled),
            self._model.config,
            config.batch,
            self._layout.cameras,
            order.generator(1),
        ).to(self._device)
        # Stochastic depth draws from the global generator.
        torch.manual_seed(order.generator(2).initial_seed())
        rate = self._set_rate(progress)
        images, cells, augmentation = network_input(self._model, batch, augmentation, self._layout)
        logits, depth = self._wrapped(images, cells)
        target = batch.target(config.min_lidar_points)
        loss = occupancy_loss(logits, target, config.positive_weight)
        self._count(logits.detach()[:, 0] > 0, target)
        total = loss
        if config.overlap_weight * settled > 0:
            total = total + config.overlap_weight * settled * overlap_loss(logits, target)
        extra = torch.zeros((), device=self._device)
        if config.depth_weight > 0:
            share, known = depth_targets(
                batch.depth,
                self._model.frustum,
                augmentation,
                self._layout,
                self._model.config,
                batch.calibration,
            )
            extra = depth_loss(depth, share, known)
            total = total + config.depth_weight * max(0.0, 1 - progress / 0.75) * extra
        if self._teacher is not None:
            total = total + self._teacher.loss(images, cells, logits, depth)
        gradient = self._descend(total)
        return loss.detach(), extra.detach(), gradient, rate

    def validate(self) -> dict[str, float]:
        """Scores of the averaged model on the validation samples of all ranks; their counts go to a file."""
        config = self._config
        network = TrainingNetwork(self._average.model, config.precision)
        counts = count_logits(network, self._validation, config, self._as_used, self._layout)
        if self._ranks > 1:
            dist.all_reduce(counts)
        totals = counts.cpu().numpy()
        if self._rank == 0:
            path = self._out / "validation_counts.npy"
            with replacing(path, TrainingError, "free the space") as partial:
                np.save(partial, totals)
        return scores(totals)

    def _judge(self, journal: Journal) -> dict[str, float]:
        result = self.validate()
        journal.validated(self.step, self._clock.seconds, result)
        return result

    def _write_average(self) -> None:
        state = {k: v.contiguous().cpu() for k, v in self._average.model.state_dict().items()}
        save_checkpoint(self._out / "average.pt", state)
