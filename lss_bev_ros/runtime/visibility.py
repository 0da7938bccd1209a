"""Which cells the cameras see: their fields of view, not the sparse hits of the splat."""

from __future__ import annotations

import numpy as np

from ..geometry import BevGrid, Camera, Rig
from ..model import ImageTransform, ModelConfig

COLUMN_HEIGHT = 3.0
"""Metres above the ground up to which a cell's column counts: higher than nearly all vehicles."""

NEAREST = 0.1
"""Metres along the optical axis below which nothing is imaged."""


def visible_cells(rig: Rig, config: ModelConfig) -> np.ndarray:
    """Find the cells that at least one camera of a rig sees.

    A cell is seen when any point of the vertical column above its centre, from the ground (z = 0 in
    base_link) to COLUMN_HEIGHT, projects inside the part of an image that the network reads.

    Returns:
        (nx, ny) bool.
    """
    seen = np.zeros(config.grid.shape, dtype=bool)
    for camera in rig.cameras:
        seen |= visible_cells_of(camera, config)
    return seen


def visible_cells_of(camera: Camera, config: ModelConfig) -> np.ndarray:
    """(nx, ny) bool: the cells that one camera sees, see `visible_cells`."""
    t = ImageTransform.of_camera(camera, config)
    left, right = t.left / t.scale, (t.left + t.width) / t.scale
    top, bottom = t.top / t.scale, (t.top + t.height) / t.scale
    # The view is the intersection of five half-spaces, rows of `planes`: n . x >= c in the optical frame.
    k = camera.intrinsics
    axis = np.array([0.0, 0.0, 1.0])
    planes = np.stack(
        [k[0] - left * axis, right * axis - k[0], k[1] - top * axis, bottom * axis - k[1], axis]
    )
    bounds = np.array([0.0, 0.0, 0.0, 0.0, NEAREST])
    ends = _column_ends(config.grid)
    inverse = camera.pose.inverse()
    low, high = (inverse.apply(end) @ planes.T - bounds for end in ends)
    # Along a column each side is linear in the height, so it is cut where its value changes sign.
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = low / (low - high)
    enter = np.where(low < 0, np.where(high < 0, np.inf, cut), 0.0).max(axis=-1)
    leave = np.where(high < 0, np.where(low < 0, -np.inf, cut), 1.0).min(axis=-1)
    return enter <= leave


def _column_ends(grid: BevGrid) -> tuple[np.ndarray, np.ndarray]:
    """Foot and head of every cell's column, two of (nx, ny, 3), metres, base_link."""
    centers = grid.centers()
    foot = np.concatenate([centers, np.zeros((*grid.shape, 1))], axis=-1)
    return foot, foot + np.array([0.0, 0.0, COLUMN_HEIGHT])
