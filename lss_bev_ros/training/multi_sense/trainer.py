"""The training loop of the multi-sense network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from ...errors import TrainingError
from ...model.heads import BOX_NUMBERS
from ...model.memory_format import channels_last
from ...model.multi_sense import MultiSense
from ...model.multi_sense_weights import write_multi_sense
from ...model.senses import SEGMENTS
from ...synthetic.things import NUMBER, THINGS
from ..augmentation import depth_targets, draw_augmentation, narrowed, no_augmentation
from ..average import WeightAverage
from ..checkpoint import AVERAGE, load_checkpoint, save_checkpoint
from ..clock import RunClock
from ..config import SampleLayout
from ..descent import descend, train_encoder
from ..journal import Journal, Watch
from ..losses import depth_loss
from ..order import StepOrder
from ..report import Interval, Rates, line
from ..schedule import learning_rate
from ..trainer import SHARED_EVERY
from .balance import Balance
from .losses import box_losses, heat_loss, plan_loss, segment_losses, split_boxes, voxel_losses, word_loss
from .network import PairNetwork
from .pair import Pairs
from .recipe import MultiSenseRecipe
from .sight import Sight
from .targets import TargetMaker, Targets, expert
from .validation import fields_of, judge, modes_of
from .variation import draw_variation, mirrored
from .words import drawn_words

START_PAIRS = 128
"""An endless source's pairs that the first step waits for."""
DEPTH_UNTIL = 0.75
"""Share of a run after which the depth of the pictures is no longer taught."""

Message = Callable[[str], None]


class Pool(Protocol):
    """Pairs on a device; `pool.PairPool` is one."""

    added: int

    def __len__(self) -> int: ...

    def extend(self, block: Pairs) -> None:
        """Take pairs in."""

    def batch(self, index: torch.Tensor) -> Pairs:
        """The pairs of an index (B,) int64."""


class PairFeed(Protocol):
    """Gives pairs, as `source.Source` gives samples."""

    endless: bool
    validation_samples: int
    next_world: int

    def take(self, wait: float) -> tuple[str, Pairs] | None:
        """The next pairs, with `train` or `val`, or None if none came within `wait` seconds."""


