"""The loop of an adaptation: that of training, with what a drive teaches for truth."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from ..errors import TrainingError
from ..model.memory import align
from ..model.multi_sense import MultiSense, Sensed
from ..model.multi_sense_weights import write_multi_sense
from ..model.senses import SEGMENTS
from ..training.augmentation import no_augmentation
from ..training.config import SampleLayout
from ..training.journal import Journal, Watch
from ..training.multi_sense.balance import IMPORTANCE, Importance
from ..training.multi_sense.losses import plan_loss, segment_losses, voxel_losses
from ..training.multi_sense.network import PairNetwork
from ..training.multi_sense.pair_trainer import PairFeed, PairTrainer, Pool, names_of
from ..training.multi_sense.targets import expert
from ..training.multi_sense.variation import no_variation, odometry
from ..training.order import StepOrder
from ..training.run_loop import Message
from .evidence import MOVES
from .judging import FIELDS, SCORE, UnlabelledScore, is_better
from .passages import Passages
from .recipe import AdaptRecipe
from .teaching import LidarTeacher, Taught, box_teaching, has, taught, word_teaching

BEST = "best.safetensors"
"""In the folder of a run: the averaged weights that held-out minutes like best."""

_ALIKE = 0.3
"""Probabilities of two answers that differ by less say the same."""

_CAMERAS = ("cameras",)


class AdaptTrainer(PairTrainer[Passages, Taught]):
    """An adaptation, see `PairTrainer`; on one device.

    Args:
        config: the recipe.
        model: to be adapted, changed in place.
        source: of passages.
        pool, validation: where they are kept.
        out: folder of the run.
        layout: of the stored pictures.
        device: where to train.
        resume, message, watch, began: as there.
    """

    _config: AdaptRecipe
    _importance: ClassVar[dict[str, Importance]] = {**IMPORTANCE, "agree": 0.5, "words": 0.2, "plan": 0.1}
    _frozen: ClassVar[tuple[str, ...]] = ("lidarencode.",)

    def __init__(
        self,
        config: AdaptRecipe,
        model: MultiSense,
        source: PairFeed[Passages],
        pool: Pool[Passages],
        validation: Pool[Passages],
        out: Path,
        layout: SampleLayout | None = None,
        device: torch.device | str = "cpu",
        resume: bool = False,
        message: Message | None = None,
        watch: Watch | None = None,
        began: float | None = None,
    ):
        self._before: dict[str, float] = {}
        self._best: dict[str, float] = {}
        self._worse = 0
        self._history: list[dict[str, float]] = []
        layout = layout or SampleLayout.of(model.config.model)
        self._teacher = LidarTeacher(model, layout, config.precision, device)
        super().__init__(
            config, model, source, pool, validation, out, layout, device, 0, 1, resume, message, watch, began
        )
        model.lidarencode.eval()  # what it has learned holds for every car

    @property
    def before(self) -> dict[str, float]:
        """Scores of the held-out minutes before the first step."""
        return dict(self._before)

    @property
    def best(self) -> dict[str, float]:
        """The best scores of the held-out minutes, those before the first step included."""
        return dict(self._best)

    @property
    def history(self) -> list[dict[str, float]]:
        """Scores of each judgement with its step."""
        return list(self._history)

    def _begin(self) -> Journal | None:
        journal = super()._begin()
        # Of what cannot be read nothing comes.
        self._validated = self._validation.added
        if not self._before:
            self._before = self._best = self.validate()
            self._message("before: " + said(self._before))
            if self._config.statistics:
                self._settle_statistics()
        return journal

    def _settle_statistics(self) -> None:
        """Let batch statistics become those of the drive before anything is learned by them."""
        count, size = len(self._pool), self._config.batch
        cameras = self._layout.cameras
        as_used = no_augmentation(self._sizes, size, cameras).to(self._device)
        full = no_variation(size, cameras, _CAMERAS).to(self._device)
        # From -1 downwards: no step takes these samples.
        for part in self._model.children():
            part.train(part is self._model.camencode)
        for number in range(self._config.statistics):
            order = StepOrder(self._config.seed, -1 - number, 0)
            passages = self._pool.batch(torch.randint(count, (size,), generator=order.generator(0)))
            torch.manual_seed(order.generator(2).initial_seed())
            with torch.no_grad():
                self._wrapped(passages, full, (as_used, as_used))
        self._model.train()
        self._model.lidarencode.eval()
        own, average = self._model.state_dict(), self._average.model.state_dict()
        for name, _ in self._model.named_buffers():
            if name in average and own[name].is_floating_point():
                average[name].copy_(own[name])

    def _columns(self, parts: dict[str, torch.Tensor]) -> tuple:
        names = [name for key, loss in parts.items() for name in names_of(key, loss)]
        fields = (
            *("step", "seconds", "samples", "loss", "iou", *names, "gradient", "rate"),
            *("trained_per_s", "drawn", "drawn_per_s", "gpu_percent"),
        )
        return fields, {"held_out": ("step", "seconds", *FIELDS)}

    # -- a step -------------------------------------------------------------------------------------------

    def _taught(self, pairs: Passages) -> Taught:
        found = taught(self._teacher(pairs), pairs, self._model.config, self._config)
        if not self._config.consistency:
            return found
        agreed, steady = self._agreed(pairs)
        return replace(found, agreed=agreed, steady=steady & ~found.known)

    @torch.no_grad()
    def _agreed(self, pairs: Passages) -> tuple[torch.Tensor, torch.Tensor]:
        """What the averaged network says by all its cameras, and where it said so a moment ago.

        Returns:
            (B, 8, nx, ny) float32 probabilities, and bool: cells of which the answer of the earlier instant,
            moved to where the car is now, says the same, and in which nothing moves.
        """
        network = PairNetwork(self._average.model, self._layout, self._config.precision)
        now, then = (self._seen(network, pairs, instant) for instant in (1, 0))
        full = no_variation(len(pairs), self._layout.cameras, ("cameras", "memory")).to(self._device)
        motion, known = odometry(pairs, full)
        moved, there = align(then, motion[:, :3], self._sizes.grid)
        steady = (now - moved).abs() < _ALIKE
        steady &= (there > 0) & known[:, None, None, None] & ~has(pairs.evidence, MOVES)[:, None]
        return now, steady

    def _seen(self, network: PairNetwork, pairs: Passages, instant: int) -> torch.Tensor:
        """(B, 8, nx, ny) float32 probabilities by the cameras of one instant."""
        cameras = self._layout.cameras
        full = no_variation(len(pairs), cameras, _CAMERAS).to(self._device)
        as_used = no_augmentation(self._sizes, len(pairs), cameras).to(self._device)
        bev, _ = network.see(pairs, full, as_used, instant)
        motion, known = odometry(pairs, full)
        answers = network.answers(Sensed(cameras=bev), motion, torch.zeros_like(known))
        return answers["segmentation"].float().sigmoid()

    def _losses(
        self, said: dict[str, torch.Tensor], taught: Taught, pairs: Passages
    ) -> dict[str, torch.Tensor]:
        losses: dict[str, torch.Tensor] = {}
        logits = said["segmentation"]
        losses["segments"], losses["overlap"] = segment_losses(logits, taught.segments, taught.known)
        layer = SEGMENTS.index("vehicle")
        known = taught.known[:, layer]
        self._count((logits.detach()[:, layer] > 0) & known, (taught.segments[:, layer] > 0.5) & known)
        if taught.agreed is not None and taught.steady is not None:
            apart = F.binary_cross_entropy_with_logits(logits.float(), taught.agreed, reduction="none")
            steady = taught.steady.float()
            losses["agree"] = self._config.consistency * (apart * steady).sum() / steady.sum().clamp_min(1)
        if "boxes" in said:
            losses["heat"], losses["box_numbers"] = box_teaching(taught.said["boxes"], said["boxes"])
        filled = None
        if "occupancy" in said and taught.classes is not None and taught.filled is not None:
            losses["voxels"], losses["voxel_overlap"] = voxel_losses(
                said["occupancy"], taught.classes, taught.filled, hidden=0.0
            )
            free = said["occupancy"].shape[2] - 1
            filled = (taught.filled & (taught.classes != free)).any(1)
        if "embedding" in said:
            losses["words"] = word_teaching(taught.said["embedding"], said["embedding"], filled)
        if self._model.plan is not None:
            losses["plan"] = plan_loss(said["plan"], *expert(self._model.plan.templates, pairs.future))
        return losses

    # -- judging ------------------------------------------------------------------------------------------

    def validate(self) -> dict[str, float]:
        """Scores of the averaged model on the held-out minutes, by its cameras alone."""
        return self.scores_of(self._average.model)

    def scores_of(self, model: MultiSense) -> dict[str, float]:
        """Scores of a network on the held-out minutes, by its cameras alone."""
        network = PairNetwork(model, self._layout, self._config.precision).eval()
        score = UnlabelledScore(self._sizes.grid)
        index = torch.arange(len(self._validation), device=self._device)
        for batch in (partial(self._validation.batch, part) for part in index.split(self._config.batch)):
            pairs = batch()
            with torch.no_grad():
                seen = torch.logit(self._seen(network, pairs, 1).clamp(1e-6, 1 - 1e-6))
                found = taught(self._teacher(pairs), pairs, model.config, self._config)
            score.add(seen, found, pairs.evidence)
        return score.figures()

    def _judge(self, journal: Journal) -> dict[str, float]:
        scores = self.validate()
        journal.scored("held_out", self.step, self._clock.seconds, scores)
        self._message(f"step {self.step} held out: {said(scores)}")
        self._history.append({"step": self.step, "seconds": round(self._clock.seconds, 1), **scores})
        if is_better(scores, self._best, 0.0):
            self._best, self._worse = scores, 0
            facts = {"step": str(self.step), "licence": "Apache-2.0"}
            write_multi_sense(self._average.model, self._out / BEST, facts, TrainingError)
        else:
            self._worse += 1
        return scores

    def _is_enough(self, scores: dict[str, float]) -> bool:
        return self._worse >= self._config.patience or not math.isfinite(scores[SCORE])

    def _more_state(self) -> dict[str, object]:
        judged = {"before": self._before, "best": self._best, "worse": self._worse, "history": self._history}
        return {**super()._more_state(), "judged": judged}

    def _restore_more(self, state: dict[str, Any]) -> None:
        super()._restore_more(state)
        judged = state["judged"]
        self._before, self._best = judged["before"], judged["best"]
        self._worse, self._history = int(judged["worse"]), list(judged["history"])


def said(scores: dict[str, float]) -> str:
    """Scores as text."""
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in scores.items())
