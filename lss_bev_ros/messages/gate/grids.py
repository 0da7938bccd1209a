"""nav_msgs/OccupancyGrid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import MessageError
from .numbers import is_finite

MOST_CELLS = 1_000_000
"""Of a grid around the car: 100 m on each side, in cells of 20 cm."""

_FINEST, _COARSEST = 1e-3, 1e3
_FARTHEST = 1e6
"""Metres of a cell's side, and to a grid's origin."""


def check_grid(message: Any) -> None:
    """Check an OccupancyGrid.

    Raises:
        MessageError: too many cells or another number of them than of values, a resolution or an origin that
            is none, an origin that is turned, or a value that is neither -1 nor 0 to 100.
    """
    info = message.info
    cells = info.width * info.height
    if not 0 < cells <= MOST_CELLS:
        raise MessageError(
            f"info says {info.width} x {info.height} cells, which are not between 1 and {MOST_CELLS}: "
            f"publish a grid of what is around the car, or coarser cells"
        )
    if len(message.data) != cells:
        raise MessageError(f"data has {len(message.data)} values for {info.width} x {info.height} cells")
    if not _FINEST <= info.resolution <= _COARSEST:
        raise MessageError(f"info.resolution of {info.resolution:g} m is no side of a cell")
    p, q = info.origin.position, info.origin.orientation
    if not is_finite(p.x, p.y) or max(abs(p.x), abs(p.y)) > _FARTHEST:
        raise MessageError(f"info.origin of {p.x:g}, {p.y:g} m is nowhere near the car")
    if not is_finite(q.x, q.y, q.z, q.w) or max(abs(q.x), abs(q.y), abs(q.z)) > 1e-3:
        raise MessageError("info.origin is turned: publish a grid along the axes of its frame")
    values = np.frombuffer(message.data, np.int8)
    low, high = int(values.min()), int(values.max())
    if low < -1 or high > 100:
        raise MessageError(f"data has values from {low} to {high}: a cell is 0 to 100, or -1 where unknown")
