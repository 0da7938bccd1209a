"""Materials: what a surface is made of, as numbers that a renderer looks up by index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

PLAIN, ASPHALT, PAVING, GRASS, MARKING, FACADE, PAINT, GLASS, FOLIAGE, BARK, LAMP, RUBBER, SIGN = range(13)
STRIPES, KERB, ROOF, METAL, CLOTH, SHOP, CHECKER, TEXTURE = range(13, 21)

REFLECTANCE = np.array(
    [
        0.35, 0.10, 0.22, 0.30, 0.75, 0.40, 0.35, 0.04, 0.38, 0.25, 0.30, 0.06, 1.60,
        0.80, 0.25, 0.20, 0.45, 0.35, 0.30, 0.90, 0.30,
    ],
    dtype=np.float32,
)  # fmt: skip
"""Share of the LiDAR's infrared light that each kind sends back; signs and cones are retroreflective."""


class Materials(NamedTuple):
    """The materials of a world, one row each.

    Attributes:
        kind: (M,) int32, one of the constants of this module.
        colour: (M, 3) float32 linear RGB.
        params: (M, 8) float32, their meaning by kind (see `surface.py`).
    """

    kind: np.ndarray
    colour: np.ndarray
    params: np.ndarray


@dataclass
class Palette:
    """Collects materials while a world is built; equal ones share an index."""

    _rows: dict[tuple, int] = field(default_factory=dict)

    def add(self, kind: int, colour: tuple[float, float, float], *params: float) -> int:
        """The index of a material.

        Args:
            kind: one of the constants of this module.
            colour: sRGB, 0 to 1.
            params: up to eight numbers, 0 where left out.
        """
        row = (kind, *(round(float(c), 4) for c in colour), *(round(float(p), 4) for p in params))
        return self._rows.setdefault(row, len(self._rows))

    def table(self) -> Materials:
        """All materials so far, colours made linear."""
        count = len(self._rows)
        kind = np.zeros(count, np.int32)
        colour = np.zeros((count, 3), np.float32)
        params = np.zeros((count, 8), np.float32)
        for row, index in self._rows.items():
            kind[index] = row[0]
            colour[index] = row[1:4]
            params[index, : len(row) - 4] = row[4:]
        return Materials(kind, np.clip(colour, 0, None) ** np.float32(2.2), params)
