"""What a passage teaches: the LiDAR network's answers where they are sure and nothing contradicts them."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..model.memory_format import channels_last
from ..model.multi_sense import MultiSense, Sensed
from ..model.senses import OCCUPIED, SEGMENTS, SensesConfig
from ..training.config import SampleLayout
from ..training.multi_sense.losses import split_boxes
from ..training.multi_sense.network import PairNetwork
from ..training.multi_sense.variation import no_variation, odometry
from .evidence import CLEAR, FILLED, FREE, MOVES, STANDS
from .passages import Passages
from .recipe import AdaptRecipe

MOVERS = ("vehicle", "person", "two_wheeler")
"""Layers of things that stand on the ground, which a beam that passes low contradicts."""

_ROADS = ("drivable", "crossing")
"""Layers on which nothing stands for long but what moves."""

_LOW, _HIGH = 0.3, 1.6
"""Metres over base_link between which a cell that a beam passes low holds nothing."""

_PEAK = 0.3
"""Score of a box from which its numbers are taught."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What a batch is taught by.

    Attributes:
        segments: (B, 8, nx, ny) float32, how likely each layer is.
        known: (B, 8, nx, ny) bool, where that counts.
        said: what the LiDAR network answers, by head; empty for heads that it lacks.
        classes: (B, heights, nx, ny) uint8, classes of the occupancy head.
        filled: (B, heights, nx, ny) bool, voxels whose class counts.
        agreed: (B, 8, nx, ny) float32, what the averaged network answers; None where it is not asked.
        steady: (B, 8, nx, ny) bool, where that counts.
    """

    segments: torch.Tensor
    known: torch.Tensor
    said: dict[str, torch.Tensor]
    classes: torch.Tensor | None = None
    filled: torch.Tensor | None = None
    agreed: torch.Tensor | None = None
    steady: torch.Tensor | None = None


class LidarTeacher:
    """A network's answers by LiDAR alone, as it is before it is adapted.

    Args:
        model: left as it is.
        layout: of the pictures.
        precision: `bf16` or `fp32`.
        device: of the batches.
    """

    def __init__(
        self, model: MultiSense, layout: SampleLayout, precision: str, device: torch.device | str
    ) -> None:
        own = copy.deepcopy(model).eval().requires_grad_(False)
        self._network = PairNetwork(channels_last(own.to(device)), layout, precision).eval()

    @torch.no_grad()
    def __call__(self, passages: Passages) -> dict[str, torch.Tensor]:
        """Answers by head: of the scan of now and, where the network remembers, of the one before."""
        network, model = self._network, self._network.model
        senses = tuple(name for name in model.config.senses if name != "cameras")
        variation = no_variation(len(passages), passages.present.shape[2], senses).to(passages.images.device)
        motion, known = odometry(passages, variation)
        sensed = Sensed(lidar=network.feel(passages, variation, 1))
        if "memory" in senses:
            _, remembered = model.fused(Sensed(lidar=network.feel(passages, variation, 0)))
            memory = remembered * known[:, None, None, None]
            sensed = Sensed(None, sensed.lidar, memory, motion[:, :3], motion[:, 3])
        return network.answers(sensed, motion, known)


def taught(
    said: dict[str, torch.Tensor], passages: Passages, config: SensesConfig, recipe: AdaptRecipe
) -> Taught:
    """Join what the LiDAR network says with what the LiDAR's geometry shows.

    Args:
        said: by `LidarTeacher`.
        passages: the batch.
        config: of the network.
        recipe: what is sure.
    """
    share = said["segmentation"].float().sigmoid()
    known = segments_known(share, passages.evidence, recipe)
    # Where nothing can stand there is nothing, whether or not the network is sure.
    clear = nothing_stands(passages.evidence)
    movers = [SEGMENTS.index(name) for name in MOVERS]
    unsure = ~known[:, movers] & clear[:, None] & (share[:, movers] < recipe.sure)
    known[:, movers] |= unsure
    share[:, movers] = torch.where(unsure, 0.0, share[:, movers])
    classes, filled = None, None
    if "occupancy" in said:
        classes, filled = voxels_known(said["occupancy"], passages, config, recipe)
    return Taught(share, known, said, classes, filled)


def segments_known(share: torch.Tensor, evidence: torch.Tensor, recipe: AdaptRecipe) -> torch.Tensor:
    """Cells whose layers the LiDAR network is sure of, less those in which the scans contradict it.

    A thing that it sees where a beam passes low and nothing is near is not there. What comes or goes is
    something that moves; where it sees none of them, it has missed it. On a road that it is sure of, nothing
    else stands.

    Args:
        share: (B, 8, nx, ny) float32, how likely each layer is.
        evidence: (B, nx, ny) uint8.
        recipe: what is sure.

    Returns:
        (B, 8, nx, ny) bool.
    """
    known = (share >= recipe.sure) | (share <= recipe.unlikely)
    filled, moves = has(evidence, FILLED), has(evidence, MOVES)
    near = _near(filled)
    passed = nothing_stands(evidence)
    movers = [SEGMENTS.index(name) for name in MOVERS]
    some = (share[:, movers] >= recipe.sure).any(1)
    for layer in movers:
        known[:, layer] &= ~((share[:, layer] >= recipe.sure) & passed)
        known[:, layer] &= ~(moves & near & ~some)
    for name in _ROADS:
        layer = SEGMENTS.index(name)
        known[:, layer] &= ~((share[:, layer] >= recipe.sure) & has(evidence, STANDS) & ~some)
    return known


def nothing_stands(evidence: torch.Tensor) -> torch.Tensor:
    """(B, nx, ny) bool: a beam of this scan, or of several, passes low, and nothing near is hit."""
    return (has(evidence, FREE) | has(evidence, CLEAR)) & ~_near(has(evidence, FILLED))


def voxels_known(
    logits: torch.Tensor, passages: Passages, config: SensesConfig, recipe: AdaptRecipe
) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes of voxels, and those of which the LiDAR network is sure and that no beam contradicts.

    A voxel with a return is not free, and one that a beam passes low holds nothing.

    Args:
        logits: (B, heights, 18, nx, ny).
        passages: the batch.
        config: for the voxels.
        recipe: what is sure.

    Returns:
        (B, heights, nx, ny) uint8 and bool.
    """
    sure, classes = logits.float().softmax(2).max(2)
    free = len(OCCUPIED)
    known = sure >= recipe.sure
    known &= ~((classes == free) & hit_voxels(passages.points[:, 1], config))
    middle = (
        config.voxel_z_min + (torch.arange(config.heights, device=logits.device) + 0.5) * config.voxel_height
    )
    low = ((middle > _LOW) & (middle < _HIGH))[None, :, None, None]
    passed = nothing_stands(passages.evidence)[:, None]
    known &= ~((classes != free) & low & passed)
    return classes.to(torch.uint8), known


