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
        """(nx, ny) float32 vehicle probability, 0 to 1, unseen cells included."""
        return (1.0 / (1.0 + np.exp(-self.logits.astype(np.float64)))).astype(np.float32)

    @property
    def occupancy(self) -> np.ndarray:
        """(nx, ny) int8 as in nav_msgs/OccupancyGrid: 0 to 100 percent, -1 where no camera sees.

        The percentage is rounded down, so `occupancy >= 50` holds exactly where the probability is at
        least one half, and a score over the topic equals the score over the logits.
        """
        percent = np.floor(self.probability * 100.0).astype(np.int8)
        return np.where(self.visible, percent, np.int8(UNKNOWN))
