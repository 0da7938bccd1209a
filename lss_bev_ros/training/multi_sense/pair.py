"""Samples of multi-sense training: an instant with all its truth, and the one half a second before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

import torch

from ...geometry.classes import LINES, STREET_AREAS

BOXES = 160
"""Rows for annotated things; a sample with more keeps the nearest ones."""
BOX_COLUMNS = (
    "class", "x", "y", "z", "length", "width", "height", "yaw", "velocity_x", "velocity_y", "returns",
)  # fmt: skip
"""Columns of `Pairs.boxes`: index in `senses.DETECTED` (-1: no box), centre and size in metres, radians and
metres a second, all in base_link now; LiDAR returns counted."""
MAP_BITS = {name: 1 << k for k, name in enumerate((*STREET_AREAS, *LINES, "person", "two_wheeler"))}
"""Bits of `Pairs.maps` by layer. A person or two-wheeler is marked where it has a return, as a vehicle is
scored."""
FUTURE_STEPS, FUTURE_STEP = 6, 0.5
"""Places of `Pairs.future`: so many, so many seconds apart."""


InstantsT = TypeVar("InstantsT", bound="Instants")


@dataclass(frozen=True, eq=False)
class Instants:
    """What was sensed of S pairs on one device. Axis 1 of what has two is (earlier, now).

    An instant is in base_link at its own stamp.

    Attributes:
        images: (S, 2, N, H, W, 3) uint8 RGB; a camera that is missing is black.
        calibration: (S, 2, N, 21) float32, as in `Sample`.
        present: (S, 2, N) bool.
        points: (S, 2, P, 4) float16: x, y, z in metres, intensity 0 to 1; x is NaN where there is no return.
        ages: (P,) float16 seconds before the stamp at which each beam of `points` was fired.
        motion: (S, 4) float32: x, y in metres and yaw in radians of base_link now in base_link then, and the
            seconds between; NaN where there is no earlier instant.
        depth: (S, N, H / 4, W / 4) uint8, as in `Sample`, of now.
        future: (S, FUTURE_STEPS, 2) float32 metres, base_link now: the car's places to come; NaN: unknown.
    """

    CELLS: ClassVar[tuple[str, ...]] = ()
    """Names of what is over the cells of the grid: (S, nx, ny, ...)."""

    images: torch.Tensor
    calibration: torch.Tensor
    present: torch.Tensor
    points: torch.Tensor
    ages: torch.Tensor
    motion: torch.Tensor
    depth: torch.Tensor
    future: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self: InstantsT, index: torch.Tensor | slice) -> InstantsT:
        """The pairs of an index (B,) int64 or a slice."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{name: part if name == "ages" else part[index] for name, part in parts.items()})

    def to(self: InstantsT, device: torch.device | str) -> InstantsT:
        """The same on a device."""
        return type(self)(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Pairs(Instants):
    """Pairs with all their truth, which is of now. The two instants share cameras, light and paint.

    Attributes:
        raster: (S, nx, ny) uint8, vehicles with their returns, as in `Sample`.
        maps: (S, nx, ny) uint8, bits above.
        things: (S, nx, ny, heights) uint8: number in `synthetic.things.THINGS` of what fills a voxel, 0 for
            nothing.
        boxes: (S, BOXES, 11) float32, `BOX_COLUMNS`.
    """

    CELLS: ClassVar[tuple[str, ...]] = ("raster", "maps", "things")

    raster: torch.Tensor
    maps: torch.Tensor
    things: torch.Tensor
    boxes: torch.Tensor
