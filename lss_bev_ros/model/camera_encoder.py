"""Lift: image features and a distribution over depth for every pixel (paper, section 3.1)."""

from __future__ import annotations

import torch
from torch import nn

from .config import ModelConfig
from .efficientnet import EfficientNetTrunk
from .upsampling import Up


class CameraEncoder(nn.Module):
    """EfficientNet-B0, one upsampling step, and a 1x1 convolution to D depth logits and C features."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.depth_bins = config.depth_bins
        self.channels = config.channels
        widths = config.widths
        self.trunk = EfficientNetTrunk(widths)
        self.up1 = Up(widths.stages[4] + widths.stages[6], *widths.camera_up)
        self.depthnet = nn.Conv2d(widths.camera_up[1], self.depth_bins + self.channels, kernel_size=1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode images, each by itself.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            depth: (B, D, H/16, W/16), a distribution over the depth bins (sums to 1 over D).
            features: (B, C, H/16, W/16), the context vector of every pixel.
        """
        return self.spread(*self.trunk(images))

    def spread(
        self, sixteenth: torch.Tensor, thirty_second: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What `forward` returns, from the trunk's features."""
        x = self.depthnet(self.up1(thirty_second, sixteenth))
        return x[:, : self.depth_bins].softmax(dim=1), x[:, self.depth_bins :]
