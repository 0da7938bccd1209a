"""The ways to drive on that a plan is chosen from: 1000 clusters of many (paper, section 3.3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...errors import TrainingError
from ...model.heads import PLAN_STEP, PLAN_STEPS, TEMPLATES

FINER = 10
"""Steps of integration a step of a path."""
SIDEWAYS = 3.0
"""Largest acceleration to the side, metres per second squared."""
DRAWN = 30_000


def templates(futures: torch.Tensor | None = None, seed: int = 0) -> torch.Tensor:
    """(1000, 6, 2) float32, metres: centres of clusters of futures; of drawn ones where none are given."""
    return clusters(drawn_futures(DRAWN, seed) if futures is None else futures, TEMPLATES, seed)


def read_futures(path: Path) -> torch.Tensor:
    """Driven futures from a file of numpy, (F, 6, 2) metres; those with unknown places are left out.

    Raises:
        TrainingError: it is no such file, or too few of them are known.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: no numpy file of futures ({error}): leave --futures out") from error
    if array.ndim != 3 or array.shape[1:] != (PLAN_STEPS, 2):
        raise TrainingError(f"{path}: futures of shape {array.shape}, not (F, {PLAN_STEPS}, 2)")
    futures = torch.from_numpy(array.astype(np.float32))
    futures = futures[futures.isfinite().all(-1).all(-1)]
    if len(futures) < TEMPLATES:
        raise TrainingError(f"{path}: {len(futures)} known futures, at least {TEMPLATES} are needed")
    return futures


def drawn_futures(count: int, seed: int) -> torch.Tensor:
    """Ways that cars in towns drive: speed, pedal and steering drawn, then driven for three seconds.

    Returns:
        (count, 6, 2) float32, metres, base_link at the start.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    def normal(deviation: float) -> torch.Tensor:
        return torch.randn(count, generator=generator) * deviation

    speed = torch.where(uniform(0.0, 1.0) < 0.85, uniform(0.0, 12.0), uniform(12.0, 17.0))
    speed = speed * (uniform(0.0, 1.0) > 0.08)
    pedal = normal(1.3).clamp(-4.0, 3.0)
    turns = uniform(0.0, 1.0) < 0.25
    curvature = torch.where(turns, uniform(-0.2, 0.2), normal(0.003))
    steering = torch.where(turns, normal(0.03), normal(0.002))
    x, y, yaw = (torch.zeros(count) for _ in range(3))
    places = []
    step = PLAN_STEP / FINER
    for number in range(1, PLAN_STEPS * FINER + 1):
        speed = (speed + pedal * step).clamp(0.0, 18.0)
        curvature = curvature + steering * step
        limit = torch.clamp_max(SIDEWAYS / speed.square().clamp_min(0.1), 0.2)
        yaw = yaw + speed * torch.minimum(torch.maximum(curvature, -limit), limit) * step
        x, y = x + speed * yaw.cos() * step, y + speed * yaw.sin() * step
        if number % FINER == 0:
            places.append(torch.stack((x, y), -1))
    return torch.stack(places, 1)


def clusters(futures: torch.Tensor, count: int, seed: int, rounds: int = 25) -> torch.Tensor:
    """Lloyd's K-means from random members; a cluster that loses all its members takes the worst-fitting one.

    Args:
        futures: (F, 6, 2), F at least `count`.
        count: of clusters.
        seed: the same seed gives the same clusters.
        rounds: of assignment.

    Returns:
        (count, 6, 2) float32.
    """
    flat = futures.flatten(1).float()
    generator = torch.Generator().manual_seed(seed)
    centres = flat[torch.randperm(len(flat), generator=generator)[:count]].clone()
    for _ in range(rounds):
        distance, nearest = torch.cdist(flat, centres).min(1)
        members = torch.zeros(count).index_add_(0, nearest, torch.ones(len(flat)))
        sums = torch.zeros_like(centres).index_add_(0, nearest, flat)
        lost = members == 0
        centres = torch.where(lost[:, None], centres, sums / members.clamp_min(1)[:, None])
        centres[lost] = flat[distance.topk(int(lost.sum())).indices]
    return centres.unflatten(1, futures.shape[1:])


def nearest_template(templates: torch.Tensor, futures: torch.Tensor) -> torch.Tensor:
    """(B,) int64: the template nearest to each future (B, 6, 2), by the sum of squared distances."""
    rows, columns = futures.flatten(1).float(), templates.flatten(1).float()
    squares = columns.square().sum(1) - 2 * rows @ columns.T
    return squares.argmin(1)
