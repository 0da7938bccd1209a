"""Pairs by chance on a small grid, for a small network: shapes as of real ones, and truths that agree."""

from __future__ import annotations

import math

import torch

from lss_bev_ros.model.senses import SensesConfig
from lss_bev_ros.synthetic.things import THINGS
from lss_bev_ros.training.config import AugmentationConfig, SampleLayout
from lss_bev_ros.training.multi_sense.pair import BOXES, FUTURE_STEPS, Pairs

from ..test_trainer import MODEL

SENSES = SensesConfig(model=MODEL, embedding=16)
LAYOUT = SampleLayout(cameras=3, height=72, width=128, scale=0.08, grid=MODEL.grid)
AUGMENTATION = AugmentationConfig(resize=(0.075, 0.08), bottom=(0.0, 0.1), lose_camera=0.0)
POINTS = 300


def fake_pairs(count: int, seed: int = 0) -> Pairs:
    """So many pairs; a bright picture and a heap of returns mean a car ahead, the same each time."""
    g = torch.Generator().manual_seed(seed)
    nx, ny = MODEL.grid.shape
    cameras, heights = LAYOUT.cameras, SENSES.heights
    ahead = torch.arange(count) % 2 == 1
    images = torch.randint(60, (count, 2, cameras, LAYOUT.height, LAYOUT.width, 3), generator=g)
    images[ahead, :, 0] += 150
    points = torch.rand(count, 2, POINTS, 4, generator=g) * torch.tensor([16.0, 16, 0.4, 1])
    points[..., :2] -= 8
    points[..., 0][torch.rand(count, 2, POINTS, generator=g) < 0.2] = torch.nan
    heap = torch.tensor([4.0, -1, 0.5, 0.5]) + torch.rand(count, 2, 40, 4, generator=g) * torch.tensor(
        [3.0, 2, 1, 0.1]
    )
    points[ahead, :, :40] = heap[ahead]
    raster = torch.zeros(count, nx, ny, dtype=torch.uint8)
    raster[ahead, 24:30, 14:18] = 128 + 9
    maps = torch.zeros(count, nx, ny, dtype=torch.uint8)
    maps[:, :, 8:24] = 1
    maps[:, :, :6] |= 4
    maps[:, :, 16] |= 8
    maps[:, 10, 8:24] |= 2
    maps[:, :, 8] |= 16
    maps[:, 3, 3] |= 32
    maps[:, 5, 3] |= 64
    things = torch.zeros(count, nx, ny, heights, dtype=torch.uint8)
    things[..., 2] = 1
    things[:, :, :6, 2] = 5
    things[:, 3, 3, 3:6] = [t.name for t in THINGS].index("adult")
    things[ahead, 24:30, 14:18, 3:6] = [t.name for t in THINGS].index("sedan")
    boxes = torch.zeros(count, BOXES, 11)
    boxes[..., 0] = -1
    boxes[:, 0] = torch.tensor([8.0, -6.3, -6.4, 0.9, 0.6, 0.6, 1.8, 0.3, 1.0, 0.1, 3])
    boxes[ahead, 1] = torch.tensor([0.0, 5.5, 0.1, 0.7, 3, 2, 1.5, 0.0, 2.0, 0.0, 9])
    speed = torch.rand(count, generator=g) * 3
    time = (torch.arange(FUTURE_STEPS) + 1) * 0.5
    future = torch.stack((speed[:, None] * time, torch.zeros(count, FUTURE_STEPS)), -1)
    motion = torch.stack((speed * 0.5, speed * 0, speed * 0, torch.full_like(speed, 0.5)), 1)
    motion[0] = torch.nan
    forward = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    angle = torch.arange(cameras) * (2 * math.pi / cameras)
    turn = torch.zeros(cameras, 3, 3)
    turn[:, 0, 0] = turn[:, 1, 1] = angle.cos()
    turn[:, 1, 0] = angle.sin()
    turn[:, 0, 1] = -angle.sin()
    turn[:, 2, 2] = 1
    lens = torch.tensor([800.0, 0, 800, 0, 800, 450, 0, 0, 1])
    place = torch.tensor([0.0, 0, 1.5]).expand(cameras, 3)
    row = torch.cat(((turn @ forward).flatten(1), place, lens.expand(cameras, 9)), 1)
    return Pairs(
        images=images.clamp(0, 255).to(torch.uint8),
        calibration=row.expand(count, 2, cameras, 21).contiguous(),
        present=torch.ones(count, 2, cameras, dtype=torch.bool),
        points=points.half(),
        ages=torch.linspace(0.05, 0, POINTS).half(),
        motion=motion,
        depth=torch.full((count, cameras, LAYOUT.height // 4, LAYOUT.width // 4), 20, dtype=torch.uint8),
        raster=raster,
        maps=maps,
        things=things,
        boxes=boxes,
        future=future,
    )


class FakePool:
    """Keeps pairs."""

    def __init__(self, capacity: int = 100) -> None:
        self.added, self.capacity = 0, capacity
        self._pairs: Pairs | None = None

    def __len__(self) -> int:
        return self.added

    def extend(self, block: Pairs) -> None:
        assert self._pairs is None
        self._pairs, self.added = block, len(block)

    def batch(self, index: torch.Tensor) -> Pairs:
        assert self._pairs is not None
        return self._pairs[index]


class FakeSource:
    """Eight pairs to train on, four to validate on."""

    endless = False
    validation_samples = 4
    next_world = 0

    def __init__(self) -> None:
        self._blocks = [("val", fake_pairs(4, 1)), ("train", fake_pairs(8, 2))]

    def take(self, wait: float) -> tuple[str, Pairs] | None:
        return self._blocks.pop(0) if self._blocks else None
