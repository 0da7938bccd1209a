"""What goes into the network, and how it does on samples that it is not trained on."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..model import LiftSplatShoot
from .augmentation import Augmentation, augmented_images, levelled
from .config import SampleLayout, TrainingConfig
from .histogram import LogitHistogram
from .network import TrainingNetwork, batch_cells
from .pool import Batch, SamplePool


def network_input(
    model: LiftSplatShoot, batch: Batch, augmentation: Augmentation, layout: SampleLayout
) -> tuple[torch.Tensor, torch.Tensor, Augmentation]:
    """Pictures and cells of a batch.

    Returns:
        Images (B * N, 3, H, W), normalised; cells as of `batch_cells`; the augmentation as it was done: less
        the cameras that the samples do not have, and `levelled`.
    """
    kept = augmentation.kept & batch.present
    augmentation = levelled(replace(augmentation, kept=kept), batch.calibration, model.config)
    images = augmented_images(batch.images, augmentation, layout, model.config)
    return images, batch_cells(model, batch.geometry(augmentation), kept), augmentation


@torch.no_grad()
def count_logits(
    network: TrainingNetwork,
    pool: SamplePool,
    config: TrainingConfig,
    augmentation: Augmentation,
    layout: SampleLayout,
) -> torch.Tensor:
    """Run a network over all samples of a pool.

    Args:
        network: what is judged.
        pool: samples.
        config: for the batch's size and what is a target.
        augmentation: of a batch: the transform that the network is used with.
        layout: of the samples.

    Returns:
        Counts as in `LogitHistogram`.
    """
    histogram = LogitHistogram(network.model.config.grid, pool.device)
    count, size = len(pool), config.batch
    for first in range(0, count, size):
        batch = pool.batch(torch.arange(first, first + size) % count)
        images, cells, _ = network_input(network.model, batch, augmentation, layout)
        logits, _ = network(images, cells)
        kept = min(size, count - first)
        histogram.add(logits[:kept, 0], batch.target(config.min_lidar_points)[:kept])
    return histogram.counts
