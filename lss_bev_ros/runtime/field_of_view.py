"""Which cells the cameras see: their fields of view, not the sparse hits of the splat."""

from __future__ import annotations

import numpy as np

from ..geometry import Camera, Rig
from ..model import ImageTransform, ModelConfig
from .straightening import taken, takes_all

COLUMN_HEIGHT = 3.0
"""Metres above the ground up to which a cell's column counts: higher than nearly all vehicles."""

HEIGHTS = 13
"""Places along a column that are looked at where a lens bends its picture."""

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
    seen = _seen_by_pinhole(camera, config)
    left, right, top, bottom = _view(camera, config)
    if takes_all(camera, left, right, top, bottom):
        return seen
    # Not all that the pinhole would see is in the image that the lens took.
    heights = np.linspace(0.0, COLUMN_HEIGHT, HEIGHTS)
    centers = config.grid.centers()[seen]
    columns = np.concatenate(
        [
            np.repeat(centers[:, None, :2], HEIGHTS, axis=1),
            np.broadcast_to(heights[:, None], (len(centers), HEIGHTS, 1)),
        ],
        axis=-1,
    )
    pixels, depth = camera.straight.project(columns)
    u, v = pixels[..., 0], pixels[..., 1]
    read = (depth >= NEAREST) & (u >= left) & (u <= right) & (v >= top) & (v <= bottom)
    seen[seen] = (read & taken(camera, pixels)).any(axis=1)
    return seen


def _view(camera: Camera, config: ModelConfig) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of what the network reads, pixels of the full image."""
    t = ImageTransform.of_camera(camera, config)
    return t.left / t.scale, (t.left + t.width) / t.scale, t.top / t.scale, (t.top + t.height) / t.scale


def _seen_by_pinhole(camera: Camera, config: ModelConfig) -> np.ndarray:
    """(nx, ny) bool: the cells that a camera without a lens sees."""
    left, right, top, bottom = _view(camera, config)
    # The view is the intersection of five half-spaces, rows of `planes`: n . x >= c in the optical frame.
    k = camera.intrinsics
    axis = np.array([0.0, 0.0, 1.0])
    planes = np.stack(
        [k[0] - left * axis, right * axis - k[0], k[1] - top * axis, bottom * axis - k[1], axis]
    )
    bounds = np.array([0.0, 0.0, 0.0, 0.0, NEAREST])
    inverse = camera.pose.inverse()
    # How far inside a half-space a point of base_link is: normal . point + offset, linear in each coordinate.
    normals, offsets = planes @ inverse.rotation, planes @ inverse.translation - bounds
    x, y = config.grid.centers()[:, :1, 0], config.grid.centers()[:1, :, 1]
    # The part of a column inside all of them, from 0 at its foot to 1 at its head.
    enter, leave = np.zeros(config.grid.shape), np.ones(config.grid.shape)
    for normal, offset in zip(normals, offsets, strict=True):
        foot = (normal[0] * x + offset) + normal[1] * y
        rise = normal[2] * COLUMN_HEIGHT
        if rise > 0:
            np.maximum(enter, foot / -rise, out=enter)
        elif rise < 0:
            np.minimum(leave, foot / -rise, out=leave)
        else:
            leave[foot < 0] = -1.0
    return enter <= leave
