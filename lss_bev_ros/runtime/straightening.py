"""Where the network's input is found in the images of a lens: undistortion, resize and crop in one lookup.

The network was trained on pinholes, so it is shown what a pinhole of the same intrinsics would have taken.
The lookup samples the image finer than the network's input, and Pillow's filter brings that to size, as it
does with the image of a pinhole. Without a lens that would change 0.5 levels of 255 (root mean square).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry import Camera
from ..model import ImageTransform, ModelConfig

STEP = 2.0
"""Pixels of the image between two samples, at most: where the error above is from."""

FINER = 2.0
"""Samples a pixel of the input along each axis, at least."""

MARGIN = 2
"""Pixels around the input that are sampled too, since Pillow's filter reaches that far."""

KEPT = 24
"""Cameras remembered: those of a rig before and after a calibration, and some spare."""

BORDER = 500
"""Places along each side of a view that are looked at."""


@dataclass(frozen=True, eq=False)
class Straightening:
    """The lookup of one camera.

    Attributes:
        height: of what is sampled, with the margin, in pixels of the input.
        width: likewise.
        places: (rows, columns, 2) int16, column and row of the image that each sample is from.
        fractions: (rows, columns) uint16, OpenCV's fixed-point rest of both, in 1/32 of a pixel.
    """

    height: int
    width: int
    places: np.ndarray
    fractions: np.ndarray

    @classmethod
    def of(cls, camera: Camera, config: ModelConfig) -> Straightening:
        """Compute where the input of `camera` is found in its images."""
        t = ImageTransform.of_camera(camera, config)
        finer = max(FINER, 1.0 / (STEP * t.scale))
        height, width = t.height + 2 * MARGIN, t.width + 2 * MARGIN
        rows, columns = round(height * finer), round(width * finer)
        # The middle of each sample, in pixels of the straight image; whole numbers are centres of pixels.
        u = (
            ((np.arange(columns) + 0.5) * (width / columns) - MARGIN + t.left)
            * camera.width
            / t.resized_width
        )
        v = ((np.arange(rows) + 0.5) * (height / rows) - MARGIN + t.top) * camera.height / t.resized_height
        # What is not in the image is the nearest of its edge; the splat takes nothing from there.
        u, v = np.broadcast_arrays(*camera.bend((u - 0.5)[None], (v - 0.5)[:, None], hold=True))
        u = np.clip(u, 0.0, camera.width - 1.0).astype(np.float32)
        v = np.clip(v, 0.0, camera.height - 1.0).astype(np.float32)
        return cls(height, width, *cv2.convertMaps(u, v, cv2.CV_16SC2))

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Look an image up.

        Args:
            image: (height, width, 3) uint8 RGB of the camera.

        Returns:
            (rows, columns, 3) uint8 RGB.
        """
        return cv2.remap(
            image, self.places, self.fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


class StraighteningCache:
    """The lookups of the last few cameras."""

    def __init__(self, config: ModelConfig):
        self._config = config
        self._known: OrderedDict[Hashable, Straightening] = OrderedDict()

    def __getitem__(self, camera: Camera) -> Straightening:
        """The lookup of a camera, computed when it is new."""
        # Wherever the camera is mounted, but for its horizon: a pose may change with every frame.
        top = ImageTransform.of_camera(camera, self._config).top
        key = (camera.intrinsics.tobytes(), camera.width, camera.height, camera.lens, top)
        if key not in self._known:
            self._known[key] = Straightening.of(camera, self._config)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def taken(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Whether pixels of the straight image are in the image that the lens took.

    Args:
        camera: with its lens.
        pixels: (..., 2) of the image of `camera.straight`.

    Returns:
        (...) bool.
    """
    if camera.lens.is_pinhole:
        return np.ones(pixels.shape[:-1], dtype=bool)
    u, v = camera.bend(pixels[..., 0], pixels[..., 1])
    with np.errstate(invalid="ignore"):
        return (u >= -0.5) & (u <= camera.width - 0.5) & (v >= -0.5) & (v <= camera.height - 0.5)


def takes_all(camera: Camera, left: float, right: float, top: float, bottom: float) -> bool:
    """Whether all of a part of the straight image is in the image that the lens took.

    Within its reach a lens maps without folds, so that what its border encloses stays enclosed.
    """
    if camera.lens.is_pinhole:
        return True
    u, v = np.linspace(left, right, BORDER), np.linspace(top, bottom, BORDER)
    across = [(u, np.full_like(u, y)) for y in (top, bottom)]
    along = [(np.full_like(v, x), v) for x in (left, right)]
    border = np.concatenate([np.stack(side, axis=-1) for side in (*across, *along)])
    return bool(taken(camera, border).all())
