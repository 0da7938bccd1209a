"""Drawn senses, and what the plain multi-sense network answers to them in float32."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ...geometry import Rig
from ...model.multi_sense import MultiSense, Sensed
from ...model.senses import SensesConfig
from ...model.splat import SplatTable, splat
from ..multi_sense.memory import Memory
from .engine import warm_up_rig

POINTS = 20_000
"""LiDAR returns that are drawn."""


@dataclass(frozen=True, eq=False)
class DrawnSenses:
    """What a comparison is made on; what is None is a sense that is missing.

    Attributes:
        rig: of the cameras.
        images: (N, 3, H, W) float32, normalised.
        points: (P, 5) float32 as `LidarEncoder` takes them.
        memory: with a map in half precision.
    """

    rig: Rig
    images: torch.Tensor | None
    points: np.ndarray | None
    memory: Memory | None

    def answers(
        self, model: MultiSense, table: SplatTable | None, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """What the plain network says in float32, (C, nx, ny) by head, and `remembered`.

        Args:
            model: on any device.
            table: of the rig.
            device: where to run.
        """
        plain = copy.deepcopy(model).to(device).float()
        maps: dict[str, torch.Tensor] = {}
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            if self.images is not None:
                assert table is not None, "there are cameras"
                depth, features = plain.camencode(self.images)
                depth, features = (
                    each.permute(0, 2, 3, 1).flatten(0, 2).contiguous() for each in (depth, features)
                )
                names = ("pixels", "weights", "cells", "starts", "offsets")
                moved = SplatTable(table.shape, *(getattr(table, name).to(device) for name in names))
                maps["cameras"] = splat(depth, features, moved).permute(2, 0, 1)[None]
            if self.points is not None:
                points = torch.from_numpy(self.points).to(device)
                sample = torch.zeros(len(points), dtype=torch.int64, device=device)
                maps["lidar"] = plain.lidarencode(points, sample, 1)
            if self.memory is not None:
                maps["memory"] = self.memory.bev.float()
                maps["motion"] = torch.tensor([self.memory.motion], device=device)
                maps["age"] = torch.tensor([self.memory.age], device=device)
            heads, remembered = plain(Sensed(**maps))
        answers = {name: head[0].flatten(0, -3) for name, head in heads.items()}
        return {**answers, "remembered": remembered[0]}


def drawn_senses(
    config: SensesConfig, senses: Collection[str], cameras: int, device: torch.device, seed: int = 0
) -> DrawnSenses:
    """Draw senses, the same on every machine."""
    rng = np.random.default_rng(seed)
    model = config.model
    grid = model.grid
    images = points = memory = None
    if "cameras" in senses:
        shape = (cameras, 3, model.image_height, model.image_width)
        images = torch.from_numpy(rng.normal(size=shape).astype(np.float32)).to(device)
    if "lidar" in senses:
        low = (1.1 * grid.x_min, 1.1 * grid.y_min, config.lidar_z_min - 1, 0, 0)
        high = (1.1 * grid.x_max, 1.1 * grid.y_max, config.lidar_z_max + 1, 1, 0.5)
        points = rng.uniform(low, high, (POINTS, 5)).astype(np.float32)
        points[::7, 3] = np.nan
        # Most returns lie near the car.
        points[::2, :2] *= 0.2
    if "memory" in senses:
        bev = torch.from_numpy(rng.normal(size=(1, model.channels, *grid.shape))).to(device, torch.float16)
        memory = Memory(bev, torch.ones(1, 1, *grid.shape, device=device), (4.3, -0.4, 0.15), 0.55)
    return DrawnSenses(warm_up_rig(cameras), images, points, memory)


def differences(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """By name, how far one is from the other, as a share of how much the other varies over the cells.

    Args:
        ours: (..., nx, ny) each.
        theirs: as many of the same names.
    """
    found = {}
    for name, expected in theirs.items():
        wanted = expected.double().flatten(1)
        spread = (wanted - wanted.mean(1, keepdim=True)).norm().clamp(min=1e-6 * wanted.numel() ** 0.5)
        found[name] = float((ours[name].double().flatten(0, -3).flatten(1) - wanted).norm() / spread)
    return found
