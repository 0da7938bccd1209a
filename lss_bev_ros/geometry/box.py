"""Annotated objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .category import is_vehicle_category
from .pose import Pose


@dataclass(frozen=True, eq=False)
class Box:
    """One annotated object at one instant.

    Attributes:
        pose: box frame (x forward, y left, z up, origin at the centre) to the frame of whoever holds the box.
        size: (3,) float64 length (x), width (y), height (z), metres.
        category: as the data set names it, such as `vehicle.car` or `car`.
        instance: token of the physical object, the same in every frame.
        velocity: (2,) float64 m/s in the holder's frame, NaN where unknown.
        visibility: nuScenes level 1 (0 to 40 %) to 4 (80 to 100 %), 0 where unknown.
        num_lidar_pts: LiDAR returns inside the box, -1 where nobody counted them.
        vehicle: whether it counts as a vehicle; None lets the category tell.
        attribute: what it does, as the data set names it, such as `vehicle.moving`; empty where unknown.
        num_radar_pts: radar returns inside the box, 0 where nobody counted them: nuScenes' detection task
            leaves out boxes that neither LiDAR nor radar hit.
    """

    pose: Pose
    size: np.ndarray
    category: str
    instance: str = ""
    velocity: np.ndarray | None = None
    visibility: int = 0
    num_lidar_pts: int = 0
    vehicle: bool | None = None
    attribute: str = ""
    num_radar_pts: int = 0

    @property
    def is_vehicle(self) -> bool:
        """Whether it counts as a vehicle: in nuScenes, as in LSS, all below `vehicle`, bicycles included."""
        return is_vehicle_category(self.category) if self.vehicle is None else self.vehicle

    def corners(self) -> np.ndarray:
        """(8, 3) float64, metres: the bottom four corners counter-clockwise from front left, then the top."""
        length, width, height = np.asarray(self.size, dtype=np.float64) / 2
        bottom = np.array([[length, width], [-length, width], [-length, -width], [length, -width]])
        z = np.repeat([-height, height], 4)
        return self.pose.apply(np.column_stack([np.tile(bottom, (2, 1)), z]))

    def contains(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Which points (N, 3) of the holder's frame lie inside, grown by `margin` metres: (N,) bool."""
        local = self.pose.inverse().apply(np.asarray(points, dtype=np.float64))
        inside: np.ndarray = (np.abs(local) <= np.asarray(self.size) / 2 + margin).all(axis=-1)
        return inside


def corners_of(boxes: Sequence[Box]) -> np.ndarray:
    """(B, 8, 3) float64, metres: `Box.corners` of many boxes at once, some twenty times faster."""
    unit = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / 2
    unit = np.column_stack([np.tile(unit, (2, 1)), np.repeat([-0.5, 0.5], 4)])
    sizes = np.array([box.size for box in boxes], dtype=np.float64).reshape(-1, 1, 3)
    rotations = np.array([box.pose.rotation for box in boxes]).reshape(-1, 3, 3)
    centers = np.array([box.pose.translation for box in boxes]).reshape(-1, 1, 3)
    corners: np.ndarray = (unit * sizes) @ rotations.transpose(0, 2, 1) + centers
    return corners
