"""Maps of the segmentation head: a probability a cell and layer, percentages, and one class a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import ModelError
from ..geometry import BevGrid
from ..model.senses import SEGMENTS

UNKNOWN = -1
"""Percentage of a cell that no sense reaches."""

CLASSES = ("unknown", "background", *SEGMENTS)
"""Of the class image, by value: a cell that no sense reaches, one that is of no layer, and the layers."""

PRIORITY = (
    "drivable",
    "walkway",
    "crossing",
    "lane_boundary",
    "road_boundary",
    "vehicle",
    "two_wheeler",
    "person",
)
"""Layers from the lowest to the highest: of several in one cell, the class image shows the highest."""

THRESHOLD = 0.5
"""Probability from which a cell of the class image is of a layer."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Maps over a grid, indexed [x, y].

    Attributes:
        grid: the cells.
        logits: (8, nx, ny) float32 in the order of `SEGMENTS`.
        percents: (8, nx, ny) int8: 0 to 100, rounded down, so that 50 and above is exactly a probability of
            one half and above; -1 where no sense reaches or the network said nothing.
        classes: (nx, ny) uint8, index in `CLASSES`.
    """

    grid: BevGrid
    logits: np.ndarray
    percents: np.ndarray
    classes: np.ndarray

    def __getitem__(self, layer: str) -> np.ndarray:
        """(nx, ny) int8 percentages of one layer.

        Raises:
            ModelError: no such layer.
        """
        return self.percents[index_of(layer)]

    def probability(self, layer: str) -> np.ndarray:
        """(nx, ny) float32, cells included that no sense reaches."""
        logits = self.logits[index_of(layer)].astype(np.float64)
        with np.errstate(over="ignore"):
            return (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)


def index_of(layer: str) -> int:
    """Channel of a layer; ModelError where there is none of that name."""
    if layer not in SEGMENTS:
        raise ModelError(f"no layer {layer!r}: use some of {', '.join(SEGMENTS)}")
    return SEGMENTS.index(layer)


def decode(head: torch.Tensor, grid: BevGrid, reached: torch.Tensor | None = None) -> Segmentation:
    """Read maps off the segmentation head.

    Args:
        head: (8, nx, ny) logits of one frame, on any device, in any precision.
        grid: the cells.
        reached: (nx, ny) bool on the same device, where a sense reaches; None: everywhere.

    Raises:
        ModelError: a tensor of another shape.
    """
    if head.shape != (len(SEGMENTS), *grid.shape):
        raise ModelError(f"a segmentation head gives {(len(SEGMENTS), *grid.shape)}, not {tuple(head.shape)}")
    logits = head.float()
    known = logits.isfinite()
    if reached is not None:
        known &= reached
    percents = torch.where(known, (logits.sigmoid().nan_to_num() * 100).floor(), float(UNKNOWN)).to(
        torch.int8
    )
    classes = torch.where(known.any(0), 1, 0).to(torch.uint8)
    for layer in PRIORITY:
        # An assignment by index would wait for a GPU to count the cells.
        shown = percents[SEGMENTS.index(layer)] >= THRESHOLD * 100
        classes = torch.where(shown, CLASSES.index(layer), classes)
    return Segmentation(grid, logits.cpu().numpy(), percents.cpu().numpy(), classes.cpu().numpy())
