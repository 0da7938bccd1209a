"""What goes into an engine and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..geometry import BevGrid, Rig

UNKNOWN = -1
"""Value of an occupancy cell that no camera sees."""


@dataclass(frozen=True, eq=False)
class FrameSet:
    """The images of one instant and the rig that took them.

    Attributes:
        stamp: nanoseconds, the newest image's time; every output made from the set carries it.
        rig: every camera of the car, those without an image included.
        images: camera name to (height, width, 3) uint8 RGB, or to a JPEG, PNG or WebP file. A camera that is
            missing here contributes nothing to the splat, and what only it sees is unknown.
    """

    stamp: int
    rig: Rig
    images: Mapping[str, np.ndarray | bytes]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an engine says of a frame set.

    Attributes:
        stamp: nanoseconds, of the frame set.
        grid: the cells that the arrays are over.
        logits: (nx, ny) float32 vehicle logits.
        visible: (nx, ny) bool, whether a camera with an image sees the cell.
        timings: stage to milliseconds, in order of execution.
    """

    stamp: int
    grid: BevGrid
    logits: np.ndarray
    visible: np.ndarray
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def probability(self) -> np.ndarray:
        """(nx, ny) float32 vehicle probability, 0 to 1, unseen cells included; NaN where the logit is."""
        with np.errstate(over="ignore"):  # the exponential of a huge logit is infinity, and its inverse 0
            return (1.0 / (1.0 + np.exp(-self.logits.astype(np.float64)))).astype(np.float32)

    @property
    def occupancy(self) -> np.ndarray:
        """(nx, ny) int8 as in nav_msgs/OccupancyGrid: 0 to 100 percent, -1 where no camera sees.

        The percentage is rounded down, so `occupancy >= 50` holds exactly where the probability is at
        least one half, and a score over the topic equals the score over the logits. A logit that is NaN or
        infinite says nothing, and its cell is unknown too.
        """
        known = self.visible & np.isfinite(self.logits)
        percent = np.floor(np.where(known, self.probability, 0.0) * 100.0).astype(np.int8)
        return np.where(known, percent, np.int8(UNKNOWN))

    @property
    def unknown_by_nan(self) -> int:
        """Cells that a camera sees and that are unknown all the same: their logits are NaN or infinite.

        Above 0 something is wrong with the weights, or their numbers are too large for half precision.
        """
        return int(np.count_nonzero(self.visible & ~np.isfinite(self.logits)))
