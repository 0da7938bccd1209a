"""A network on an example, whatever it is: what its channels are scored and fitted by."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...model import LiftSplatShoot
from ...model.multi_sense import Network, Sensed
from ...training.splat import splat_batch
from .example import Example


def answers(network: Network, example: Example) -> Mapping[str, torch.Tensor]:
    """What a network answers of an example, by name, differentiably; without memory."""
    if isinstance(network, LiftSplatShoot):
        return {"logits": network.bevencode(_cameras(network, example, network.config.grid.shape))}
    config = network.config
    cameras = lidar = None
    if "cameras" in config.senses:
        cameras = _cameras(network, example, config.model.grid.shape)
    if "lidar" in config.senses and example.points is not None:
        sample = torch.zeros(len(example.points), dtype=torch.int64)
        lidar = network.lidarencode(example.points, sample, 1)
    found: dict[str, torch.Tensor] = network(Sensed(cameras, lidar))[0]
    return found


def _cameras(network: Network, example: Example, shape: tuple[int, int]) -> torch.Tensor:
    depth, features = network.camencode(example.images)
    return splat_batch(depth, features, example.cells[None], shape)
