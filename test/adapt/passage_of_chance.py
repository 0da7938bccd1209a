"""Passages by chance for a small network; a heap of returns means a car ahead."""

from __future__ import annotations

import torch

from lss_bev_ros.adapt.evidence import FILLED
from lss_bev_ros.adapt.passages import Passages
from lss_bev_ros.training.config import AugmentationConfig, SampleLayout
from lss_bev_ros.training.multi_sense.pair import FUTURE_STEPS

from ..small_senses import SMALL
from ..training.multi_sense.fake_pairs import fake_pairs

LAYOUT = SampleLayout(cameras=3, height=72, width=128, scale=0.08, grid=SMALL.model.grid)
AUGMENTATION = AugmentationConfig(resize=(0.075, 0.08), bottom=(0.0, 0.1), lose_camera=0.0)
AHEAD = slice(20, 24), slice(14, 18)
"""Cells of the car."""


def passages(count: int, seed: int = 0, every: int = 2) -> Passages:
    """So many; one in `every` has a car ahead. The pictures do not tell which."""
    fake = fake_pairs(count, seed)
    ahead = torch.arange(count) % every == every - 1
    evidence = torch.zeros(count, *SMALL.model.grid.shape, dtype=torch.uint8)
    evidence[ahead, AHEAD[0], AHEAD[1]] = FILLED
    return Passages(
        images=fake.images,
        calibration=fake.calibration,
        present=fake.present,
        points=fake.points,
        ages=fake.ages,
        motion=fake.motion,
        depth=fake.depth,
        future=torch.zeros(count, FUTURE_STEPS, 2),
        evidence=evidence,
    )