class MultiSenseTrainer:
    """One rank of a run.

    Args:
        config: the recipe.
        model: to be trained, changed in place.
        source: of pairs.
        pool, validation: where they are kept.
        out: folder of the run: `last.pt`, `average.safetensors`, `train.csv`, `validation_*.csv`.
        layout: of the stored pictures.
        device: where to train.
        words: (T, phrasings, E) unit vectors of the things' words; by chance where none are given.
        rank, ranks: of the run; torch.distributed is initialised where there are several.
        resume: go on where `out` was left.
        message: takes a line for the user; rank 0 only.
        watch: takes each log line's figures and the run's `progress`, 0 to 1; rank 0 only.
        began: `time.monotonic()` at which the session began.

    Raises:
        TrainingError: nothing to resume, or the run in `out` is of another network.
    """

    def __init__(
        self,
        config: MultiSenseRecipe,
        model: MultiSense,
        source: PairFeed,
        pool: Pool,
        validation: Pool,
        out: Path,
        layout: SampleLayout | None = None,
        device: torch.device | str = "cpu",
        words: torch.Tensor | None = None,
        rank: int = 0,
        ranks: int = 1,
        resume: bool = False,
        message: Message | None = None,
        watch: Watch | None = None,
        began: float | None = None,
    ):
        self._config, self._source, self._out = config, source, Path(out)
        self._pool, self._validation = pool, validation
        self._device = torch.device(device)
        self._rank, self._ranks = rank, ranks
        self._message = message if message and rank == 0 else lambda _: None
        self._watch = watch or (lambda row: self._message(line(row)))
        self._clock = RunClock(config.steps, config.seconds, self._device, ranks, began, config.progress)
        self._sizes = model.config.model
        self._layout = layout or SampleLayout.of(self._sizes)
        self._out.mkdir(parents=True, exist_ok=True)
        self._model = model.train().requires_grad_(True)
        if "cameras" in model.config.senses:
            train_encoder(model.camencode, config.drop_connect)
        channels_last(self._model.to(self._device))
        self._network = PairNetwork(self._model, self._layout, config.precision)
        named = [(name, p) for name, p in self._model.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in named]
        camera = [p for name, p in named if name.startswith("camencode.")]
        rest = [p for name, p in named if not name.startswith("camencode.")]
        self._optimizer = torch.optim.Adam(
            [{"params": rest, "share": 1.0}, {"params": camera, "share": config.camera_rate}],
            lr=config.rate,
            weight_decay=config.weight_decay,
            fused=True if self._device.type == "cuda" else None,
        )
        self._average = WeightAverage(self._model, config.average)
        self._balance = Balance(device=self._device)
        if resume:
            self._restore()
        self._wrapped: nn.Module = self._network
        if ranks > 1:
            ids = [self._device.index] if self._device.type == "cuda" else None
            self._wrapped = nn.parallel.DistributedDataParallel(
                self._network, device_ids=ids, broadcast_buffers=False, gradient_as_bucket_view=True
            )
        grid = self._sizes.grid
        self._mirrors = grid.y_min == -grid.y_max
        self._targets = TargetMaker(grid, Sight(model.config, self._device), self._device)
        words = drawn_words(model.config.embedding) if words is None else words
        self._words = words.to(self._device)
        self._things = torch.arange(len(THINGS), device=self._device)
        self._known = torch.ones(len(THINGS), dtype=torch.bool)
        self._known[[0, *(NUMBER[name] for name in config.held_out)]] = False
        self._known = self._known.to(self._device)
        self._overlap = torch.zeros(2, dtype=torch.int64, device=self._device)
        self._exhausted = False

    @property
    def step(self) -> int:
        """Optimiser steps done, those before a resume included."""
        return self._clock.step

    @property
    def model(self) -> MultiSense:
        """The model that is trained."""
        return self._model

    @property
    def average(self) -> MultiSense:
        """The averaged model."""
        return self._average.model

    def run(self, pause: float = 0.0) -> dict[str, float]:
        """Train to the end of the steps or of the time; returns the last validation's scores by mode.

        Args:
            pause: stop after so many seconds of this session, to be resumed later; 0 for never.
        """
        config = self._config
        self.load()
        progress, done = self._clock.progress()
        lines = Interval(config.log_every)
        validations, saves = Interval(config.validate_every), Interval(config.save_every)
        rates = Rates(self.step, self._pool.added)
        journal: Journal | None = None
        result: dict[str, float] = {}
        while not done:
            total, losses, gradient, rate = self.advance(progress)
            if journal is None:
                journal = self._journal(losses)
            self._drain()
            if self.step % SHARED_EVERY and self.step < config.steps:
                continue
            progress, done = self._clock.progress(pause)
            if lines.due(self._clock.seconds) and not self._rank:
                row = rates.row(
                    self.step, self._clock.seconds, config.batch, self._pool.added, self._ranks
                ) | {"gradient": gradient.item(), "rate": rate, "loss": total.item()}
                journal.trained(row | self._figures(losses), progress)
            complete = self._validation.added >= self._source.validation_samples
            if self._clock.agree(complete and (validations.due(self._clock.seconds) or done)):
                result = self._validated(journal)
            if saves.due(self._clock.seconds) or done:
                self.save()
        if journal is not None:
            journal.close()
        return result

    def _journal(self, losses: dict[str, torch.Tensor]) -> Journal:
        names = [name for key, loss in losses.items() for name in _names(key, loss)]
        fields = (
            *("step", "seconds", "samples", "loss", "iou", *names, "gradient", "rate"),
            *("trained_per_s", "drawn", "drawn_per_s", "gpu_percent"),
        )
        config = self._model.config
        columns = ("step", "seconds", *fields_of(config))
        return Journal(
            self._out,
            self._device,
            self._rank,
            # Taken after the first step of a session.
            self.step - 1,
            self._message,
            self._watch,
            fields,
            {f"validation_{mode}": columns for mode in modes_of(config.senses)},
        )

    def _figures(self, losses: dict[str, torch.Tensor]) -> dict[str, float]:
        both, either = self._overlap.tolist()
        self._overlap.zero_()
        row = {"iou": both / max(either, 1), "depth_loss": 0.0}
        for key, loss in losses.items():
            row |= dict(zip(_names(key, loss), loss.flatten().tolist(), strict=True))
        return row | {"depth_loss": row.get("depth", 0.0)}

    def load(self) -> None:
        """Take pairs until a run can start: all of a finite source, or enough of an endless one."""
        while True:
            if self._source.endless and len(self._pool) >= START_PAIRS:
                return
            if not self._take(1.0) and not self._source.endless:
                self._exhausted = True
                break
        if len(self._pool) < 1:
            raise TrainingError("the data has no pair to train on: check the data root")

    def _drain(self) -> None:
        while not self._exhausted and self._source.endless and self._take(0.0):
            pass

    def _take(self, wait: float) -> bool:
        item = self._source.take(wait)
        if item is None:
            return False
        use, pairs = item
        (self._validation if use == "val" else self._pool).extend(pairs)
        return True

    def advance(self, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor, float]:
        """Take one optimiser step, at a progress of the run from 0 to 1.

        Returns:
            The balanced sum, the losses by name, the gradient's norm and the learning rate.
        """
        config, sizes = self._config, self._sizes
        order = StepOrder(config.seed, self.step, self._rank)
        pairs = self._pool.batch(order.index(len(self._pool), config.batch, self._source.endless))
        settled = config.settled(progress)
        cameras = pairs.present.shape[2]
        variation = draw_variation(
            config.losses,
            config.disturbance,
            self._model.config.senses,
            config.batch,
            cameras,
            order.generator(3),
            settled,
        ).to(self._device)
        if self._mirrors:
            pairs = mirrored(pairs, variation.mirrored)
        varied = narrowed(config.augmentation, sizes, settled)
        earlier, now = (
            draw_augmentation(varied, sizes, config.batch, cameras, order.generator(purpose)).to(self._device)
            for purpose in (4, 1)
        )
        # Stochastic depth, and the phrasing, draw from the global generator.
        torch.manual_seed(order.generator(2).initial_seed())
        rate = learning_rate(config.rate, self.step, config.warm_up, progress)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]
        said, depth = self._wrapped(pairs, variation, (earlier, now))
        targets = self._targets(pairs)
        losses = self._losses(said, targets, pairs)
        # The overlap of early guesses says little.
        factors = dict.fromkeys(("overlap", "voxel_overlap"), 0.3 + 0.7 * settled)
        if depth is not None and config.depth_weight > 0:
            seen = replace(now, kept=now.kept & pairs.present[:, 1] & variation.cameras[:, 1])
            share, known = depth_targets(pairs.depth, self._model.frustum, seen, self._layout, sizes)
            losses["depth"] = depth_loss(depth, share, known)
            factors["depth"] = max(0.0, 1 - progress / DEPTH_UNTIL)
        total = self._balance.total(losses, factors)
        gradient = descend(total, self._optimizer, self._parameters, config.clip)
        self._average.update(self._model, self.step)
        self._clock.step += 1
        return total.detach(), {name: loss.detach() for name, loss in losses.items()}, gradient, rate

    def _losses(
        self, said: dict[str, torch.Tensor], targets: Targets, pairs: Pairs
    ) -> dict[str, torch.Tensor]:
        losses: dict[str, torch.Tensor] = {}
        if "segmentation" in said:
            losses["segments"], losses["overlap"] = segment_losses(said["segmentation"], targets.segments)
            vehicle = SEGMENTS.index("vehicle")
            predicted, true = said["segmentation"].detach()[:, vehicle] > 0, targets.segments[:, vehicle]
            self._overlap += torch.stack(((predicted & true).sum(), (predicted | true).sum()))
        if "boxes" in said:
            heat, numbers = split_boxes(said["boxes"])
            losses["heat"] = heat_loss(heat, targets.boxes.heat)
            losses["box"] = box_losses(numbers, targets.boxes)
        if "occupancy" in said:
            losses["voxels"], losses["voxel_overlap"] = voxel_losses(
                said["occupancy"], targets.occupancy, targets.seen
            )
        if "embedding" in said:
            things, phrasings, _ = self._words.shape
            chosen = torch.randint(phrasings, (things,)).to(self._device, non_blocking=True)
            words = self._words[self._things, chosen]
            losses["words"] = word_loss(said["embedding"], targets.things, targets.plain, words, self._known)
        if self._model.plan is not None:
            losses["plan"] = plan_loss(said["plan"], *expert(self._model.plan.templates, pairs.future))
        return losses

    def validate(self) -> dict[str, dict[str, float]]:
        """Scores by mode of the averaged model on the validation pairs of all ranks."""
        network = PairNetwork(self._average.model, self._layout, self._config.precision).eval()
        count, size = len(self._validation), self._config.batch
        index = torch.arange(count, device=self._device)
        batches = [partial(self._validation.batch, part) for part in index.split(size) if count]
        cameras = self._layout.cameras
        words = F.normalize(self._words.mean(1), dim=-1)
        scores = judge(
            network,
            batches,
            lambda batch: no_augmentation(self._sizes, batch, cameras).to(self._device),
            self._targets,
            words,
            self._known,
        )
        if self._ranks > 1:
            for each in scores.values():
                for counts in each.counts.values():
                    dist.all_reduce(counts)
        return {mode: each.figures() for mode, each in scores.items()}

    def _validated(self, journal: Journal) -> dict[str, float]:
        result = self.validate()
        for mode, figures in result.items():
            journal.scored(f"validation_{mode}", self.step, self._clock.seconds, figures)
            self._message(f"step {self.step} {mode}: " + _said(figures))
        return {f"{mode} {name}": value for mode, part in result.items() for name, value in part.items()}

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
                "balance": self._balance.state(),
                "step": self.step,
                "elapsed": self._clock.seconds,
                "world": self._source.next_world,
            },
        )
        facts = {"step": str(self.step), "licence": "Apache-2.0"}
        write_multi_sense(self._average.model, self._out / AVERAGE, facts, TrainingError)

    def _restore(self) -> None:
        state = load_checkpoint(self._out / "last.pt", self._device)
        try:
            self._model.load_state_dict(state["model"])
            self._average.model.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._balance.restore(state["balance"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                f"{self._out / 'last.pt'} is of another network: start a new run in another folder"
            ) from error
        self._clock.resume(int(state["step"]), float(state["elapsed"]))


def _names(key: str, loss: torch.Tensor) -> list[str]:
    """Columns of a loss: one, or one for each of its parts."""
    parts = {"segments": SEGMENTS, "overlap": SEGMENTS, "box": BOX_NUMBERS}
    return [key] if loss.ndim == 0 else [f"{key}_{part}" for part in parts[key]]


def _said(figures: dict[str, float]) -> str:
    """The figures of a mode that tell most, as text."""
    wanted = {
        "vehicle": "iou_vehicle",
        "person": "iou_person",
        "drivable": "iou_drivable",
        "crossing": "iou_crossing",
        "lanes": "near_iou_lane_boundary",
        "kerbs": "near_iou_road_boundary",
        "F1": "f1",
        "velocity": "velocity_error",
        "mIoU": "miou",
        "words": "word_top1",
        "held out": "held_out_top1",
        "ADE": "ade",
        "constant velocity": "constant_velocity_ade",
    }
    return ", ".join(f"{k} {figures[name]:.3f}" for k, name in wanted.items() if name in figures)