def hit_voxels(points: torch.Tensor, config: SensesConfig) -> torch.Tensor:
    """(B, heights, nx, ny) bool: voxels that hold a return of (B, P, 4) points, x NaN where there is none."""
    grid = config.model.grid
    (nx, ny), heights = grid.shape, config.heights
    x, y, z = points[..., :3].float().unbind(-1)
    there = x.isfinite()
    i = ((torch.where(there, x, 0.0) - grid.x_min) / grid.resolution).floor().long()
    j = ((torch.where(there, y, 0.0) - grid.y_min) / grid.resolution).floor().long()
    k = ((torch.where(there, z, 0.0) - config.voxel_z_min) / config.voxel_height).floor().long()
    there &= (i >= 0) & (i < nx) & (j >= 0) & (j < ny) & (k >= 0) & (k < heights)
    sample = torch.arange(len(points), device=points.device)[:, None]
    size = heights * nx * ny
    # What lies outside goes to one place more, which is thrown away.
    cells = torch.where(there, ((sample * heights + k) * nx + i) * ny + j, len(points) * size)
    hit = torch.zeros(len(points) * size + 1, dtype=torch.bool, device=points.device)
    hit[cells.flatten()] = True
    return hit[:-1].view(len(points), heights, nx, ny)


def box_teaching(said: torch.Tensor, student: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far the boxes of two answers (B, 20, nx, ny) are apart: their heat, and their numbers at peaks."""
    heat, numbers = split_boxes(said.float())
    own, own_numbers = split_boxes(student.float())
    wanted = heat.sigmoid()
    lost = F.binary_cross_entropy_with_logits(own, wanted, reduction="none")
    # Nearly all cells have no centre; as many as have one weigh as much.
    weight = wanted + wanted.mean() + 1e-4
    peak = (wanted.amax(1, keepdim=True) > _PEAK).float()
    apart = ((own_numbers - numbers).abs() * peak).sum() / (peak.sum() * numbers.shape[1]).clamp_min(1)
    return (lost * weight).sum() / weight.sum(), apart


def word_teaching(said: torch.Tensor, student: torch.Tensor, filled: torch.Tensor | None) -> torch.Tensor:
    """One minus the cosine of two embeddings (B, E, nx, ny), over columns that hold something."""
    apart = 1 - (said.float() * student.float()).sum(1)
    if filled is None:
        return apart.mean()
    return (apart * filled).sum() / filled.sum().clamp_min(1)


def has(evidence: torch.Tensor, bit: int) -> torch.Tensor:
    """(B, nx, ny) bool, cells with a bit of the evidence."""
    return (evidence & bit) > 0


def _near(cells: torch.Tensor) -> torch.Tensor:
    """Cells (B, nx, ny) bool and those next to them."""
    return F.max_pool2d(cells[:, None].float(), 3, 1, 1)[:, 0] > 0
