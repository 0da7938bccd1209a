"""Pictures of cameras with real lenses: a wider pinhole picture is drawn and bent."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry import Camera, Lens, Pose
from .sensors import CAMERA_CHANNELS

LENSES: dict[str, Lens] = {
    "plumb_bob": Lens("plumb_bob", (-0.32, 0.13, 0.0006, -0.0004, -0.025)),
    "rational_polynomial": Lens(
        "rational_polynomial", (0.42, -0.08, 0.0003, 0.0002, 0.012, 0.78, 0.03, 0.001)
    ),
    "equidistant": Lens("equidistant", (-0.018, 0.0035, -0.0008, 0.0001)),
}
"""A lens of each model, as car cameras have them: their corners are bent by a fifth to a quarter."""

MIXED = "mixed"
"""The name of a rig whose cameras have pinholes and all lenses in turn."""

WIDEST = 3.0
"""Times the picture's size that is drawn along each axis, at most; corners beyond it are black."""


def lenses_of(name: str) -> dict[str, Lens]:
    """The lens of each channel, for the name of a lens, `mixed`, or "" for pinholes."""
    if not name:
        return {}
    if name == MIXED:
        kinds = (Lens(), *LENSES.values())
        return {channel: kinds[index % len(kinds)] for index, channel in enumerate(CAMERA_CHANNELS)}
    return dict.fromkeys(CAMERA_CHANNELS, LENSES[name])


@dataclass(frozen=True, eq=False)
class Bending:
    """How the picture of a pinhole becomes that of a lens.

    Attributes:
        width, height: of the picture that is drawn, pixels.
        left, top: of the lens's picture in it, pixels.
        map: (H, W, 2) float32, where each pixel of the lens's picture is in the one that is drawn.
    """

    width: int
    height: int
    left: int
    top: int
    map: np.ndarray

    @classmethod
    def of(cls, intrinsics: np.ndarray, width: int, height: int, lens: Lens) -> Bending:
        """For pictures of `width` x `height` pixels of a camera with `intrinsics` (3, 3)."""
        camera = Camera("cam", intrinsics, width, height, Pose.identity(), lens)
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)
        straight = camera.straight.image(camera.rays(pixels))
        size = np.array([width, height])
        low = np.maximum(np.floor(np.nanmin(straight, axis=(0, 1))) - 2, -(WIDEST - 1) / 2 * size).astype(int)
        high = np.minimum(np.ceil(np.nanmax(straight, axis=(0, 1))) + 3, (WIDEST + 1) / 2 * size).astype(int)
        low, high = np.minimum(low, 0), np.maximum(high, size)
        places = np.nan_to_num(straight - low, nan=-9.0).astype(np.float32)
        return cls(int(high[0] - low[0]), int(high[1] - low[1]), int(-low[0]), int(-low[1]), places)

    def bend(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 of the (height, width, 3) that was drawn; black where the lens sees nothing."""
        # OpenCV takes None for the second map where the first has both; its annotations do not.
        return cv2.remap(  # type: ignore[call-overload]
            image, self.map, None, cv2.INTER_CUBIC, borderValue=(0, 0, 0)
        )

    def pick(self, values: np.ndarray, outside: float) -> np.ndarray:
        """(2 H, 2 W) values of the (2 height, 2 width) samples that were drawn, the nearest of each."""
        fine = cv2.resize(self.map, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) * 2 + 0.5
        columns, rows = np.round(fine[..., 0]).astype(int), np.round(fine[..., 1]).astype(int)
        inside = (columns >= 0) & (rows >= 0) & (columns < values.shape[1]) & (rows < values.shape[0])
        picked = np.full(inside.shape, outside, values.dtype)
        picked[inside] = values[rows[inside], columns[inside]]
        return picked
