"""Answers read off one BEV feature map, each by a head of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from .senses import DETECTED, OCCUPIED, SEGMENTS, SensesConfig

BOX_NUMBERS = (
    "offset_x",
    "offset_y",
    "z",
    "length",
    "width",
    "height",
    "sin",
    "cos",
    "velocity_x",
    "velocity_y",
)
"""Channels of the boxes head behind the heatmaps: the centre's offset from the cell's centre in cells, height of
the centre in metres, logarithms of the size in metres, yaw, and velocity in metres a second, base_link."""

RARE = -2.19
"""Logit of 0.1, the start of every heatmap (Law and Deng, "CornerNet", section 4.1)."""


class _Head(nn.Module):
    """A 3x3 convolution and a 1x1 one."""

    def __init__(self, inputs: int, inner: int, outputs: int, bias: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, inner, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(inner)
        self.last = nn.Conv2d(inner, outputs, kernel_size=1)
        nn.init.constant_(self.last.bias, bias)  # type: ignore[arg-type]

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, outputs, nx, ny)."""
        return self.last(F.relu(self.norm(self.conv(bev))))


class SegmentationHead(nn.Module):
    """(B, 8, nx, ny) logits of the maps of `SEGMENTS`, each a question of its own: a 1x1 convolution, as in LSS."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__()
        self.last = nn.Conv2d(inputs, len(SEGMENTS), kernel_size=1)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, 8, nx, ny)."""
        return self.last(bev)


class BoxesHead(_Head):
    """(B, 10 + 10, nx, ny): heatmap logits of `DETECTED`, then `BOX_NUMBERS` (Yin et al., "CenterPoint")."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, len(DETECTED) + len(BOX_NUMBERS))
        nn.init.constant_(self.last.bias[: len(DETECTED)], RARE)  # type: ignore[index]


class OccupancyHead(_Head):
    """(B, heights, 18, nx, ny) logits of `OCCUPIED` and free: channels to height (Yu et al., "FlashOcc")."""

    def __init__(self, inputs: int, config: SensesConfig):
        self_classes = len(OCCUPIED) + 1
        super().__init__(inputs, 128, config.heights * self_classes)
        self._shape = (config.heights, self_classes)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, heights, 18, nx, ny); the lowest layer first, free the last class."""
        return super().forward(bev).unflatten(1, self._shape)


class EmbeddingHead(_Head):
    """(B, E, nx, ny) unit vectors to be compared with those of text."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, config.embedding)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, E, nx, ny), of length one along E."""
        return F.normalize(super().forward(bev), dim=1)


class PlanHead(_Head):
    """(B, 1, nx, ny): what it costs to be in a cell (paper, section 3.3, "Shoot")."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, 1)


HEAD_CLASSES: dict[str, Callable[[int, SensesConfig], nn.Module]] = {
    "segmentation": SegmentationHead,
    "boxes": BoxesHead,
    "occupancy": OccupancyHead,
    "embedding": EmbeddingHead,
    "plan": PlanHead,
}
"""By the names of `senses.HEADS`."""
