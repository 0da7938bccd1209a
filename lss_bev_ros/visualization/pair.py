"""One picture of a training pair: what the senses see at both instants, and all that is true now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ..geometry import BevGrid, Box, Camera, Pose
from . import palette
from .bev import bev_pixels

_GAP = 6
_SCALE = 3
_MAPS = (
    ("drivable", (54, 60, 72)),
    ("walkway", (92, 78, 60)),
    ("crossing", (150, 150, 70)),
    ("lane_boundary", (240, 240, 240)),
    ("road_boundary", (230, 90, 90)),
    ("vehicle", palette.TRUTH),
    ("two_wheeler", (120, 190, 255)),
    ("person", palette.PERSON),
)
"""Maps and their colours, drawn in this order."""
_EARLIER = (220, 120, 60)
_FUTURE = (255, 90, 220)


def pair_sheet(
    images: np.ndarray,
    cameras: Sequence[Camera],
    clouds: tuple[np.ndarray, np.ndarray],
    motion: Pose,
    maps: Mapping[str, np.ndarray],
    things: np.ndarray,
    colours: np.ndarray,
    boxes: Sequence[Box],
    future: np.ndarray,
    grid: BevGrid,
) -> np.ndarray:
    """Compose a pair's picture: cameras of both instants, and maps, things and points from above.

    Args:
        images: (2, N, H, W, 3) uint8 RGB, earlier and now.
        cameras: of the pictures; three of them a row.
        clouds: (P, 3) metres each, base_link at its own instant.
        motion: base_link now in base_link then.
        maps: (nx, ny) bool by name; those of unknown names are left out.
        things: (nx, ny, heights) uint8, 0 for nothing.
        colours: (K, 3) uint8 RGB of the things.
        boxes: base_link now.
        future: (F, 2) metres, base_link now; NaN where unknown.
        grid: cells.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    strips = [
        np.concatenate(
            [
                np.concatenate([_camera(images[k, n], cameras[n], boxes if k else ()) for n in row], 1)
                for row in np.arange(len(cameras)).reshape(-1, 3)
            ]
        )
        for k in range(2)
    ]
    small = cv2.resize(strips[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    panels = [
        _decorated(_layers(maps, grid), boxes, future, grid),
        _decorated(_from_above(things, colours), boxes, future, grid),
        _decorated(_points(clouds, motion, grid), boxes, future, grid),
    ]
    return _page([[strips[1], small], panels])


def _camera(picture: np.ndarray, camera: Camera, boxes: Sequence[Box]) -> np.ndarray:
    picture = picture.copy()
    to_camera = camera.pose.inverse()
    for box in boxes:
        corners = to_camera.apply(box.corners())
        if corners[:, 2].min() < 0.5 or np.hypot(*box.pose.translation[:2]) > 40:
            continue
        pixels = np.round(camera.image(corners)).astype(int)
        color = palette.box_color(box.category)
        for a, b in [(k, (k + 1) % 4) for k in range(4)]:
            for p, q in ((a, b), (a + 4, b + 4), (a, a + 4)):
                cv2.line(picture, pixels[p].tolist(), pixels[q].tolist(), color, 1, cv2.LINE_AA)
    return picture


def _enlarged(cells: np.ndarray) -> np.ndarray:
    """Colours (nx, ny, 3) of cells as a picture: x up, y left."""
    return np.ascontiguousarray(cells[::-1, ::-1].repeat(_SCALE, 0).repeat(_SCALE, 1))


def _layers(maps: Mapping[str, np.ndarray], grid: BevGrid) -> np.ndarray:
    cells = np.full((*grid.shape, 3), palette.PAGE, np.uint8)
    for name, color in _MAPS:
        if name in maps:
            cells[maps[name]] = color
    return _enlarged(cells)


def _from_above(things: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The highest thing of each cell, brighter the higher it is."""
    heights = things.shape[2]
    top = heights - 1 - np.argmax(things[:, :, ::-1] > 0, 2)
    number = np.take_along_axis(things, top[..., None], 2)[..., 0]
    shade = 0.55 + 0.45 * top / heights
    return _enlarged((colours[number] * shade[..., None]).astype(np.uint8))


def _points(clouds: tuple[np.ndarray, np.ndarray], motion: Pose, grid: BevGrid) -> np.ndarray:
    picture = _enlarged(np.full((*grid.shape, 3), palette.PAGE, np.uint8))
    earlier = motion.inverse().apply(clouds[0].astype(np.float64))
    for cloud, color in ((earlier, _EARLIER), (clouds[1], palette.OBSTACLE)):
        column, row = np.floor(bev_pixels(cloud, grid, _SCALE)).astype(np.int64).T
        inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
        picture[row[inside], column[inside]] = color
    return picture


def _decorated(picture: np.ndarray, boxes: Sequence[Box], future: np.ndarray, grid: BevGrid) -> np.ndarray:
    def pixels(points: np.ndarray) -> np.ndarray:
        return np.round(bev_pixels(points, grid, _SCALE)).astype(np.int32)

    for box in boxes:
        color = palette.box_color(box.category)
        cv2.polylines(picture, [pixels(box.corners()[:4, :2])], True, color, 1, cv2.LINE_AA)
        if box.velocity is not None and np.hypot(*box.velocity) > 0.2:
            here = box.pose.translation[:2]
            begin, end = pixels(np.stack([here, here + box.velocity]))
            cv2.line(picture, begin.tolist(), end.tolist(), color, 1, cv2.LINE_AA)
    for place in pixels(future[np.isfinite(future).all(1)]):
        cv2.circle(picture, place.tolist(), 3, _FUTURE, -1, cv2.LINE_AA)
    cv2.circle(picture, pixels(np.zeros(2)).tolist(), 4, palette.EGO, -1, cv2.LINE_AA)
    return picture


def _page(rows: list[list[np.ndarray]]) -> np.ndarray:
    heights = [max(part.shape[0] for part in row) for row in rows]
    width = max(sum(part.shape[1] + _GAP for part in row) for row in rows)
    page = np.full((sum(heights) + _GAP * len(rows), width, 3), palette.PAGE, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for part in row:
            page[top : top + part.shape[0], left : left + part.shape[1]] = part
            left += part.shape[1] + _GAP
        top += height + _GAP
    return page
