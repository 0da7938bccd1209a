"""What the page and the MJPEG streams show of a frame, encoded once for all who watch."""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry import BevGrid, Camera
from ..images import preview
from ..visualization import bev_image, palette
from ..visualization.overlay import CameraOverlay
from .packing import pack_frame
from .scene import Frame

_GAP = 6
_BEV_SIDE = 1000
_MOST_SCALE = 4
"""Pixels of the grid's picture, along its longer side, and of one of its cells, at most."""

_ASPECT = 9 / 16


class Pictures:
    """Encodes frames. Not thread-safe; what depends on the calibration alone is kept from frame to frame."""

    def __init__(self, cameras: tuple[str, ...], camera_width: int = 640, quality: int = 75) -> None:
        """Configure.

        Args:
            cameras: names, in the order in which they are shown, three in a row.
            camera_width: pixels of a camera's picture, at most.
            quality: of JPEG, 1 to 100.
        """
        self._cameras = cameras
        self._width = camera_width
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._frame: Frame | None = None
        self._small: dict[str, np.ndarray] = {}
        self._overlays: dict[str, tuple[Camera, BevGrid, CameraOverlay]] = {}

    def page(self, frame: Frame) -> bytes:
        """The frame for the page, which draws the layers itself: a message of `packing`."""
        jpegs = {name: self._encode(image) for name, image in self._images(frame).items()}
        return pack_frame(frame, jpegs, self._cameras)

    def cam(self, frame: Frame) -> bytes:
        """JPEG of all cameras with predicted cells and boxes drawn into them."""
        images = self._images(frame)
        width, height = self._width, round(self._width * _ASPECT)
        rows = -(-len(self._cameras) // 3)
        size = (rows * (height + _GAP) + _GAP, 3 * (width + _GAP) + _GAP, 3)
        sheet = np.full(size, palette.PAGE[::-1], np.uint8)
        for index, name in enumerate(self._cameras):
            top = _GAP + index // 3 * (height + _GAP)
            left = _GAP + index % 3 * (width + _GAP)
            tile = sheet[top : top + height, left : left + width]
            if name in images:
                tile[...] = cv2.resize(self._overlaid(frame, name, images[name]), (width, height))
            else:
                tile[...] = palette.PANEL[::-1]
            label = name if name in images else f"{name}: no image"
            _write(tile, label)
        return self._encode(sheet)

    def bev(self, frame: Frame) -> bytes:
        """JPEG of the grid with LiDAR and annotated vehicles, of fewer pixels a cell where cells are many."""
        scale = max(1, min(_MOST_SCALE, _BEV_SIDE // max(frame.grid.shape)))
        occupancy = frame.occupancy
        if occupancy is None:
            occupancy = np.full(frame.grid.shape, -1, np.int8)
        picture = bev_image(occupancy, frame.grid, scale, frame.truth, frame.points)
        return self._encode(picture[..., ::-1])

    def _images(self, frame: Frame) -> dict[str, np.ndarray]:
        """The frame's images, small, (height, width, 3) uint8 BGR; damaged ones are left out."""
        if frame is not self._frame:
            small = {name: self._shrunk(image) for name, image in frame.images.items()}
            self._small = {name: image for name, image in small.items() if image is not None}
            self._frame = frame
        return self._small

    def _shrunk(self, image: bytes | np.ndarray) -> np.ndarray | None:
        """The image as BGR, no wider than is shown; None where it is damaged, whatever its bytes are."""
        picture = preview(image, self._width)
        if picture is None or not picture.size:
            return None
        height, width = picture.shape[:2]
        if width > self._width:
            size = (self._width, max(1, round(height * self._width / width)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)

    def _overlaid(self, frame: Frame, name: str, image: np.ndarray) -> np.ndarray:
        camera = next((camera for camera in frame.rig.cameras if camera.name == name), None)
        if camera is None:
            return image
        size = (image.shape[1], image.shape[0])
        known = self._overlays.get(name)
        if known is None or known[0] is not camera or known[1] != frame.grid or known[2].size != size:
            known = camera, frame.grid, CameraOverlay(camera, frame.grid, size)
            self._overlays[name] = known
        return known[2].draw(image[..., ::-1], frame.occupancy, frame.boxes or ())[..., ::-1]

    def _encode(self, bgr: np.ndarray) -> bytes:
        return cv2.imencode(".jpg", bgr, self._quality)[1].tobytes()


def _write(tile: np.ndarray, text: str) -> None:
    """Put small letters with a dark edge into the upper left corner, in place."""
    for color, thickness in ((palette.PAGE, 3), (palette.TEXT, 1)):
        cv2.putText(tile, text, (10, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color[::-1], thickness, cv2.LINE_AA)
