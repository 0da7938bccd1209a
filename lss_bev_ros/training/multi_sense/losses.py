"""What the heads lose, each as a mean that does not depend on the batch's size."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ...model.heads import BOX_NUMBERS
from ...model.senses import DETECTED, OCCUPIED, SEGMENTS
from ..constant import constant
from .targets import Boxes

POSITIVE = {
    "vehicle": 2.13,
    "person": 4.0,
    "two_wheeler": 4.0,
    "drivable": 1.0,
    "crossing": 2.0,
    "walkway": 1.0,
    "lane_boundary": 2.5,
    "road_boundary": 2.5,
}
"""Weights of cells that are of a map, in its cross entropy: LSS's for vehicles, more for what is rarer."""
MOVING, MOVING_WEIGHT = 0.5, 5.0
"""Above this speed, in m/s, the velocity of a box weighs so much: most stand, and the median of all is 0."""
HIDDEN = 0.1
"""Weight of voxels and columns that are out of sight: the network may guess, and little depends on it."""
RARE_WEIGHT, RARE_LIMIT = 0.4, 8.0
"""A class of voxels or columns weighs as its share of the batch to minus this power, up to a limit."""
TEMPERATURE = 0.07
"""Of the contrast with text (Li et al., "LSeg")."""


def segment_losses(
    logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted cross entropy, and one minus the soft IoU, of each map.

    Args:
        logits: (B, 8, nx, ny).
        target: (B, 8, nx, ny) bool, or how likely each is.
        known: (B, 8, nx, ny) bool, cells of which something is known; all where None.

    Returns:
        (8,) and (8,).
    """
    logits, truth = logits.float(), target.float()
    weight = constant(tuple(POSITIVE[name] for name in SEGMENTS), logits.device)[:, None, None]
    entropy = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")
    probability, over = logits.sigmoid(), (0, 2, 3)
    if known is None:
        mean = entropy.mean(over)
    else:
        counted = known.float()
        mean = (entropy * counted).sum(over) / counted.sum(over).clamp_min(1)
        probability, truth = probability * counted, truth * counted
    both = (probability * truth).sum(over)
    either = probability.sum(over) + truth.sum(over) - both
    return mean, 1 - (both + 1) / (either + 1)


def heat_loss(logits: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """Focal loss of the heatmaps, a centre (Law and Deng, "CornerNet", equation 1: alpha 2, beta 4).

    Args:
        logits: (B, 10, nx, ny).
        heat: (B, 10, nx, ny), one at centres.
    """
    logits = logits.float()
    probability = logits.sigmoid()
    centre = heat == 1
    at_centre = (1 - probability).square() * F.logsigmoid(logits)
    elsewhere = (1 - heat).pow(4) * probability.square() * F.logsigmoid(-logits)
    return -torch.where(centre, at_centre, elsewhere).sum() / centre.sum().clamp_min(1)


def box_losses(predicted: torch.Tensor, boxes: Boxes) -> torch.Tensor:
    """Mean absolute error of each number of the boxes, at their centres.

    Args:
        predicted: (B, 10, nx, ny), `BOX_NUMBERS`.
        boxes: targets.

    Returns:
        (10,), each in its own unit.
    """
    count = len(BOX_NUMBERS)
    at = boxes.cells[:, None].expand(-1, count, -1)
    numbers = predicted.float().flatten(2).gather(2, at).transpose(1, 2)
    known = boxes.kept[..., None] & boxes.numbers.isfinite()
    apart = torch.where(known, (numbers - torch.where(known, boxes.numbers, 0.0)).abs(), 0.0)
    velocity = constant(tuple(float(name.startswith("velocity")) for name in BOX_NUMBERS), apart.device)
    speed = torch.where(known, boxes.numbers, 0.0).mul(velocity).norm(dim=-1, keepdim=True)
    row = known * (1 + (MOVING_WEIGHT - 1) * velocity * (speed > MOVING))
    return (row * apart).sum((0, 1)) / row.sum((0, 1)).clamp_min(1)


def split_boxes(answer: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Heatmaps and numbers of what the boxes head gives."""
    return answer[:, : len(DETECTED)], answer[:, len(DETECTED) :]


def voxel_losses(
    logits: torch.Tensor, classes: torch.Tensor, seen: torch.Tensor, hidden: float = HIDDEN
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted cross entropy, and one minus the mean soft IoU of the classes in the batch.

    Free and occupied are balanced by `rarity`; the overlap counts what is in sight alone, as Occ3D scores.
    It costs sums and no sorting, unlike the Lovasz loss.

    Args:
        logits: (B, heights, 18, nx, ny).
        classes: (B, heights, nx, ny) uint8.
        seen: (B, heights, nx, ny) bool.
        hidden: weight of the others.
    """
    count = len(OCCUPIED) + 1
    classes, in_sight = classes.flatten(0, 1), seen.flatten(0, 1).float()
    truth = classes.long()
    logs = F.log_softmax(logits.flatten(0, 1).float(), 1)
    said = logs.gather(1, truth[:, None])[:, 0]
    there = _sums(classes, in_sight, count)
    weight = rarity(there)[truth] * (hidden + (1 - hidden) * in_sight)
    entropy = -(weight * said).sum() / weight.sum().clamp_min(1)
    probability = logs.exp()
    predicted = torch.einsum("bcxy,bxy->c", probability, in_sight)
    both = _sums(classes, said.exp() * in_sight, count)
    overlap = (both + 1) / (predicted + there - both + 1)
    present = there > 0
    return entropy, 1 - (overlap * present).sum() / present.sum().clamp_min(1)


def rarity(counts: torch.Tensor) -> torch.Tensor:
    """Weights of classes by how many there are of each, (C,): one for the most frequent one."""
    share = counts / counts.amax().clamp_min(1)
    return share.clamp_min(1e-9).pow(-RARE_WEIGHT).clamp_max(RARE_LIMIT)


def word_loss(
    embedding: torch.Tensor,
    things: torch.Tensor,
    plain: torch.Tensor,
    words: torch.Tensor,
    known: torch.Tensor,
) -> torch.Tensor:
    """Cross entropy of a column's thing among all known things, by the cosine with their words.

    Args:
        embedding: (B, E, nx, ny) unit vectors.
        things: (B, nx, ny) int64, 0 for none.
        plain: (B, nx, ny) bool, columns in sight; the others count little.
        words: (T, E) unit vectors, one for each thing.
        known: (T,) bool, things that are learned. The others lose nothing and are nobody's negatives.
    """
    logits = torch.einsum("bexy,te->btxy", embedding.float(), words.float()) / TEMPERATURE
    logits = logits.masked_fill(~known[:, None, None], -1e4)
    used = known[things]
    sight = HIDDEN + (1 - HIDDEN) * plain.float()
    counts = _sums(things, used * sight, len(words))
    weight = rarity(counts)[things] * used * sight
    entropy = F.cross_entropy(logits, torch.where(used, things, 0), reduction="none")
    # Of what is not used, the entropy is that of a masked class: large, but finite.
    return (entropy * weight).sum() / weight.sum().clamp_min(1)


def plan_loss(scores: torch.Tensor, expert: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the driver's template (paper, section 3.3).

    Args:
        scores: (B, 1000) from `PlanHead.scores`.
        expert: (B,) int64.
        known: (B,) bool.
    """
    entropy = F.cross_entropy(scores, expert, reduction="none")
    return (entropy * known).sum() / known.sum().clamp_min(1)


def _sums(number: torch.Tensor, values: torch.Tensor, count: int) -> torch.Tensor:
    """(count,) float32: sums of values by number, each by itself: additions to one place are no race."""
    return torch.stack([torch.where(number == k, values, 0.0).sum() for k in range(count)])
