"""Training of the multi-sense network, step by step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
import torch.nn.functional as F

from ...errors import TrainingError
from ...model.heads import BOX_NUMBERS
from ...model.memory_format import channels_last
from ...model.multi_sense import MultiSense
from ...model.multi_sense_weights import write_multi_sense
from ...model.senses import SEGMENTS
from ...synthetic.things import NUMBER, THINGS
from ..augmentation import depth_targets, draw_augmentation, narrowed, no_augmentation
from ..checkpoint import AVERAGE
from ..config import SampleLayout
from ..descent import train_encoder
from ..journal import Journal, Watch
from ..losses import depth_loss
from ..order import StepOrder
from ..run_loop import Feed, Message, Store, TrainingLoop
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


class Pool(Store, Protocol):
    """Pairs on a device; `pool.PairPool` is one."""

    def batch(self, index: torch.Tensor) -> Pairs:
        """The pairs of an index (B,) int64."""


class PairFeed(Feed, Protocol):
    """Gives pairs, as `source.Source` gives samples."""

    def take(self, wait: float) -> tuple[str, Pairs] | None:
        """The next pairs, with `train` or `val`, or None if none came within `wait` seconds."""


class MultiSenseTrainer(TrainingLoop[MultiSense]):
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

    _config: MultiSenseRecipe
    _pool: Pool
    _validation: Pool

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
        super().__init__(config, source, out, device, rank, ranks, message, watch, began, config.progress)
        self._pool, self._validation = pool, validation
        self._sizes = model.config.model
        self._layout = layout or SampleLayout.of(self._sizes)
        model.train().requires_grad_(True)
        if "cameras" in model.config.senses:
            train_encoder(model.camencode, config.drop_connect)
        channels_last(model.to(self._device))
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        camera = [p for name, p in named if name.startswith("camencode.")]
        rest = [p for name, p in named if not name.startswith("camencode.")]
        groups = [{"params": rest, "share": 1.0}, {"params": camera, "share": config.camera_rate}]
        self._balance = Balance(device=self._device)
        self._take_up(model, PairNetwork(model, self._layout, config.precision), resume, groups)
        grid = self._sizes.grid
        self._mirrors = grid.y_min == -grid.y_max
        self._targets = TargetMaker(grid, Sight(model.config, self._device), self._device)
        words = drawn_words(model.config.embedding) if words is None else words
        self._words = words.to(self._device)
        self._things = torch.arange(len(THINGS), device=self._device)
        self._known = torch.ones(len(THINGS), dtype=torch.bool)
        self._known[[0, *(NUMBER[name] for name in config.held_out)]] = False
        self._known = self._known.to(self._device)

    def _columns(self, parts: dict[str, torch.Tensor]) -> tuple:
        names = [name for key, loss in parts.items() for name in _names(key, loss)]
        fields = (
            *("step", "seconds", "samples", "loss", "iou", *names, "gradient", "rate"),
            *("trained_per_s", "drawn", "drawn_per_s", "gpu_percent"),
        )
        config = self._model.config
        columns = ("step", "seconds", *fields_of(config))
        return fields, {f"validation_{mode}": columns for mode in modes_of(config.senses)}

    def _figures(self, parts: dict[str, torch.Tensor]) -> dict[str, float]:
        row: dict[str, float] = {}
        for key, loss in parts.items():
            row |= dict(zip(_names(key, loss), loss.flatten().tolist(), strict=True))
        return row | {"depth_loss": row.get("depth", 0.0)}

    def load(self) -> None:
        """Take pairs until a run can start: all of a finite source, or enough of an endless one."""
        self._fill(START_PAIRS)
        if len(self._pool) < 1:
            raise TrainingError("the data has no pair to train on: check the data root")

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
        rate = self._set_rate(progress)
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
        gradient = self._descend(total)
        return total.detach(), {name: loss.detach() for name, loss in losses.items()}, gradient, rate

    def _losses(
        self, said: dict[str, torch.Tensor], targets: Targets, pairs: Pairs
    ) -> dict[str, torch.Tensor]:
        losses: dict[str, torch.Tensor] = {}
        if "segmentation" in said:
            losses["segments"], losses["overlap"] = segment_losses(said["segmentation"], targets.segments)
            vehicle = SEGMENTS.index("vehicle")
            self._count(said["segmentation"].detach()[:, vehicle] > 0, targets.segments[:, vehicle])
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

    def _judge(self, journal: Journal) -> dict[str, float]:
        result = self.validate()
        for mode, figures in result.items():
            journal.scored(f"validation_{mode}", self.step, self._clock.seconds, figures)
            self._message(f"step {self.step} {mode}: " + _said(figures))
        return {f"{mode} {name}": value for mode, part in result.items() for name, value in part.items()}

    def _more_state(self) -> dict[str, object]:
        return {"balance": self._balance.state()}

    def _restore_more(self, state: dict[str, Any]) -> None:
        self._balance.restore(state["balance"])

    def _write_average(self) -> None:
        facts = {"step": str(self.step), "licence": "Apache-2.0"}
        write_multi_sense(self._average.model, self._out / AVERAGE, facts, TrainingError)


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
