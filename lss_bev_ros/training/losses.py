"""What is minimised."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def occupancy_loss(logits: torch.Tensor, target: torch.Tensor, positive_weight: float) -> torch.Tensor:
    """Binary cross entropy, vehicle cells weighing `positive_weight` (LSS's published loss).

    Args:
        logits: (B, 1, nx, ny).
        target: (B, nx, ny) bool.
        positive_weight: of vehicle cells.
    """
    weight = torch.tensor(positive_weight, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits[:, 0].float(), target.float(), pos_weight=weight)


def overlap_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """One minus the soft IoU of a batch: probabilities in place of decisions (Rahman and Wang 2016).

    Args:
        logits: (B, 1, nx, ny).
        target: (B, nx, ny) bool.
    """
    probability, truth = logits[:, 0].float().sigmoid(), target.float()
    both = (probability * truth).sum()
    return 1 - both / (probability.sum() + truth.sum() - both).clamp_min(1)


def depth_loss(depth: torch.Tensor, share: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the predicted depth with the surfaces' (the idea of BEVDepth, Li et al. 2022).

    Args:
        depth: (B, D, h, w) predicted distribution.
        share: (B, D, h, w) from `augmentation.depth_targets`.
        known: (B, h, w) bool, as well.
    """
    entropy = -(share * depth.float().clamp_min(1e-6).log()).sum(1)
    return (entropy * known).sum() / known.sum().clamp_min(1)
