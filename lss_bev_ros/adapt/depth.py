"""How far away what a camera sees is, at the pixels that a beam of the LiDAR hits."""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry import Camera, Pose
from ..training.config import SampleLayout
from ..training.sample import NO_DEPTH, pack_depth

_NEAREST = 1.0
"""Metres along the axis: what is nearer is the car itself."""

_BEHIND, _SHARE = 1.0, 0.15
"""Metres, and share of the distance, by which a return lies behind its neighbours that hide it."""


def beam_depth(points: np.ndarray, moved: Pose, camera: Camera, layout: SampleLayout) -> np.ndarray:
    """Depth of the pixels that a scan hits.

    A LiDAR on the roof looks over what stands before a camera, so a return that lies clearly behind a return
    next to it is hidden from the camera, and left out.

    Args:
        points: (N, 3) metres, base_link at the time of the scan.
        moved: base_link at the time of the scan in base_link at the time of the picture.
        camera: a pinhole, see `Camera.straight`.
        layout: of the stored pictures.

    Returns:
        (H / stride, W / stride) uint8 as in `Sample.depth`, 255 where no beam hits.
    """
    step = layout.depth_stride
    rows, columns = layout.height // step, layout.width // step
    at = (camera.pose.inverse() @ moved).apply(points)
    at = at[at[:, 2] > _NEAREST]
    pixels = at @ camera.intrinsics.T
    # Whole numbers are the centres of pixels.
    u = (pixels[:, 0] / pixels[:, 2] + 0.5) / camera.width * columns
    v = (pixels[:, 1] / pixels[:, 2] + 0.5) / camera.height * rows
    inside = (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
    far = np.full(rows * columns, np.inf, np.float32)
    cells = v[inside].astype(np.int64) * columns + u[inside].astype(np.int64)
    np.minimum.at(far, cells, at[inside, 2].astype(np.float32))
    far = far.reshape(rows, columns)
    # Beams are rows apart in the picture, and a thing hides what is between its returns too.
    nearest = cv2.erode(np.where(np.isfinite(far), far, 1e4).astype(np.float32), np.ones((5, 3), np.uint8))
    hidden = far > nearest * (1 + _SHARE) + _BEHIND
    packed = pack_depth(np.where(hidden, np.inf, far))
    packed[~np.isfinite(far)] = NO_DEPTH
    return packed
