"""Many frames on one page."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..evaluation.study import StudiedFrame
from ..geometry import CAMERA_NAMES, BevGrid, vehicle_raster
from ..images import preview
from . import palette
from .bev import bev_image

CAMERA_WIDTH, CAMERA_HEIGHT = 288, 162
GAP = 8
LABEL = 28


def contact_sheet(frames: Sequence[tuple[str, StudiedFrame]], grid: BevGrid) -> np.ndarray:
    """Put frames below each other: their label and IoU, six cameras, prediction with annotated outlines.

    Args:
        frames: a label and a frame each, from `Study.picked`.
        grid: of the predictions.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    side = 2 * CAMERA_HEIGHT + GAP
    width = 4 * GAP + 3 * CAMERA_WIDTH + side + GAP
    row = LABEL + side + 2 * GAP
    page = np.full((max(1, len(frames)) * row + GAP, width, 3), palette.PAGE, np.uint8)
    for k, (label, frame) in enumerate(frames):
        top = k * row + GAP
        text = f"{label}: {frame.keyframe.scene}, IoU {frame.iou:.2f}"
        color = tuple(int(v) for v in palette.TEXT)
        cv2.putText(page, text, (GAP, top + LABEL - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, color, 1, cv2.LINE_AA)
        top += LABEL
        cameras = frame.keyframe.cameras
        names = CAMERA_NAMES if set(CAMERA_NAMES) & set(cameras) else tuple(cameras)[: len(CAMERA_NAMES)]
        for n, name in enumerate(names):
            shot = cameras.get(name)
            if shot is None:
                continue
            x = GAP + (n % 3) * (CAMERA_WIDTH + GAP)
            y = top + (n // 3) * (CAMERA_HEIGHT + GAP)
            picture = preview(shot.jpeg(), CAMERA_WIDTH)
            if picture is not None:
                size = (CAMERA_WIDTH, CAMERA_HEIGHT)
                place = page[y : y + CAMERA_HEIGHT, x : x + CAMERA_WIDTH]
                place[...] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        truth = vehicle_raster(frame.keyframe.boxes, grid, 1)
        bev = bev_image(frame.occupancy, grid, 4, truth)
        x = GAP + 3 * (CAMERA_WIDTH + GAP)
        page[top : top + side, x : x + side] = cv2.resize(bev, (side, side), interpolation=cv2.INTER_AREA)
    return page
