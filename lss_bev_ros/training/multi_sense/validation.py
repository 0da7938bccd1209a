"""How the multi-sense network does on pairs that it is not trained on, with each set of senses.

Cheap stand-ins for the scores of `evaluation`, all counted on the device: their course is what matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ...geometry.classes import DETECTED, LINES, OCCUPIED, SEGMENTS
from ...model.heads import BOX_NUMBERS, going_on
from ...model.multi_sense import Sensed
from ...model.senses import SensesConfig
from ..augmentation import Augmentation
from .losses import split_boxes
from .network import PairNetwork
from .pair import Pairs
from .targets import TargetMaker, Targets
from .variation import no_variation, odometry

MODES = {
    "cameras": ("cameras",),
    "cameras_memory": ("cameras", "memory"),
    "lidar": ("lidar",),
    "cameras_lidar": ("cameras", "lidar"),
    "all": ("cameras", "lidar", "memory"),
}
NEAR = 4
"""Cells within which a peak is at a centre: 2 m on the default grid."""
PEAK = 0.3


def modes_of(senses: tuple[str, ...]) -> list[str]:
    """The modes that a network of these senses has."""
    return [name for name, needed in MODES.items() if set(needed) <= set(senses)]


def fields_of(config: SensesConfig) -> tuple[str, ...]:
    """Names of the figures of one mode, the columns of the log behind step, seconds and mode."""
    names: list[str] = []
    if "segmentation" in config.heads:
        names += [f"iou_{name}" for name in SEGMENTS] + [f"near_iou_{name}" for name in LINES]
    if "boxes" in config.heads:
        names += [f"f1_{name}" for name in DETECTED] + ["f1", "velocity_error"]
    if "occupancy" in config.heads:
        names += ["miou"] + [f"voxel_{name}" for name in OCCUPIED]
    if "embedding" in config.heads:
        names += ["word_top1", "held_out_top1"]
    if "plan" in config.heads:
        names += ["ade", "constant_velocity_ade"]
    return tuple(names)


@dataclass(frozen=True, eq=False)
class Judged:
    """What is needed to judge answers: the batch, its targets, and the things' words.

    Attributes:
        pairs, targets: of the batch.
        words: (T, E) unit vectors.
        known: (T,) bool, things that the embedding has learned.
    """

    pairs: Pairs
    targets: Targets
    words: torch.Tensor
    known: torch.Tensor


class Scores:
    """Counts of one mode, added up over batches and ranks.

    Args:
        config: of the network.
        device: where they are counted.
    """

    def __init__(self, config: SensesConfig, device: torch.device):
        self._config = config
        self._sizes = {
            "segmentation": (len(SEGMENTS) + len(LINES), 4),
            "boxes": (len(DETECTED) + 1, 4),
            "occupancy": (len(OCCUPIED) + 1, len(OCCUPIED) + 1),
            "embedding": (2, 2),
            "plan": (3,),
        }
        self.counts = {
            name: torch.zeros(size, dtype=torch.float64, device=device)
            for name, size in self._sizes.items()
            if name in config.heads
        }

    def add(self, said: dict[str, torch.Tensor], judged: Judged, plan: torch.Tensor | None) -> None:
        """Count the answers to a batch; `plan` has the templates."""
        if "segmentation" in said:
            self.counts["segmentation"] += _maps(said["segmentation"], judged.targets.segments)
        if "boxes" in said:
            self.counts["boxes"] += _boxes(said["boxes"], judged.targets)
        if "occupancy" in said:
            self.counts["occupancy"] += _voxels(said["occupancy"], judged.targets)
        if "embedding" in said:
            self.counts["embedding"] += _words(said["embedding"], judged)
        if "plan" in said and plan is not None:
            self.counts["plan"] += _plans(said["plan"], plan, judged.pairs)

    def figures(self) -> dict[str, float]:
        """By the names of `fields_of`; NaN for what nothing was counted of."""
        result: dict[str, float] = {}
        counts = {name: value.cpu() for name, value in self.counts.items()}
        if "segmentation" in counts:
            hit, said, found, true = counts["segmentation"].T
            iou = hit / (said + true - found)
            for k, name in enumerate(SEGMENTS):
                result[f"iou_{name}"] = float(iou[k])
            precision, recall = hit / said, found / true
            near = precision * recall / (precision + recall - precision * recall)
            for k, name in enumerate(LINES, len(SEGMENTS)):
                result[f"near_iou_{name}"] = float(near[k])
        if "boxes" in counts:
            good, said, found, true = counts["boxes"][:-1].T
            f1 = 2 * good * found / (good * true + found * said).clamp_min(1e-9)
            f1 = torch.where(true > 0, f1, torch.nan)
            for k, name in enumerate(DETECTED):
                result[f"f1_{name}"] = float(f1[k])
            result["f1"] = float(f1.nanmean())
            result["velocity_error"] = float(counts["boxes"][-1, 0] / counts["boxes"][-1, 1])
        if "occupancy" in counts:
            table = counts["occupancy"]
            hit, true, said = table.diagonal(), table.sum(1), table.sum(0)
            iou = torch.where(true > 0, hit / (true + said - hit), torch.nan)[:-1]
            result["miou"] = float(iou.nanmean())
            result |= {f"voxel_{name}": float(iou[k]) for k, name in enumerate(OCCUPIED)}
        if "embedding" in counts:
            share = counts["embedding"][:, 0] / counts["embedding"][:, 1]
            result |= {"word_top1": float(share[0]), "held_out_top1": float(share[1])}
        if "plan" in counts:
            ours, constant, number = counts["plan"].tolist()
            result["ade"] = ours / number if number else float("nan")
            result["constant_velocity_ade"] = constant / number if number else float("nan")
        return result


@torch.no_grad()
def judge(
    network: PairNetwork,
    batches: Sequence[Callable[[], Pairs]],
    augmentation: Callable[[int], Augmentation],
    targets: TargetMaker,
    words: torch.Tensor,
    known: torch.Tensor,
) -> dict[str, Scores]:
    """Run a network over batches of pairs, once for each mode; what is not a mode's is shared.

    Args:
        network: in evaluation mode.
        batches: each gives a batch.
        augmentation: the transform that the network is used with, for so many samples.
        targets: makes the targets.
        words: as in `Judged`.
        known: as in `Judged`.

    Returns:
        Counts by mode.
    """
    config = network.model.config
    modes = modes_of(config.senses)
    plan = None if network.model.plan is None else network.model.plan.templates
    scores = {name: Scores(config, words.device) for name in modes}
    for batch in batches:
        pairs = batch()
        judged = Judged(pairs, targets(pairs), words, known)
        as_used = augmentation(len(pairs))
        cameras = pairs.present.shape[2]
        full = no_variation(len(pairs), cameras, config.senses).to(words.device)
        motion, moved = odometry(pairs, full)
        seen, _ = network.see(pairs, full, as_used, 1)
        felt = network.feel(pairs, full, 1)
        for name in modes:
            needed = MODES[name]
            sensed = {
                "cameras": seen if "cameras" in needed else None,
                "lidar": felt if "lidar" in needed else None,
            }
            if "memory" in needed:
                then = no_variation(len(pairs), cameras, needed).to(words.device)
                memory = network.remembered(pairs, then, as_used, moved)
                sensed |= {"memory": memory, "motion": motion[:, :3], "age": motion[:, 3]}
            told = moved if "memory" in needed else torch.zeros_like(moved)
            said = network.answers(Sensed(**sensed), motion, told)
            scores[name].add(said, judged, plan)
    return scores


def _maps(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(10, 4): cells that are said and true, said, said and true, true; lines again, within one cell."""
    said = logits > 0
    lines = [SEGMENTS.index(name) for name in LINES]
    said_line, true_line = said[:, lines], truth[:, lines]
    hit = torch.cat(((said & truth), said_line & _grown(true_line, 1)), 1)
    found = torch.cat(((said & truth), true_line & _grown(said_line, 1)), 1)
    rest = torch.cat((said, said_line), 1), torch.cat((truth, true_line), 1)
    over = (0, 2, 3)
    return torch.stack((hit.sum(over), rest[0].sum(over), found.sum(over), rest[1].sum(over)), 1)


