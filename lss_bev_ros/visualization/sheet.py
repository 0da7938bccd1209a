"""One picture of one frame: its cameras, the prediction, LiDAR and the annotations."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..evaluation.lidar import LidarGrid
from ..geometry import CAMERA_NAMES, BevGrid
from ..images import preview
from . import palette
from .bev import bev_image, lidar_image, truth_image

_MARGIN = 32
_GAP = 16
_HEADER = 84
_LABEL = 40
_FOOTER = 64
_RADIUS = 10

_HEAD_LINE = {
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "near_iou": "near IoU",
    "lidar_support": "LiDAR for",
    "lidar_contradiction": "LiDAR against",
    "lidar_recall": "LiDAR recall",
}
"""The metrics that there is room for, and their short titles."""

CAMERAS_ALONE = "the cameras alone"
"""What the published network looks at, as it stands above its prediction."""


def frame_sheet(
    images: Mapping[str, np.ndarray | bytes],
    occupancy: np.ndarray,
    grid: BevGrid,
    lidar: LidarGrid | None = None,
    truth: np.ndarray | None = None,
    title: str = "",
    subtitle: str = "",
    metrics: Mapping[str, float] | None = None,
    width: int = 1920,
    seen_by: str = CAMERAS_ALONE,
) -> np.ndarray:
    """Compose a frame's picture.

    Args:
        images: camera name to (height, width, 3) uint8 RGB or a file; an absent camera is shown as such,
            unless there are cameras of other names than `CAMERA_NAMES`: then those that are there.
        occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
        grid: cells of occupancy, lidar and truth.
        lidar: what the scan says of the grid.
        truth: (nx, ny) bool, annotated vehicles.
        title: the head line, such as the scene.
        subtitle: small print below it, such as what made the prediction.
        metrics: scores by the evaluator's names; those with a short title are shown in the head line.
        width: pixels of the picture.
        seen_by: what the prediction was made from; empty where that is not known.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    names = _places(images)
    panel = (width - 2 * _MARGIN - 2 * _GAP) // 3
    camera_height = round(panel * 9 / 16)
    bev_height = round(panel * grid.shape[0] / grid.shape[1])
    cameras_top = _HEADER
    bev_top = cameras_top + math.ceil(len(names) / 3) * (camera_height + _GAP) + _LABEL
    page = Image.new("RGB", (width, bev_top + bev_height + _FOOTER), palette.PAGE)
    draw = ImageDraw.Draw(page)
    _head(draw, width, title, subtitle, metrics or {})
    for i, name in enumerate(names):
        left = _MARGIN + (i % 3) * (panel + _GAP)
        top = cameras_top + (i // 3) * (camera_height + _GAP)
        _camera(page, draw, (left, top), (panel, camera_height), name, images.get(name))
    scale = max(1, math.ceil(panel / grid.shape[1]))
    panels = (
        (
            f"Prediction, from {seen_by}" if seen_by else "Prediction",
            bev_image(occupancy, grid, scale, truth),
        ),
        (
            "LiDAR reference",
            None if lidar is None else lidar_image(lidar.occupied, lidar.free, grid, scale, truth),
        ),
        ("Annotated vehicles", None if truth is None else truth_image(truth, grid, scale)),
    )
    for i, (label, picture) in enumerate(panels):
        left = _MARGIN + i * (panel + _GAP)
        draw.text((left, bev_top - _LABEL / 2), label, palette.TEXT, _font(22), anchor="lm")
        _paste(page, draw, (left, bev_top), (panel, bev_height), picture, "not in this data set")
    _legend(draw, width, bev_top + bev_height + _FOOTER / 2)
    return np.asarray(page).copy()


def _places(images: Mapping[str, np.ndarray | bytes]) -> tuple[str, ...]:
    """The cameras in the order in which they are shown: nuScenes' six, or those of another car."""
    others = [name for name in images if name not in CAMERA_NAMES]
    if not others:
        return CAMERA_NAMES
    return (*(name for name in CAMERA_NAMES if name in images), *others)


def _head(
    draw: ImageDraw.ImageDraw, width: int, title: str, subtitle: str, metrics: Mapping[str, float]
) -> None:
    draw.text((_MARGIN, 32), title, palette.TEXT, _font(26), anchor="lm")
    draw.text((_MARGIN, 61), subtitle, palette.TEXT_DIM, _font(18), anchor="lm")
    right = width - _MARGIN
    shown = [(label, metrics[name]) for name, label in _HEAD_LINE.items() if name in metrics]
    for label, value in reversed(shown):
        text = "n/a" if math.isnan(value) else f"{value:.2f}"
        draw.text((right, 32), text, palette.TEXT, _font(26), anchor="rm")
        draw.text((right, 61), label, palette.TEXT_DIM, _font(16), anchor="rm")
        wide = max(draw.textlength(text, _font(26)), draw.textlength(label, _font(16)))
        right -= round(wide) + 28


def _camera(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    size: tuple[int, int],
    name: str,
    image: np.ndarray | bytes | None,
) -> None:
    _paste(page, draw, place, size, preview(image, size[0]), "no image")
    font = _font(18)
    tag = (place[0] + 10, place[1] + 10)
    box = draw.textbbox((tag[0] + 9, tag[1] + 13), name, font, anchor="lm")
    draw.rounded_rectangle((tag[0], tag[1], box[2] + 9, tag[1] + 27), 6, palette.PAGE)
    draw.text((tag[0] + 9, tag[1] + 13), name, palette.TEXT, font, anchor="lm")


def _paste(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    size: tuple[int, int],
    picture: np.ndarray | None,
    otherwise: str,
) -> None:
    """Put a picture into a panel with round corners, cropped to its shape; a note where there is none."""
    left, top = place
    if picture is None:
        draw.rounded_rectangle((left, top, left + size[0] - 1, top + size[1] - 1), _RADIUS, palette.PANEL)
        middle = (left + size[0] / 2, top + size[1] / 2)
        draw.text(middle, otherwise, palette.TEXT_DIM, _font(20), anchor="mm")
        return
    height, width = picture.shape[:2]
    shrink = min(width / size[0], height / size[1])
    crop_width, crop_height = round(size[0] * shrink), round(size[1] * shrink)
    x, y = (width - crop_width) // 2, (height - crop_height) // 2
    cropped = picture[y : y + crop_height, x : x + crop_width]
    resized = cv2.resize(cropped, size, interpolation=cv2.INTER_AREA)
    # Drawn at four times the size and shrunk, since Pillow does not smooth the edges of shapes.
    mask = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] * 4 - 1, size[1] * 4 - 1), _RADIUS * 4, 255)
    page.paste(Image.fromarray(resized), place, mask.resize(size, Image.Resampling.BOX))


