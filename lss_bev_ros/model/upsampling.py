"""The upsampling step that both encoders share (`Up` in the official code)."""

from __future__ import annotations

import torch
from torch import nn


def convolution_at(layers: nn.Sequential, index: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution among layers that run one behind the other, and the normalisation behind it."""
    conv, norm = layers[index], layers[index + 1]
    assert isinstance(conv, nn.Conv2d), conv
    assert isinstance(norm, nn.BatchNorm2d), norm
    return conv, norm


class Up(nn.Module):
    """Upsample the coarse map, join it to the fine one, convolve twice.

    Args:
        inputs: channels of the fine and the coarse map together.
        inner: channels between the convolutions.
        outputs: channels of the result.
        scale: how many times larger the fine map is.
    """

    def __init__(self, inputs: int, inner: int, outputs: int, scale: int = 2):
        super().__init__()
        self.scale = scale
        self.up = nn.Upsample(scale_factor=scale, mode="bilinear", align_corners=True)
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, inner, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    @property
    def convolutions(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """The two, each with its normalisation; ReLU follows each."""
        return [convolution_at(self.conv, 0), convolution_at(self.conv, 3)]

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """(B, c, h, w) and (B, f, scale * h, scale * w) to (B, outputs, scale * h, scale * w)."""
        joined: torch.Tensor = self.conv(torch.cat((fine, self.up(coarse)), dim=1))
        return joined
