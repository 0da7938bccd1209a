"""Pictures of a drive, frame by frame: six cameras with what is predicted drawn into them, and the grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import EvaluationError
from ..evaluation.lidar import LidarReference
from ..geometry import BevGrid, Box, Rig
from ..images import preview
from . import palette
from .bev import bev_image
from .moment import ShownMoment, moment_sheet
from .overlay import CameraOverlay

# Two columns, so that left is left and right is right.
_ROWS = (
    ("cam_front", "cam_back"),
    ("cam_front_left", "cam_front_right"),
    ("cam_back_left", "cam_back_right"),
)
_OBSTACLE_HEIGHTS = (0.3, 2.5)
"""Metres above ground of the returns that are drawn: the same that evaluation counts as obstacles."""


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One instant to draw.

    Attributes:
        stamp: nanoseconds.
        rig: calibration of the cameras; one that is missing here shows its image without an overlay.
        images: camera name to a JPEG, PNG or WebP file, or to (height, width, 3) uint8 RGB.
        occupancy: (nx, ny) integers over `grid`, -1 unknown, 0 to 100 percent.
        grid: the cells.
        truth: (nx, ny) bool, annotated vehicles; None without annotations.
        boxes: annotated objects in base_link.
        points: (N, 3) metres, base_link, a LiDAR scan; None without.
        lidar_origin: (3,) the LiDAR in base_link, metres.
        title: such as the scene.
        moment: every answer of a multi-sense network, which are drawn in the place of all else; None without.
    """

    stamp: int
    rig: Rig
    images: Mapping[str, bytes | np.ndarray]
    occupancy: np.ndarray
    grid: BevGrid
    truth: np.ndarray | None = None
    boxes: tuple[Box, ...] = ()
    points: np.ndarray | None = None
    lidar_origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    title: str = ""
    moment: ShownMoment | None = None


