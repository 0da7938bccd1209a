"""From images of lenses on the GPU to the network's input: the lookup of `Straightening`, then a resize."""

from __future__ import annotations

import numpy as np
import torch

from ...model import ImageTransform, ModelConfig
from ..straightening import MARGIN, Straightening
from .resizer import make_resizer
from .splat import has_triton

BLOCK = 256
"""Samples of a program: with 4 warps a thread has 24 bytes under way."""


class Straightener:
    """The `Resizer` of cameras with a lens, whose lookups are replaced in place.

    Args:
        lookups: of the cameras, all of one image size.
        config: of the network.
        device: GPU, or the CPU with Triton's interpreter or without Triton.
    """

    def __init__(self, lookups: list[Straightening], config: ModelConfig, device: torch.device):
        first = lookups[0]
        rows, columns = first.fractions.shape
        count = len(lookups)
        # Row and column of a sample are 16 bits each, and read as one number.
        self._places = torch.zeros(count, rows, columns, dtype=torch.int32, device=device)
        self._fractions = torch.zeros(count, rows, columns, dtype=torch.int16, device=device)
        self._samples = torch.zeros(count, rows, columns, 3, dtype=torch.uint8, device=device)
        self._held: list[Straightening | None] = [None] * count
        crop = ImageTransform(
            scale=first.width / columns,
            resized_width=first.width,
            resized_height=first.height,
            left=MARGIN,
            top=MARGIN,
            width=config.image_width,
            height=config.image_height,
        )
        self._resize = make_resizer(columns, rows, count, crop, device)
        self._look_up = _look_up_by_kernel if has_triton() else _look_up
        self.use(lookups)

    def use(self, lookups: list[Straightening]) -> None:
        """Take over other lookups of the same cameras, on the current stream."""
        for index, lookup in enumerate(lookups):
            if lookup is not self._held[index]:
                places = lookup.places.view(np.int32)[..., 0]
                self._places[index].copy_(torch.from_numpy(places))
                self._fractions[index].copy_(torch.from_numpy(lookup.fractions.view(np.int16)))
                self._held[index] = lookup

    def __call__(
        self,
        images: torch.Tensor,
        out: torch.Tensor,
        sources: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
    ) -> None:
        """See `Resizer`; the images are those of the cameras, in their order."""
        self._look_up(images, sources, self._places, self._fractions, self._samples)
        self._resize(self._samples, out, None, targets)


def _look_up_by_kernel(
    images: torch.Tensor,
    sources: torch.Tensor | None,
    places: torch.Tensor,
    fractions: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """See `straighten_kernel`."""
    from .resize_kernel import straighten_kernel

    samples = places[0].numel()
    straighten_kernel[(-(-samples // BLOCK), len(places))](
        images, sources, places, fractions, out, images.shape[1], images.shape[2], samples,
        BLOCK=BLOCK, num_warps=4,
    )  # fmt: skip


def _look_up(
    images: torch.Tensor,
    sources: torch.Tensor | None,
    places: torch.Tensor,
    fractions: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """`straighten_kernel` with PyTorch's operators, to the same bit."""
    rows, columns = images.shape[1:3]
    if sources is None:
        sources = torch.arange(len(places), device=images.device)
    image = sources.long().view(-1, 1, 1)
    x, y = (places & 0xFFFF).long(), (places >> 16).long()
    right, down = (fractions & 31).int(), (fractions >> 5).int()
    level = torch.full(out.shape, 512, dtype=torch.int32, device=images.device)
    for row, vertical in ((y, 32 - down), ((y + 1).clamp(max=rows - 1), down)):
        for column, horizontal in ((x, 32 - right), ((x + 1).clamp(max=columns - 1), right)):
            level += images[image, row, column].int() * (vertical * horizontal).unsqueeze(-1)
    out.copy_(level >> 10)
