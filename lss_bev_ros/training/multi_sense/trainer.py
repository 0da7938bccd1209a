"""Training of the multi-sense network on pairs with all their truth, step by step."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F

from ...model.multi_sense import MultiSense
from ...model.senses import SEGMENTS
from ...synthetic.things import NUMBER, THINGS
from ..augmentation import no_augmentation
from ..classifier import Classifier
from ..config import SampleLayout
from ..journal import Journal, Watch
from ..run_loop import Message
from .losses import box_losses, heat_loss, plan_loss, segment_losses, split_boxes, voxel_losses, word_loss
from .network import PairNetwork
from .pair import Pairs
from .pair_trainer import PairFeed, PairTrainer, Pool, names_of
from .recipe import MultiSenseRecipe
from .sight import Sight
from .targets import TargetMaker, Targets, expert
from .validation import fields_of, judge, modes_of
from .words import drawn_words


class MultiSenseTrainer(PairTrainer[Pairs, Targets]):
    """One rank of a run, see `PairTrainer`.

    Args:
        config, model, source, pool, validation, out, layout, device: as there.
        words: (T, phrasings, E) unit vectors of the things' words; by chance where none are given.
        rank, ranks, resume, message, watch, began, classifier: as there.
    """

    def __init__(
        self,
        config: MultiSenseRecipe,
        model: MultiSense,
        source: PairFeed[Pairs],
        pool: Pool[Pairs],
        validation: Pool[Pairs],
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
        classifier: Classifier | None = None,
    ):
        run = rank, ranks, resume, message, watch, began, classifier
        super().__init__(config, model, source, pool, validation, out, layout, device, *run)
        self._targets = TargetMaker(self._sizes.grid, Sight(model.config, self._device), self._device)
        words = drawn_words(model.config.embedding) if words is None else words
        self._words = words.to(self._device)
        self._things = torch.arange(len(THINGS), device=self._device)
        self._known = torch.ones(len(THINGS), dtype=torch.bool)
        self._known[[0, *(NUMBER[name] for name in config.held_out)]] = False
        self._known = self._known.to(self._device)

    def _columns(self, parts: dict[str, torch.Tensor]) -> tuple:
        names = [name for key, loss in parts.items() for name in names_of(key, loss)]
        fields = (
            *("step", "seconds", "samples", "loss", "iou", *names, "gradient", "rate"),
            *("trained_per_s", "drawn", "drawn_per_s", "gpu_percent"),
        )
        config = self._model.config
        columns = ("step", "seconds", *fields_of(config))
        return fields, {f"validation_{mode}": columns for mode in modes_of(config.senses)}

    def _taught(self, pairs: Pairs) -> Targets:
        return self._targets(pairs)

    def _losses(
        self, said: dict[str, torch.Tensor], taught: Targets, pairs: Pairs
    ) -> dict[str, torch.Tensor]:
        losses: dict[str, torch.Tensor] = {}
        if "segmentation" in said:
            losses["segments"], losses["overlap"] = segment_losses(said["segmentation"], taught.segments)
            vehicle = SEGMENTS.index("vehicle")
            self._count(said["segmentation"].detach()[:, vehicle] > 0, taught.segments[:, vehicle])
        if "boxes" in said:
            heat, numbers = split_boxes(said["boxes"])
            losses["heat"] = heat_loss(heat, taught.boxes.heat)
            losses["box"] = box_losses(numbers, taught.boxes)
        if "occupancy" in said:
            losses["voxels"], losses["voxel_overlap"] = voxel_losses(
                said["occupancy"], taught.occupancy, taught.seen
            )
        if "embedding" in said:
            things, phrasings, _ = self._words.shape
            chosen = torch.randint(phrasings, (things,)).to(self._device, non_blocking=True)
            words = self._words[self._things, chosen]
            losses["words"] = word_loss(said["embedding"], taught.things, taught.plain, words, self._known)
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
