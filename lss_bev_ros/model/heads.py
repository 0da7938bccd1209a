"""Answers read off one BEV feature map, each by a head of its own."""

from __future__ import annotations

import math
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
"""Channels of the boxes head behind the heatmaps: the centre's offset from the cell's centre in cells, height
of the centre in metres, logarithms of the size in metres, yaw, and velocity in metres a second, base_link."""

TEMPLATES = 1000
"""Ways to drive on that the plan head chooses from."""
PLAN_STEPS, PLAN_STEP = 6, 0.5
"""Places of a way to drive on: so many, so many seconds apart."""

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
        answer: torch.Tensor = self.last(F.relu(self.norm(self.conv(bev))))
        return answer


class SegmentationHead(nn.Module):
    """(B, 8, nx, ny) logits of the maps of `SEGMENTS`, each a question of its own: one 1x1 convolution."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__()
        self.last = nn.Conv2d(inputs, len(SEGMENTS), kernel_size=1)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, 8, nx, ny)."""
        logits: torch.Tensor = self.last(bev)
        return logits


class BoxesHead(_Head):
    """(B, 10 + 10, nx, ny): heatmap logits of `DETECTED`, then `BOX_NUMBERS` (Yin et al., "CenterPoint")."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, len(DETECTED) + len(BOX_NUMBERS))
        nn.init.constant_(self.last.bias[: len(DETECTED)], RARE)  # type: ignore[index]


class OccupancyHead(_Head):
    """(B, heights, 18, nx, ny) logits of `OCCUPIED` and free: channels to height (Yu et al., "FlashOcc").

    Attributes:
        shape: heights and classes.
    """

    def __init__(self, inputs: int, config: SensesConfig):
        self_classes = len(OCCUPIED) + 1
        super().__init__(inputs, 128, config.heights * self_classes)
        self.shape = (config.heights, self_classes)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, heights, 18, nx, ny); the lowest layer first, free the last class."""
        logits: torch.Tensor = super().forward(bev).unflatten(1, self.shape)
        return logits


class EmbeddingHead(_Head):
    """(B, E, nx, ny) unit vectors to be compared with those of text."""

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, config.embedding)

    def forward(self, bev: torch.Tensor) -> torch.Tensor:
        """(B, inputs, nx, ny) to (B, E, nx, ny), of length one along E."""
        vectors: torch.Tensor = F.normalize(super().forward(bev), dim=1)
        return vectors


class PlanHead(_Head):
    """(B, 1, nx, ny): what it costs to be in a cell (paper, section 3.3, "Shoot").

    Attributes:
        templates: (1000, 6, 2) metres, base_link now: the ways to drive on, clusters of driven ones. They
            come with the weights.
        prior: (6, 2) what a metre costs by which a template lies ahead of or beside where the car would be if
            it went on as it does, before softplus. The paper has none: it plans from a single instant, which
            does not say how fast the car is.
    """

    templates: torch.Tensor

    def __init__(self, inputs: int, config: SensesConfig):
        super().__init__(inputs, 64, 1)
        self._grid = config.model.grid
        self.register_buffer("templates", torch.zeros(TEMPLATES, PLAN_STEPS, 2))
        self.prior = nn.Parameter(torch.zeros(PLAN_STEPS, 2))

    @property
    def cells(self) -> torch.Tensor:
        """(1000, 6) int64: the cell x * ny + y that each place of a template lies in, or the nearest one."""
        grid = self._grid
        nx, ny = grid.shape
        x = ((self.templates[..., 0] - grid.x_min) / grid.resolution).long().clamp(0, nx - 1)
        y = ((self.templates[..., 1] - grid.y_min) / grid.resolution).long().clamp(0, ny - 1)
        return x * ny + y

    def scores(self, cost: torch.Tensor, motion: torch.Tensor | None = None) -> torch.Tensor:
        """How good each template is (paper, equation 2): the softmax over them is the plan's distribution.

        Args:
            cost: (B, 1, nx, ny) from `forward`.
            motion: (B, 4) float32: as in `memory.align`, and the seconds between; NaN where it is not known.

        Returns:
            (B, 1000) float32; the larger, the better.
        """
        cells = self.cells
        chosen = cost.float().flatten(1).gather(1, cells.flatten().expand(len(cost), -1))
        scores: torch.Tensor = -chosen.unflatten(1, cells.shape).sum(-1)
        if motion is None:
            return scores
        known = motion.isfinite().all(1)
        ahead = going_on(torch.where(known[:, None], motion, 1.0))
        apart = (self.templates - ahead[:, None]).abs()
        mismatch = (apart * F.softplus(self.prior)).sum((-1, -2))
        return scores - torch.where(known[:, None], mismatch, 0.0)


def going_on(motion: torch.Tensor, steps: int = PLAN_STEPS, step: float = PLAN_STEP) -> torch.Tensor:
    """Where a car will be that goes on as fast, and turns on as fast, as it did.

    Args:
        motion: (B, 4) float32: x, y in metres and yaw in radians of base_link now in base_link then, and the
            seconds between.
        steps: places.
        step: seconds between them.

    Returns:
        (B, steps, 2) metres, base_link now, of a car that drives where it points.
    """
    x, y, yaw, seconds = motion.unsqueeze(2).unbind(1)
    time = (torch.arange(steps, device=motion.device) + 1) * step / seconds
    # The chord of an arc, and the direction of the chord.
    half = yaw * time / 2
    length = torch.hypot(x, y) * x.sign() * time * torch.sinc(half / math.pi)
    return torch.stack((length * half.cos(), length * half.sin()), -1)


HEAD_CLASSES: dict[str, Callable[[int, SensesConfig], nn.Module]] = {
    "segmentation": SegmentationHead,
    "boxes": BoxesHead,
    "occupancy": OccupancyHead,
    "embedding": EmbeddingHead,
    "plan": PlanHead,
}
"""By the names of `senses.HEADS`."""