def _grown(cells: torch.Tensor, by: int) -> torch.Tensor:
    """Cells (B, C, nx, ny) bool, and those within so many of them."""
    return F.max_pool2d(cells.float(), 2 * by + 1, 1, by) > 0


def _boxes(answer: torch.Tensor, targets: Targets) -> torch.Tensor:
    """(11, 4): peaks near a centre, peaks, centres near a peak, centres, of each class; error of velocity."""
    logits, numbers = split_boxes(answer.float())
    heat = logits.sigmoid()
    peak = (heat == F.max_pool2d(heat, 3, 1, 1)) & (heat > PEAK)
    centre = targets.boxes.heat == 1
    over = (0, 2, 3)
    counts = torch.stack(
        (
            (peak & _grown(centre, NEAR)).sum(over),
            peak.sum(over),
            (centre & _grown(peak, NEAR)).sum(over),
            centre.sum(over),
        ),
        1,
    )
    speed = [BOX_NUMBERS.index("velocity_x"), BOX_NUMBERS.index("velocity_y")]
    at = targets.boxes.cells[:, None].expand(-1, 2, -1)
    said = numbers[:, speed].flatten(2).gather(2, at).transpose(1, 2)
    true = targets.boxes.numbers[..., speed]
    used = targets.boxes.kept & true.isfinite().all(-1)
    error = torch.where(used, (said - true).norm(dim=-1), 0.0)
    last = torch.stack((error.sum(), used.sum(), used.sum(), used.sum()))
    return torch.cat((counts.double(), last[None].double()))


def _voxels(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """(18, 18): voxels in sight by true and said class."""
    kinds = logits.shape[2]
    said = logits.argmax(2)
    code = torch.where(targets.seen, targets.occupancy.long() * kinds + said, kinds * kinds)
    return torch.bincount(code.flatten(), minlength=kinds * kinds + 1)[:-1].view(kinds, kinds)


def _words(embedding: torch.Tensor, judged: Judged) -> torch.Tensor:
    """(2, 2): columns in sight whose thing's word is nearest of all, and columns; learned, held out."""
    near = torch.einsum("bexy,te->btxy", embedding.float(), judged.words)
    near[:, 0] = -2
    things = judged.targets.things
    right = near.argmax(1) == things
    plain = judged.targets.plain
    learned, other = judged.known[things] & plain, ~judged.known[things] & plain
    return torch.stack(
        (
            torch.stack(((right & learned).sum(), learned.sum())),
            torch.stack(((right & other).sum(), other.sum())),
        )
    )


def _plans(scores: torch.Tensor, templates: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """(3,): summed mean distances of the best template and of going on straight, and how many."""
    used = pairs.future.isfinite().flatten(1).all(1) & pairs.motion.isfinite().all(1)
    future = torch.where(used[:, None, None], pairs.future, 0.0)
    motion = torch.where(used[:, None], pairs.motion, 1.0)
    straight = motion.clone()
    straight[:, 2] = 0
    best = templates[scores.argmax(1)]
    apart = [(way - future).norm(dim=-1).mean(1) * used for way in (best, going_on(straight))]
    return torch.stack((apart[0].sum(), apart[1].sum(), used.sum()))
