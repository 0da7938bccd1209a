"""The training loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from ..errors import TrainingError
from ..files import replacing
from ..model import LiftSplatShoot, ModelConfig, build_model
from ..model.memory_format import channels_last
from .augmentation import depth_targets, draw_augmentation, narrowed, no_augmentation
from .average import WeightAverage
from .checkpoint import load_checkpoint, save_checkpoint
from .clock import RunClock
from .config import SampleLayout, TrainingConfig
from .descent import descend, train_encoder
from .histogram import scores
from .journal import Journal, Watch
from .losses import depth_loss, occupancy_loss, overlap_loss
from .network import TrainingNetwork
from .order import StepOrder
from .pool import SamplePool, sample_bytes
from .report import Interval, Rates, line
from .sample_block import SampleBlock
from .schedule import learning_rate
from .source import IndexedSource, Source
from .teacher import Teacher
from .validation import count_logits, network_input
from .windows import Share, WindowFeed, Windows, share, spread, too_little

SHARED_EVERY = 10
"""Steps between agreements of the ranks on how far the run is."""
START_SAMPLES = 256
"""An endless source's samples that the first step waits for."""

Message = Callable[[str], None]


class Trainer:
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
        self._config, self._source, self._out = config, source, Path(out)
        self._device = torch.device(device)
        self._rank, self._ranks = rank, ranks
        self._message = message if message and rank == 0 else lambda _: None
        self._watch = watch or (lambda row: self._message(line(row)))
        self._clock = RunClock(config.steps, config.seconds, self._device, ranks, began)
        model_config = model_config or (model.config if model is not None else ModelConfig())
        self._layout = layout or SampleLayout.of(model_config)
        self._out.mkdir(parents=True, exist_ok=True)
        self._model = self._prepare(build_model(config.start, model_config) if model is None else model)
        self._network = TrainingNetwork(
            self._model, config.precision, config.compile and self._device.type == "cuda"
        )
        self._teacher = Teacher(teacher, config.precision, self._device) if teacher is not None else None
        self._parameters = [p for p in self._model.parameters() if p.requires_grad]
        fused = True if self._device.type == "cuda" else None
        self._optimizer = torch.optim.Adam(
            self._parameters, lr=config.rate, weight_decay=config.weight_decay, fused=fused
        )
        self._average = WeightAverage(self._model, config.average)
        if resume:
            self._restore()
        self._wrapped: nn.Module = self._network
        if ranks > 1:
            ids = [self._device.index] if self._device.type == "cuda" else None
            self._wrapped = nn.parallel.DistributedDataParallel(
                self._wrapped, device_ids=ids, broadcast_buffers=False, gradient_as_bucket_view=True
            )
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
        self._exhausted = False
        self._overlap = torch.zeros(2, dtype=torch.int64, device=self._device)

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

    @property
    def step(self) -> int:
        """Optimiser steps done, those before a resume included."""
        return self._clock.step

    @property
    def average(self) -> LiftSplatShoot:
        """The averaged model."""
        return self._average.model

    @property
    def model(self) -> LiftSplatShoot:
        """The model that is trained."""
        return self._model

    def run(self, pause: float = 0.0) -> dict[str, float]:
        """Train to the end of the steps or of the time; returns the last validation's scores.

        Args:
            pause: stop after so many seconds of this session, to be resumed later; 0 for never.
        """
        config = self._config
        journal = Journal(self._out, self._device, self._rank, self.step, self._message, self._watch)
        self.load()
        self._message(self._what_is_held())
        # However short the session, it takes some steps and leaves what it can be resumed from.
        progress, done = self._clock.progress()
        lines = Interval(config.log_every)
        validations, saves = Interval(config.validate_every), Interval(config.save_every)
        rates = Rates(self.step, self._pool.added)
        result: dict[str, float] = {}
        while not done:
            figures = self.advance(progress)
            self._drain()
            if self.step % SHARED_EVERY and self.step < config.steps:
                continue
            progress, done = self._clock.progress(pause)
            if lines.due(self._clock.seconds) and not self._rank:
                row = rates.row(self.step, self._clock.seconds, config.batch, self._pool.added, self._ranks)
                journal.trained(row | self._figures(figures), progress)
            complete = self._validation.added >= self._validated
            if self._clock.agree(complete and (validations.due(self._clock.seconds) or done)):
                result = self.validate()
                journal.validated(self.step, self._clock.seconds, result)
            if saves.due(self._clock.seconds) or done:
                self.save()
        journal.close()
        return result

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

    def _figures(self, figures: tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]) -> dict[str, float]:
        both, either = self._overlap.tolist()
        self._overlap.zero_()
        loss, extra, gradient, rate = figures
        return {
            "loss": loss.item(),
            "iou": both / max(either, 1),
            "depth_loss": extra.item(),
            "gradient": gradient.item(),
            "rate": rate,
        }

    def load(self) -> None:
        """Take samples until a run can start: all that there are or fit, or enough of an endless source."""
        if self._feed is not None or self._validated < self._source.validation_samples:
            self._load_indexed()
            return
        enough = min(START_SAMPLES, self._pool.capacity)
        while True:
            if self._source.endless and len(self._pool) >= enough:
                return
            if not self._take(1.0) and not self._source.endless:
                self._exhausted = True
                break
        if self._pool.added > self._pool.capacity:
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
        self._exhausted = True
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
        """Take in what has come since the last step."""
        if self._feed is not None:
            self._feed.drain()
        while not self._exhausted and self._source.endless and self._take(0.0):
            pass

    def _take(self, wait: float) -> bool:
        item = self._source.take(wait)
        if item is None:
            return False
        use, sample = item
        pool = self._validation if use == "val" else self._pool
        pool.extend(sample) if isinstance(sample, SampleBlock) else pool.add(sample)
        return True

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
        rate = learning_rate(config.rate, self.step, config.warm_up, progress)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        images, cells, augmentation = network_input(self._model, batch, augmentation, self._layout)
        logits, depth = self._wrapped(images, cells)
        target = batch.target(config.min_lidar_points)
        loss = occupancy_loss(logits, target, config.positive_weight)
        self._count(logits.detach()[:, 0], target)
        total = loss
        if config.overlap_weight * settled > 0:
            total = total + config.overlap_weight * settled * overlap_loss(logits, target)
        extra = torch.zeros((), device=self._device)
        if config.depth_weight > 0:
            share, known = depth_targets(
                batch.depth, self._model.frustum, augmentation, self._layout, self._model.config
            )
            extra = depth_loss(depth, share, known)
            total = total + config.depth_weight * max(0.0, 1 - progress / 0.75) * extra
        if self._teacher is not None:
            total = total + self._teacher.loss(images, cells, logits, depth)
        gradient = descend(total, self._optimizer, self._parameters, config.clip)
        self._average.update(self._model, self.step)
        self._clock.step += 1
        return loss.detach(), extra.detach(), gradient, rate

    def _count(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch to the IoU that the next log line shows."""
        predicted = logits > 0
        self._overlap += torch.stack(((predicted & target).sum(), (predicted | target).sum()))

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

    def save(self) -> None:
        """Write the run's state and the averaged weights; rank 0 only."""
        if self._rank:
            return
        save_checkpoint(
            self._out / "last.pt",
            {
                "model": self._model.state_dict(),
                "average": self._average.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "step": self.step,
                "elapsed": self._clock.seconds,
                "world": self._source.next_world,
            },
        )
        state = {k: v.contiguous().cpu() for k, v in self._average.model.state_dict().items()}
        save_checkpoint(self._out / "average.pt", state)

    def _restore(self) -> None:
        state = load_checkpoint(self._out / "last.pt", self._device)
        try:
            self._model.load_state_dict(state["model"])
            self._average.model.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self._out / 'last.pt'} is of another network: start a new run in another folder"
            ) from error
        self._clock.resume(int(state["step"]), float(state["elapsed"]))
