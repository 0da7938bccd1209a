"""Lift: image features and a distribution over depth for every pixel (paper, section 3.1)."""

from __future__ import annotations

import torch
from torch import nn

from .config import ModelConfig
from .efficientnet import STAGES, EfficientNetTrunk
from .merge import Up


class CameraEncoder(nn.Module):
    """EfficientNet-B0, one upsampling step, and a 1x1 convolution to D depth logits and C features."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.depth_bins = config.depth_bins
        self.channels = config.channels
        self.trunk = EfficientNetTrunk()
        self.up1 = Up(STAGES[-1].outputs + STAGES[4].outputs, 512)
        self.depthnet = nn.Conv2d(512, self.depth_bins + self.channels, kernel_size=1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode images, each by itself.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            depth: (B, D, H/16, W/16), a distribution over the depth bins (sums to 1 over D).
            features: (B, C, H/16, W/16), the context vector of every pixel.
        """
        sixteenth, thirty_second = self.trunk(images)
        x = self.depthnet(self.up1(thirty_second, sixteenth))
        return x[:, : self.depth_bins].softmax(dim=1), x[:, self.depth_bins :]
