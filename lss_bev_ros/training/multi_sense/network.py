"""The multi-sense network as it is trained: on pairs of instants, whatever senses each of them has."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from ...model.lidar_encoder import LidarEncoder
from ...model.multi_sense import MultiSense, Sensed
from ...model.senses import SensesConfig
from ..augmentation import Augmentation, augmented_images, geometry, levelled
from ..classifier import Classifier, unlike
from ..config import SampleLayout
from ..network import batch_cells
from ..splat import splat_batch
from .pair import Instants
from .variation import Variation, clouds, odometry


class PairNetwork(nn.Module):
    """The model's parameters in a form that trains fast; the model itself is what is saved.

    A sense that a sample has lost is a map of zeros, which is what the fuser takes a missing one for, so that
    batches stay full.

    Args:
        model: whose parameters are trained.
        layout: of the stored pictures.
        precision: `bf16` or `fp32` for the convolutions; geometry, splat and clouds are always float32.
        classifier: whose features the cameras' trunk is to keep while it trains; none by default.
    """

    def __init__(
        self, model: MultiSense, layout: SampleLayout, precision: str, classifier: Classifier | None = None
    ):
        super().__init__()
        self.model = model
        self._classifier = classifier
        self._layout = layout
        self._mixed = precision == "bf16"

    def forward(
        self, pairs: Instants, variation: Variation, augmentations: tuple[Augmentation, Augmentation]
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """Answer for a batch.

        Args:
            pairs: the batch.
            variation: of it.
            augmentations: of the pictures of the earlier instant and of now.

        Returns:
            What each head says, with `plan` as `PlanHead.scores`, while a network with a classifier trains
            also `photographs`, how far its features are from the classifier's; and the depth distribution of
            now's pictures (B * N, D, h, w), None without cameras.
        """
        motion, known = odometry(pairs, variation)
        memory = None
        if "memory" in self.model.config.senses:
            with torch.no_grad():
                memory = self.remembered(pairs, variation, augmentations[0], known)
        cameras, depth, far = self._see(pairs, variation, augmentations[1], 1)
        sensed = Sensed(cameras, self.feel(pairs, variation, 1))
        if memory is not None:
            sensed = replace(sensed, memory=memory, motion=motion[:, :3], age=motion[:, 3])
        said = self.answers(sensed, motion, known)
        return (said if far is None else {**said, "photographs": far}), depth

    def answers(self, sensed: Sensed, motion: torch.Tensor, known: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each head says of the senses' maps; without known motion the plan goes by the map alone."""
        with self._precision(motion.device):
            said, _ = self.model(sensed)
        if self.model.plan is not None:
            motion = torch.where(known[:, None], motion, torch.nan)
            said["plan"] = self.model.plan.scores(said["plan"], motion)
        return said

    def remembered(
        self, pairs: Instants, variation: Variation, augmentation: Augmentation, known: torch.Tensor
    ) -> torch.Tensor:
        """(B, C, nx, ny) what is remembered of the earlier instants; 0 for samples that remember nothing."""
        cameras, _ = self.see(pairs, variation, augmentation, 0)
        with self._precision(known.device):
            _, remembered = self.model.fused(Sensed(cameras, self.feel(pairs, variation, 0)))
        return remembered * known[:, None, None, None]

    def see(
        self, pairs: Instants, variation: Variation, augmentation: Augmentation, instant: int
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """The cameras' map (B, C, nx, ny) and the depth distribution of an instant; None without cameras."""
        return self._see(pairs, variation, augmentation, instant)[:2]

    def _see(
        self, pairs: Instants, variation: Variation, augmentation: Augmentation, instant: int
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
        """As `see`, and how far the features of now's pictures are from the classifier's."""
        if "cameras" not in self.model.config.senses:
            return None, None, None
        model = self.model
        kept = augmentation.kept & pairs.present[:, instant] & variation.cameras[:, instant]
        calibration = pairs.calibration[:, instant]
        augmentation = levelled(replace(augmentation, kept=kept), calibration, model.config.model)
        images = augmented_images(pairs.images[:, instant], augmentation, self._layout, model.config.model)
        cells = batch_cells(model, geometry(calibration, augmentation), kept)
        images = images.contiguous(memory_format=torch.channels_last)
        far = None
        with self._precision(images.device):
            found = model.camencode.trunk(images)
            depth, features = model.camencode.spread(*found)
            if self._classifier is not None and self.training and torch.is_grad_enabled():
                far = unlike(found, self._classifier(images), kept.flatten())
        bev = splat_batch(depth, features, cells, model.config.model.grid.shape)
        return bev.contiguous(memory_format=torch.channels_last), depth, far

    def feel(self, pairs: Instants, variation: Variation, instant: int) -> torch.Tensor | None:
        """The LiDAR's map (B, C, nx, ny) of an instant; None without LiDAR."""
        if "lidar" not in self.model.config.senses:
            return None
        return encode_clouds(self.model.lidarencode, *clouds(pairs, variation, instant))

    def _precision(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self._mixed)


def encode_clouds(encoder: LidarEncoder, points: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """`LidarEncoder.forward` of a batch of equally many places for returns, without waiting for the device.

    Args:
        encoder: its parameters and, while it trains, its running statistics, which are updated.
        points: (B, P, 5) float32.
        there: (B, P) bool, places that hold a return; the others are read by nobody.

    Returns:
        (B, C, nx, ny) float32, 0 in cells without a return.
    """
    config: SensesConfig = encoder.config
    grid = config.model.grid
    (batch, count, _), (nx, ny) = points.shape, grid.shape
    flat = points.flatten(0, 1)
    x = torch.floor((flat[:, 0] - grid.x_min) / grid.resolution)
    y = torch.floor((flat[:, 1] - grid.y_min) / grid.resolution)
    z = flat[:, 2]
    inside = there.flatten() & (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    inside &= (z >= config.lidar_z_min) & (z <= config.lidar_z_max)
    sample = torch.arange(batch, device=points.device).repeat_interleave(count, output_size=batch * count)
    cells = torch.where(inside, (sample * nx + x.long()) * ny + y.long(), 0)
    features = encoder.linear(encoder.describe(flat, cells))
    features = torch.relu(_normalised(encoder.norm, features, inside))
    # What is no return goes to one cell more, which is thrown away.
    index = torch.where(inside, cells, batch * nx * ny)[:, None].expand_as(features)
    bev = features.new_zeros(batch * nx * ny + 1, features.shape[1])
    bev = bev.scatter_reduce(0, index, features, "amax", include_self=True)
    return bev[:-1].view(batch, nx, ny, -1).permute(0, 3, 1, 2)


def _normalised(norm: nn.BatchNorm1d, values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Batch normalisation (N, C) in which only counted rows (N,) make the statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    mean, variance = norm.running_mean, norm.running_var
    if norm.training:
        weight = counted.float()
        number = weight.sum()
        mean = (weight @ values) / number.clamp_min(1)
        variance = (weight @ (values - mean).square()) / number.clamp_min(1)
        with torch.no_grad():
            # A batch of empty clouds says nothing.
            share = norm.momentum * (number > 1)
            norm.running_mean += share * (mean - norm.running_mean)
            unbiased = variance * (number / (number - 1).clamp_min(1))
            norm.running_var += share * (unbiased - norm.running_var)
    return (values - mean) * (variance + norm.eps).rsqrt() * norm.weight + norm.bias
