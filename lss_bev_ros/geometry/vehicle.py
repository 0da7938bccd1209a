"""The car that carries the sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Vehicle:
    """A car's outline in base_link, whose origin is on the ground below the middle of the rear axle.

    Attributes:
        length, width, height: metres.
        rear: metres from the rear axle back to the rear bumper.
    """

    length: float
    width: float
    height: float
    rear: float

    @property
    def outline(self) -> np.ndarray:
        """(4, 2) float64 x and y, metres, counter-clockwise from front left."""
        front, left = self.length - self.rear, self.width / 2
        return np.array([[front, left], [-self.rear, left], [-self.rear, -left], [front, -left]])

    def covers(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Which points (N, 2 or more) of base_link lie over the car, grown by `margin` metres: (N,) bool."""
        x, y = points[:, 0], points[:, 1]
        along = (x >= -self.rear - margin) & (x <= self.length - self.rear + margin)
        over: np.ndarray = along & (np.abs(y) <= self.width / 2 + margin)
        return over


RENAULT_ZOE = Vehicle(length=4.084, width=1.730, height=1.562, rear=0.657)
"""nuScenes' car (Caesar et al., "nuScenes", CVPR 2020, section 3): a Renault Zoe.

Length, width and height are the manufacturer's. What its 2.588 m wheelbase leaves of the length is split into
0.839 m in front of the front axle and 0.657 m behind the rear one, good to a few centimetres.
"""
