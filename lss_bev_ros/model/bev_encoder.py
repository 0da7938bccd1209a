"""The BEV network, from ResNet-18's first three stages (paper, section 4.1; He et al. 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .config import ModelConfig
from .upsampling import Up, convolution_at


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., "Deep Residual Learning", figure 5 left)."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, outputs, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    @property
    def shortcut(self) -> tuple[nn.Conv2d, nn.BatchNorm2d] | None:
        """The convolution beside the two others, with its normalisation; None where x is taken as it is."""
        return None if self.downsample is None else convolution_at(self.downsample, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + shortcut)


class BevEncoder(nn.Module):
    """A 7x7 stem and three ResNet stages, then two upsampling steps back to full resolution."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        half, quarter, eighth = config.widths.bev
        inner, (first, second, third) = config.widths.bev_inner, config.widths.bev_up
        self.conv1 = nn.Conv2d(config.channels, half, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.layer1 = nn.Sequential(BasicBlock(half, inner[0], half), BasicBlock(half, inner[1], half))
        self.layer2 = nn.Sequential(
            BasicBlock(half, inner[2], quarter, stride=2), BasicBlock(quarter, inner[3], quarter)
        )
        self.layer3 = nn.Sequential(
            BasicBlock(quarter, inner[4], eighth, stride=2), BasicBlock(eighth, inner[5], eighth)
        )
        self.up1 = Up(half + eighth, first, second, scale=4)
        self.up2 = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.Conv2d(second, third, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(third),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, config.outputs, kernel_size=1),
        )

    @property
    def stages(self) -> dict[str, list[BasicBlock]]:
        """The residual blocks of `layer1`, `layer2` and `layer3`."""
        found = {"layer1": self.layer1, "layer2": self.layer2, "layer3": self.layer3}
        return {
            name: [each for each in stage if isinstance(each, BasicBlock)] for name, stage in found.items()
        }

    @property
    def last(self) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
        """The 3x3 convolution behind the second upsampling, with its normalisation."""
        return convolution_at(self.up2, 1)

    @property
    def head(self) -> nn.Conv2d:
        """The 1x1 convolution to logits."""
        head = self.up2[4]
        assert isinstance(head, nn.Conv2d), head
        return head

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, C, nx, ny) splatted features to (B, outputs, nx, ny) logits."""
        x = F.relu(self.bn1(self.conv1(bev)))
        half = self.layer1(x)
        eighth = self.layer3(self.layer2(half))
        logits: torch.Tensor = self.up2(self.up1(eighth, half))
        return logits
