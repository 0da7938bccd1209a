"""A network that another one learns from (Hinton et al., "Distilling the Knowledge in a Neural Network").

The truth says of every cell that it is a vehicle or not; a trained network also says how sure one can be,
which is more to learn from when time is short.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F

from ..model import LiftSplatShoot
from ..model.memory_format import channels_last
from .network import TrainingNetwork

DEPTH_WEIGHT = 0.1
"""Of the depth distributions beside the logits, as of the depth loss beside the occupancy loss."""


class Teacher:
    """Predicts what the student shall predict.

    Args:
        model: left as it is. Its depth bins and grid are the student's, its widths need not be.
        precision: `bf16` or `fp32`.
        device: of the student.
    """

    def __init__(self, model: LiftSplatShoot, precision: str, device: torch.device):
        own = copy.deepcopy(model).eval().requires_grad_(False)
        own = channels_last(own.to(device))
        self._network = TrainingNetwork(own, precision).eval()

    def loss(
        self, images: torch.Tensor, cells: torch.Tensor, logits: torch.Tensor, depth: torch.Tensor
    ) -> torch.Tensor:
        """How far a student is from the teacher on the same input.

        Args:
            images: (B * N, 3, H, W), normalised.
            cells: (B, N, D, h, w) int64.
            logits: (B, outputs, nx, ny) of the student.
            depth: (B * N, D, h, w) of the student.

        Returns:
            Cross entropy of the vehicle probabilities, plus DEPTH_WEIGHT times that of the depths.
        """
        with torch.no_grad():
            wanted, where = self._network(images, cells)
        vehicles = F.binary_cross_entropy_with_logits(logits.float(), wanted.float().sigmoid())
        depths = -(where.float() * depth.float().clamp_min(1e-6).log()).sum(1).mean()
        return vehicles + DEPTH_WEIGHT * depths