class FilmPainter:
    """Draws frames of one size; what depends on the calibration alone is kept between frames.

    Args:
        width: pixels; the height is nine sixteenths of it, or that of `moment_sheet`, both even as video
            wants them.
        threshold: probability from which a cell is drawn into the cameras.
        subtitle: what made the predictions.
        boxes: whether annotated vehicles, or the objects of a multi-sense network, are drawn.
    """

    def __init__(
        self, width: int = 1280, threshold: float = 0.5, subtitle: str = "", boxes: bool = True
    ) -> None:
        if not 320 <= width <= 3840:
            raise EvaluationError(f"a film is 320 to 3840 pixels wide, not {width}")
        self._unit = width / 1280
        self.size = (width // 2 * 2, round(width * 9 / 16) // 2 * 2)
        self._threshold = threshold
        self._subtitle = subtitle
        self._boxes = boxes
        gap, top = self._px(12), self._px(48)
        tall = (self.size[1] - top - 3 * gap) // 3
        self._camera_size = (round(tall * 16 / 9), tall)
        self._places = {
            name: (gap + column * (self._camera_size[0] + gap), top + row * (tall + gap))
            for row, names in enumerate(_ROWS)
            for column, name in enumerate(names)
        }
        left = 3 * gap + 2 * self._camera_size[0]
        self._bev = (left, top, self.size[0] - left - gap)
        self._overlays: dict[str, CameraOverlay] = {}
        self._rig = ""
        self._lidar: LidarReference | None = None

    def paint(self, frame: FilmFrame) -> np.ndarray:
        """Draw a frame: (height, width, 3) uint8 RGB."""
        if frame.moment is not None:
            shown = frame.moment if self._boxes else replace(frame.moment, objects=())
            title = "   ".join(filter(None, (frame.title, self._subtitle)))
            return moment_sheet(replace(shown, title=shown.title or title), self.size[0])
        if frame.rig.fingerprint != self._rig:
            self._rig, self._overlays = frame.rig.fingerprint, {}
        page = Image.new("RGB", self.size, palette.PAGE)
        draw = ImageDraw.Draw(page)
        gap = self._px(12)
        draw.text((gap, self._px(24)), frame.title, palette.TEXT, self._font(21), anchor="lm")
        right = (self.size[0] - gap, self._px(24))
        draw.text(right, self._subtitle, palette.TEXT_DIM, self._font(16), anchor="rm")
        for name, place in self._names(frame).items():
            page.paste(self._round(self._camera(frame, name)), place, self._mask(self._camera_size))
            at = (place[0] + self._px(9), place[1] + self._px(9))
            self._tag(draw, at, name.removeprefix("cam_").replace("_", " "))
        self._grid(page, draw, frame)
        return np.asarray(page).copy()

    def _names(self, frame: FilmFrame) -> dict[str, tuple[int, int]]:
        """Camera to place: nuScenes' six have their own, others take those that are left."""
        own = {name: place for name, place in self._places.items() if name in frame.rig.names}
        strangers = [name for name in frame.rig.names if name not in self._places]
        left = [place for name, place in self._places.items() if name not in own]
        places = own | dict(zip(strangers, left, strict=False))
        rest = {name: place for name, place in self._places.items() if place not in places.values()}
        return places | rest

    def _camera(self, frame: FilmFrame, name: str) -> np.ndarray:
        width, height = self._camera_size
        picture = _decode(frame.images.get(name), self._camera_size)
        if picture is None:
            panel = np.empty((height, width, 3), np.uint8)
            panel[...] = palette.PANEL
            cv2.putText(
                panel, "no image", (width // 3, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.5, palette.TEXT_DIM
            )
            return panel
        if name not in frame.rig.names:
            return picture
        if name not in self._overlays:
            self._overlays[name] = CameraOverlay(frame.rig[name], frame.grid, self._camera_size)
        boxes = [box for box in frame.boxes if box.is_vehicle] if self._boxes else []
        return self._overlays[name].draw(picture, frame.occupancy, boxes, self._threshold)

    def _grid(self, page: Image.Image, draw: ImageDraw.ImageDraw, frame: FilmFrame) -> None:
        left, top, side = self._bev
        scale = max(1, -(-side // max(frame.grid.shape)))
        picture = bev_image(frame.occupancy, frame.grid, scale, frame.truth, self._obstacles(frame))
        # The longer side fills the panel; the default grid is a square.
        shrink = side / max(picture.shape[:2])
        size = (round(picture.shape[1] * shrink), round(picture.shape[0] * shrink))
        resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        page.paste(self._round(resized), (left, top), self._mask(size))
        self._tag(draw, (left + self._px(9), top + self._px(9)), "bird's-eye view, forward is up")
        self._legend(draw, left, top + size[1] + self._px(26))

    def _obstacles(self, frame: FilmFrame) -> np.ndarray | None:
        """What of a scan stands on the ground; the ground itself would hide the grid."""
        if frame.points is None or not len(frame.points):
            return None
        if self._lidar is None:
            self._lidar = LidarReference(frame.grid)
        seen = self._lidar.observe(frame.points, frame.lidar_origin)
        low, high = _OBSTACLE_HEIGHTS
        return seen.points[(seen.heights >= low) & (seen.heights <= high)]

    def _legend(self, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        font, step = self._font(16), self._px(27)
        colors = palette.probability_colors()
        bar = self._px(110)
        for x in range(bar):
            color = tuple(int(value) for value in colors[round(x / bar * 100)])
            draw.rectangle((left + x, top - self._px(6), left + x + 1, top + self._px(6)), fill=color)
        text = left + bar + self._px(12)
        draw.text((text, top), "vehicle probability, 0 to 100 %", palette.TEXT_DIM, font, anchor="lm")
        entries = (
            (palette.TRUTH, False, "annotated vehicle"),
            (palette.OBSTACLE, True, "LiDAR obstacle"),
            (palette.UNKNOWN_STRIPE, True, "seen by no camera"),
        )
        for row, (color, filled, label) in enumerate(entries, 1):
            y = top + row * step
            box = (left, y - self._px(6), left + self._px(14), y + self._px(6))
            draw.rectangle(box, fill=color if filled else None, outline=color, width=max(1, self._px(2)))
            draw.text((left + self._px(24), y), label, palette.TEXT_DIM, font, anchor="lm")

    def _tag(self, draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str) -> None:
        font, inside = self._font(14), self._px(7)
        middle = place[1] + self._px(11)
        box = draw.textbbox((place[0] + inside, middle), text, font, anchor="lm")
        corner = (box[2] + inside, place[1] + self._px(22))
        draw.rounded_rectangle((*place, *corner), self._px(5), palette.PAGE)
        draw.text((place[0] + inside, middle), text, palette.TEXT, font, anchor="lm")

    def _round(self, picture: np.ndarray) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(picture))

    def _mask(self, size: tuple[int, int]) -> Image.Image:
        """Round corners, smooth: drawn at four times the size, since Pillow does not smooth shapes."""
        mask = Image.new("L", (size[0] * 4, size[1] * 4), 0)
        corner = (size[0] * 4 - 1, size[1] * 4 - 1)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *corner), self._px(7) * 4, 255)
        return mask.resize(size, Image.Resampling.BOX)

    def _px(self, pixels: float) -> int:
        return max(1, round(pixels * self._unit))

    def _font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(max(8, size * self._unit))


def _decode(image: bytes | np.ndarray | None, size: tuple[int, int]) -> np.ndarray | None:
    """An image at a size as (height, width, 3) uint8 RGB; None where there is none or it is damaged."""
    picture = preview(image, size[0])
    return None if picture is None else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