def _legend(draw: ImageDraw.ImageDraw, width: int, middle: float) -> None:
    font = _font(17)
    x = float(_MARGIN)
    draw.text((x, middle), "vehicle probability  0 %", palette.TEXT_DIM, font, anchor="lm")
    x += draw.textlength("vehicle probability  0 %", font) + 10
    for percent, color in enumerate(palette.probability_colors()):
        left = x + percent * 1.6
        draw.rectangle((left, middle - 7, left + 1.6, middle + 7), tuple(int(value) for value in color))
    x += 101 * 1.6 + 10
    draw.text((x, middle), "100 %", palette.TEXT_DIM, font, anchor="lm")
    x += draw.textlength("100 %", font) + 36
    entries = (
        ("unseen", palette.UNKNOWN_STRIPE, True),
        ("LiDAR obstacle", palette.OBSTACLE, True),
        ("LiDAR free", palette.FREE, True),
        ("annotated vehicle", palette.TRUTH, False),
        ("ego vehicle", palette.EGO, True),
    )
    for label, color, filled in entries:
        box = (x, middle - 7, x + 14, middle + 7)
        draw.rectangle(box, fill=color if filled else None, outline=color, width=2)
        draw.text((x + 22, middle), label, palette.TEXT_DIM, font, anchor="lm")
        x += 22 + draw.textlength(label, font) + 32
    note = "forward is up, rings every 10 m"
    draw.text((width - _MARGIN, middle), note, palette.TEXT_DIM, font, anchor="rm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own typeface is there wherever Pillow is; OpenCV's stroke letters are hard to read.
    return ImageFont.load_default(size)
